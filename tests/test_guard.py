"""Nothing leaves this machine: the socket guard works in child processes, and memu gives it nothing to refuse (P10)."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

GUARD = Path(__file__).parent / "guard"

USE_MEMU = """
import sys
opened = []
sys.addaudithook(lambda event, arguments: opened.append(arguments[1]) if event == "socket.__new__" else None)
import socket
from memu.app import MemoryService
with MemoryService(user_id="alice", database_config={"provider": "sqlite", "sqlite_path": "memory.db"}) as service:
    service.sync.memorize("I moved to Lisbon in March. My sister Ana works as a nurse.")
    found = service.sync.retrieve("Which city did I move to?")
    assert "Lisbon" in found["items"][0]["summary"], found
    assert found["signals"]["dense"], found["signals"]
print(sorted({socket.AddressFamily(family).name for family in opened}))
"""


def run_guarded(folder: Path, code: str, **variables: str) -> tuple[subprocess.CompletedProcess[str], str]:
    """Run code in a process that only the environment guards; its result, and what the guard recorded."""
    log = folder / "guard.log"
    environment = {**os.environ, "PYTHONPATH": str(GUARD), "MEMU_GUARD_LOG": str(log), **variables}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done, log.read_text() if log.exists() else ""


@pytest.mark.parametrize(
    ("call", "target"),
    [
        ("socket.create_connection(('192.0.2.1', 80), timeout=1)", "192.0.2.1"),
        ("socket.create_connection(('example.com', 80), timeout=1)", "example.com"),
        ("socket.socket().connect_ex(('192.0.2.1', 80))", "192.0.2.1"),
        ("socket.socket(socket.AF_INET6).connect(('2001:db8::1', 80))", "2001:db8::1"),
        ("socket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('192.0.2.1', 53))", "192.0.2.1"),
        ("socket.socket(type=socket.SOCK_DGRAM).sendmsg([b''], [], 0, ('192.0.2.1', 53))", "192.0.2.1"),
        ("socket.getaddrinfo('example.com', 80)", "example.com"),
        ("socket.gethostbyname('example.com')", "example.com"),
        ("__import__('_socket').socket().connect(('192.0.2.1', 80))", "192.0.2.1"),
        ("asyncio.run(asyncio.open_connection('192.0.2.1', 80))", "192.0.2.1"),
        ("__import__('httpx').get('http://192.0.2.1/')", "192.0.2.1"),
    ],
)
def test_guard_refuses_and_records(tmp_path: Path, call: str, target: str) -> None:
    done, recorded = run_guarded(tmp_path, f"import asyncio, socket; {call}")
    assert done.returncode != 0
    assert "refused" in done.stderr
    assert target in recorded


def test_guard_covers_grandchildren_and_swallowed_errors(tmp_path: Path) -> None:
    inner = "import socket, contextlib\nwith contextlib.suppress(OSError): socket.create_connection(('192.0.2.1', 80))"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}], check=True)"
    done, recorded = run_guarded(tmp_path, outer)
    assert done.returncode == 0
    assert "192.0.2.1" in recorded


def test_guard_lets_this_machine_talk_to_itself(tmp_path: Path) -> None:
    code = """if True:
        import socket
        for family, host in ((socket.AF_INET, "localhost"), (socket.AF_INET, "127.0.0.1")):
            with socket.create_server((host, 0), family=family) as server:
                socket.create_connection(server.getsockname()[:2]).close()
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("unix.sock")
            server.listen()
            socket.socket(socket.AF_UNIX).connect("unix.sock")
    """
    done, recorded = run_guarded(tmp_path, code)
    assert (done.returncode, done.stderr, recorded) == (0, "", "")


def test_this_run_is_guarded_when_it_says_so() -> None:
    """`make test` names a log: then the guard must be in this very process, or the log would prove nothing."""
    if "MEMU_GUARD_LOG" in os.environ:
        assert Path(sys.modules["sitecustomize"].__file__ or "").parent == GUARD


def test_memorize_and_retrieve_open_no_network_socket(tmp_path: Path) -> None:
    """Not even an unused one: only the pair with which asyncio wakes its own loop, which has no address."""
    done, recorded = run_guarded(tmp_path, USE_MEMU, OPENAI_API_KEY="sk-not-to-be-used", HF_HUB_OFFLINE="0")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("[]", "['AF_UNIX']")
    assert recorded == ""


FORBID = "import native; assert native.supported(); native.forbid_network_sockets()\n"
OPEN_ONE = "import ctypes; ctypes.CDLL(None).socket({family}, 2, 0)"


@pytest.mark.skipif(sys.platform != "linux", reason="the filter is one of Linux's kernel")
@pytest.mark.parametrize(("family", "ends"), [(2, -signal.SIGSYS), (10, -signal.SIGSYS), (1, 0)])
def test_the_kernel_ends_a_process_whose_native_code_opens_a_network_socket(
    tmp_path: Path, family: int, ends: int
) -> None:
    done, _ = run_guarded(tmp_path, FORBID + OPEN_ONE.format(family=family))
    assert done.returncode == ends, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="the filter is one of Linux's kernel")
def test_native_code_opens_no_network_socket_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """What runs the model is native; by itself it writes an id of this machine and sends it to its makers."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done, _ = run_guarded(tmp_path, FORBID + USE_MEMU, TMPDIR=str(temporary), XDG_CACHE_HOME=str(temporary))
    assert done.returncode == 0, done.stderr
    assert list(temporary.iterdir()) == []
