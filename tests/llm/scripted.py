"""An OpenAI-compatible HTTP server on this machine that says what a test wants, and remembers what it was asked."""

import hashlib
import json
import select
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from servers.process import wait_until

WIDTH = 64
"""The dimension of the vectors, which hold the words of a text."""


@dataclass(frozen=True)
class Seen:
    """One request: its path, its headers in small letters, and its body."""

    path: str
    headers: dict[str, str]
    body: bytes
    peer: str = ""
    """The address of the connection that it came by."""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reply:
    """What is answered: a body, or what goes wrong with it.

    `cut` ends the connection after so many bytes of the body; `held` keeps the answer back until the event is set or
    the client has gone, which sets `gone`.
    """

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    held: threading.Event | None = None
    gone: threading.Event = field(default_factory=threading.Event)

    @property
    def bytes(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Handler = Callable[[Seen], Reply]


def chat(text: str | None, *, finish: str = "stop", refusal: str | None = None, usage: Any = (7, 3)) -> Reply:
    """A chat completion."""
    message = {"role": "assistant", "content": text, "refusal": refusal}
    counts = usage and {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return Reply({"id": "1", "object": "chat.completion", "model": "scripted-1", "choices": [choice], "usage": counts})


def error(status: int, message: str = "the script says so", **headers: str) -> Reply:
    """An error in the protocol's form."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply({"error": {"message": message, "type": "scripted", "code": None}}, status, named)


def vector(text: str) -> list[float]:
    """A vector of the words of a text: the same for the same words, and not of length 1."""
    numbers = [0.0] * WIDTH
    for word in text.casefold().replace(".", " ").replace("?", " ").split():
        numbers[int.from_bytes(hashlib.sha256(word.encode()).digest()[:4]) % WIDTH] += 3.0
    return numbers if any(numbers) else [1.0] * WIDTH


def embeddings(seen: Seen) -> Reply:
    """The vectors of a request, last text first, so that only `index` says which is which."""
    rows = [
        {"object": "embedding", "index": at, "embedding": vector(text)} for at, text in enumerate(seen.json["input"])
    ]
    return Reply({"object": "list", "data": rows[::-1], "model": "scripted-1", "usage": {"prompt_tokens": len(rows)}})


def answer(seen: Seen) -> Reply:
    """What is answered when the script has come to its end."""
    if seen.path.endswith("/embeddings"):
        return embeddings(seen)
    if seen.path.endswith("/transcriptions"):
        return Reply({"text": "I moved to Lisbon in March."})
    if seen.path.endswith("/models"):
        return Reply({"object": "list", "data": [{"id": "scripted-1", "object": "model"}]})
    if seen.path.endswith("/chat/completions"):
        return chat("Understood.")
    return error(404, "no such path")


class Scripted:
    """A running server. What `script` holds is answered first, in order; then `otherwise` answers."""

    def __init__(self) -> None:
        self.script: deque[Reply | Handler] = deque()
        self.otherwise: Handler = answer
        self.seen: list[Seen] = []
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def say(self, *replies: "Reply | Handler") -> None:
        """Put answers at the end of the script."""
        self.script.extend(replies)

    def asked(self, path: str = "") -> list[Seen]:
        """The requests so far, to one path or to all."""
        return [one for one in self.seen if one.path.endswith(path)]

    def wait_for(self, requests: int) -> None:
        """Wait until so many requests have come."""
        wait_until(lambda: len(self.seen) >= requests, 20, lambda: f"{len(self.seen)} requests came, not {requests}")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def next_reply(self, seen: Seen) -> Reply:
        with self._lock:
            self.seen.append(seen)
            say = self.script.popleft() if self.script else self.otherwise
        return say if isinstance(say, Reply) else say(seen)

    def come(self, more: int) -> None:
        with self._lock:
            self.at_once += more
            self.most_at_once = max(self.most_at_once, self.at_once)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class OneRequest(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                owner.come(1)
                try:
                    reply = owner.next_reply(Seen(self.path, headers, body, str(self.client_address)))
                    wait(reply, self.connection)
                finally:
                    owner.come(-1)
                if not reply.gone.is_set():
                    self.send(reply)

            do_GET = do_POST

            def send(self, reply: Reply) -> None:
                text = reply.bytes
                self.send_response(reply.status)
                for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text[: reply.cut])
                self.close_connection = reply.cut is not None

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return OneRequest


def wait(reply: Reply, connection: socket.socket) -> None:
    """Hold an answer back until it may go, or nobody wants it any more."""
    while reply.held is not None and not reply.held.is_set():
        readable, _, _ = select.select([connection], [], [], 0.01)
        if readable and connection.recv(1, socket.MSG_PEEK) == b"":
            reply.gone.set()
            return


@contextmanager
def scripted() -> Iterator[Scripted]:
    """A server of the test's own."""
    server = Scripted()
    try:
        yield server
    finally:
        server.close()
