"""An event loop on a thread of the library's own: for calls without `await`, and for connections that are kept."""

import asyncio
import logging
import os
import threading
from collections.abc import Coroutine
from concurrent import futures
from functools import cache
from typing import Any, TypeVar

from memu.errors import InputError
from memu.forked import Lock

logger = logging.getLogger("memu.background")

T = TypeVar("T")

LOOKS = 0.2
"""Seconds between two looks for an interrupt, while somebody waits."""


def wait_for(call: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on the library's loop.

    An interrupt (Ctrl-C) ends it: nobody would know any more what it still does.

    Raises:
        InputError: called from that loop, such as by a hook, which would wait for itself.
    """
    if here() is loop():
        call.close()
        raise InputError("this waits for the loop that it is called from, and would wait for ever: use `await` there.")
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


def here() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs on this thread, if one does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


_starting = Lock(threading.RLock)
"""Taken again by its own thread where the garbage collection closes a client meanwhile."""


def loop() -> asyncio.AbstractEventLoop:
    """The library's loop, one for all threads, which runs as long as the process."""
    with _starting:
        return _started()


@cache
def _started() -> asyncio.AbstractEventLoop:
    made = asyncio.new_event_loop()
    threading.Thread(target=_keep_running, args=(made,), name="memu-loop", daemon=True).start()
    return made


def _keep_running(made: asyncio.AbstractEventLoop) -> None:
    """Run a loop whatever a call raises: SystemExit and KeyboardInterrupt end it, and concern their waiter only."""
    while not made.is_closed():
        try:
            made.run_forever()
        except BaseException as error:
            logger.warning("the library's event loop goes on after %r, which a call raised there.", error)


if hasattr(os, "register_at_fork"):  # a forked child has the parent's objects and none of its threads
    os.register_at_fork(after_in_child=_started.cache_clear)
