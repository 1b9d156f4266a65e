"""A real web server on this machine, and settings and names with which it is reached."""

import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from loopback import PUBLIC, Internet, Unprivileged, WebServer

from memu.settings import BlobConfig


@pytest.fixture
def server() -> Iterator[WebServer]:
    web = WebServer()
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield web
    web.stopping.set()
    web.shutdown()
    thread.join()
    web.server_close()


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Internet:
    net = Internet()
    real_connect = socket.socket.connect

    def getaddrinfo(host: str | bytes, port: int, *args: object, **options: object) -> list[object]:
        name = host.decode() if isinstance(host, bytes) else host
        net.asked.append(name)
        if name not in net.hosts:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        answers = net.hosts[name]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0))
            if ":" in address
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in addresses
        ]

    def connect(connection: socket.socket, address: tuple[str, int]) -> None:
        net.connected.append(address[0])
        real_connect(connection, ("127.0.0.1", address[1]) if address[0] == PUBLIC else address)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(socket.socket, "connect", connect)
    return net


@pytest.fixture
def private() -> BlobConfig:
    """Settings that let a test reach its own server."""
    return BlobConfig(allow_private_urls=True, timeout=20.0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user of this machine can reach, unlike `tmp_path`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def unprivileged() -> Unprivileged:
    """Acting as a user whom permissions bind, also when the tests run as root."""

    @contextmanager
    def act() -> Iterator[None]:
        if os.geteuid() != 0:
            yield
            return
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)

    return act
