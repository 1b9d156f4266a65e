"""A network that fails on purpose: a TCP proxy on the loopback address that cuts, stalls and refuses connections."""

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from typing import Any, Self, cast

NO_LINGERING = struct.pack("ii", 1, 0)
"""A socket option with which closing resets the connection."""
PATIENCE = 10.0
"""Seconds that a command may take."""


class Proxy:
    """Forwards connections to a server until told otherwise; ends with its `with` block.

    Args:
        target_host: where the server is.
        target_port: the server's port.
    """

    def __init__(self, target_host: str, target_port: int) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        self.target = (target_host, target_port)
        self.stalled = False
        self.sides: set[_Side] = set()
        self._listener: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.accept()
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    @property
    def connections(self) -> int:
        """How many connections clients have to it."""
        return sum(side.is_client for side in tuple(self.sides))

    def cut(self) -> None:
        """Reset all connections at both ends; new ones are forwarded."""
        self._do(self._cut())

    def stall(self) -> None:
        """Stop forwarding: connections stay open, new ones are taken, and nothing gets through."""
        self._do(self._stall(True))

    def resume(self) -> None:
        """Forward again, first what has waited."""
        self._do(self._stall(False))

    def refuse(self) -> None:
        """Reset all connections, and refuse new ones."""
        self._do(self._refuse())

    def accept(self) -> None:
        """Take connections again, at the same port."""
        self._do(self._accept())

    def _do(self, command: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(command, self._loop).result(PATIENCE)

    async def _accept(self) -> None:
        if self._listener is None:
            self._listener = await self._loop.create_server(lambda: _Side(self), self.host, self.port)
            self.port = self._listener.sockets[0].getsockname()[1]

    async def _refuse(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        await self._cut()

    async def _cut(self) -> None:
        while self.sides:
            for side in self.sides:
                side.reset()
            await asyncio.sleep(0)

    async def _stall(self, stalled: bool) -> None:
        self.stalled = stalled
        for side in self.sides:
            side.flow()


class _Side(asyncio.Protocol):
    """One end of a connection: the client's, or the server's with the client's as its peer."""

    def __init__(self, proxy: Proxy, peer: "_Side | None" = None) -> None:
        self.proxy = proxy
        self.peer = peer
        self.is_client = peer is None
        self.full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.proxy.sides.add(self)
        if self.peer is None:
            self.reaching = asyncio.ensure_future(self._reach())
        elif self.peer in self.proxy.sides:
            self.peer.peer = self
            self.peer.flow()
        else:
            self.reset()
        self.flow()

    async def _reach(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: _Side(self.proxy, self), *self.proxy.target)
        except OSError:
            self.reset()

    def flow(self) -> None:
        """Read from this end only while the other can take it."""
        if self.peer is None or self.proxy.stalled or self.peer.full:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        if self.peer is not None:
            self.peer.transport.write(data)

    def pause_writing(self) -> None:
        self._fill(True)

    def resume_writing(self) -> None:
        self._fill(False)

    def _fill(self, full: bool) -> None:
        self.full = full
        if self.peer is not None:
            self.peer.flow()

    def connection_lost(self, exc: Exception | None) -> None:
        self.proxy.sides.discard(self)
        if self.peer in self.proxy.sides:
            if exc is None:
                self.peer.transport.close()
            else:
                self.peer.reset()
        elif self.is_client:
            self.reaching.cancel()

    def reset(self) -> None:
        """Close this end at once, and let who is there see an error."""
        if not self.transport.is_closing():
            plain: socket.socket = self.transport.get_extra_info("socket")
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGERING)
        self.transport.abort()
