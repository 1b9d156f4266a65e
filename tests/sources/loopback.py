"""A real web server on this machine, and names for it that look like the open internet."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PUBLIC = "93.184.216.34"
Unprivileged = Callable[[], AbstractContextManager[None]]


class Handler(BaseHTTPRequestHandler):
    """Answers by path; `server.seen` collects what was asked."""

    server: "WebServer"

    def do_GET(self) -> None:
        self.server.seen.append((self.path, dict(self.headers)))
        address = urlsplit(self.path)
        query = parse_qs(address.query, keep_blank_values=True)
        action = getattr(self, address.path.strip("/").partition(".")[0], None)
        with suppress(BrokenPipeError, ConnectionResetError):
            if action is None:
                self.answer(404, "text/plain", b"nothing here")
            else:
                action(query)

    def answer(self, status: int, kind: str, body: bytes, **headers: str) -> None:
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        headers.setdefault("Content_Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def page(self, query: dict[str, list[str]]) -> None:
        kind = query.get("type", ["text/plain; charset=utf-8"])[0]
        body = bytes.fromhex(query["hex"][0]) if "hex" in query else query.get("body", ["Hello."])[0].encode()
        self.answer(int(query.get("status", ["200"])[0]), kind, body)

    def redirect(self, query: dict[str, list[str]]) -> None:
        self.answer(int(query.get("status", ["302"])[0]), "", b"", Location=query["to"][0])

    def nowhere(self, query: dict[str, list[str]]) -> None:
        self.answer(302, "", b"")

    def loop(self, query: dict[str, list[str]]) -> None:
        count = int(query.get("n", ["0"])[0])
        left = int(query.get("left", ["99"])[0])
        if left == 0:
            self.answer(200, "text/plain", b"arrived")
        else:
            self.answer(302, "", b"", Location=f"/loop?n={count + 1}&left={left - 1}")

    def endless(self, query: dict[str, list[str]]) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.server.stopping.is_set():
            self.wfile.write(b"x" * 10_000)

    def stall(self, query: dict[str, list[str]]) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"begun")
        self.server.stopping.wait(60)

    def trickle(self, query: dict[str, list[str]]) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not self.server.stopping.wait(0.02):
            self.wfile.write(b"x")

    def short(self, query: dict[str, list[str]]) -> None:
        self.answer(200, "text/plain", b"less", Content_Length="1000")

    def long(self, query: dict[str, list[str]]) -> None:
        self.answer(200, "text/plain", b"Hello. And more than was said", Content_Length="6")

    def huge(self, query: dict[str, list[str]]) -> None:
        self.answer(200, "text/plain", b"x", Content_Length="99999999999999999999")

    def packed(self, query: dict[str, list[str]]) -> None:
        self.answer(200, "text/plain", b"\x1f\x8b", Content_Encoding="gzip")

    def garbage(self, query: dict[str, list[str]]) -> None:
        self.wfile.write(b"this is no HTTP\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:
        """Tests read `seen` instead."""


class WebServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.stopping = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def paths(self) -> list[str]:
        return [path for path, _ in self.seen]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what many tests are about."""


@dataclass
class Internet:
    """Host names and the answers they give in turn (the last one stays); public addresses lead to this machine."""

    hosts: dict[str, list[list[str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    connected: list[str] = field(default_factory=list)

    def host(self, name: str, *answers: str | list[str]) -> None:
        self.hosts[name] = [[answer] if isinstance(answer, str) else answer for answer in answers]
