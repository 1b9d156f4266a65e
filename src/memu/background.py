"""An event loop on a thread of the library's own: for calls without `await`, and for connections that are kept."""

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent import futures
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")

LOOKS = 0.2
"""Seconds between two looks for an interrupt, while somebody waits."""


def wait_for(call: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on the library's loop; not to be called from there, which would wait for itself.

    An interrupt (Ctrl-C) ends it: nobody would know any more what it still does.
    """
    running = asyncio.run_coroutine_threadsafe(call, loop())
    try:
        while not futures.wait([running], LOOKS).done:
            pass  # the system may hand an interrupt to another thread, which does not wake this one
        return running.result()
    except BaseException:
        running.cancel()
        raise


async def run_there(call: Coroutine[Any, Any, T]) -> T:
    """The same from any event loop, without holding it up; cancelling it cancels the coroutine."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(call, loop()))


def begin(call: Coroutine[Any, Any, Any]) -> None:
    """Have a coroutine run on the library's loop, whenever that comes to it."""
    asyncio.run_coroutine_threadsafe(call, loop())


@cache
def loop() -> asyncio.AbstractEventLoop:
    """The library's loop, which runs as long as the process."""
    made = asyncio.new_event_loop()
    threading.Thread(target=made.run_forever, name="memu-loop", daemon=True).start()
    return made


if hasattr(os, "register_at_fork"):  # a forked child has the parent's objects and none of its threads
    os.register_at_fork(after_in_child=loop.cache_clear)
