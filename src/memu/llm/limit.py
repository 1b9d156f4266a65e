"""How many requests run at once, whatever threads and event loops they come from."""

import asyncio
from collections import deque
from concurrent.futures import Future

from memu.forked import Lock, renews


class Limit:
    """A number of places; `with` and `async with` take one, in the order of asking.

    An `asyncio.Semaphore` belongs to one event loop, and a service may be called from several.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._lock = Lock()
        self.renew()
        renews(self)

    def renew(self) -> None:
        """All places are free, as in a child: who had one is not there."""
        self._free = self._places
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> None:
        if (place := self._ask()) is not None:
            place.result()

    def __exit__(self, *_: object) -> None:
        self._give_back()

    async def __aenter__(self) -> None:
        if (place := self._ask()) is None:
            return
        try:
            await asyncio.wrap_future(place)
        except asyncio.CancelledError:
            if not place.cancel():  # it was given in the same moment
                self._give_back()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._give_back()

    def _ask(self) -> Future[None] | None:
        with self._lock:
            if self._free:
                self._free -= 1
                return None
            place: Future[None] = Future()
            self._waiting.append(place)
            return place

    def _give_back(self) -> None:
        with self._lock:
            while self._waiting:
                place = self._waiting.popleft()
                if place.set_running_or_notify_cancel():
                    place.set_result(None)
                    return
            self._free += 1
