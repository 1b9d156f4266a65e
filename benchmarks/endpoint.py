"""An endpoint on this machine that stands in for a language model's, for the benchmarks that count what is asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Endpoint(BaseHTTPRequestHandler):
    """Answers each request with what a subclass says to it."""

    protocol_version = "HTTP/1.1"

    def reply(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The answer to one request, both as JSON."""
        raise NotImplementedError

    def do_POST(self) -> None:
        """Answer one request."""
        body = json.dumps(self.reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def said(words: str) -> dict[str, Any]:
    """An answer of a model that says some words."""
    return {"choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": words}}]}


@contextmanager
def running(handler: type[Endpoint]) -> Iterator[str]:
    """The address of a running endpoint."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()
