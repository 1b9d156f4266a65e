"""The library's own event loop, as a script that waits for it sees it."""

import asyncio
import signal
import sys
import threading
from collections.abc import Iterator

import pytest

from memu import background


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Interrupts as a program has them that was not started in the background."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_ends_the_wait_and_the_work_whatever_thread_it_is_handed_to() -> None:
    waiting, ended = threading.get_ident(), threading.Event()

    async def work() -> None:
        while sys._current_frames()[waiting].f_code.co_name != "wait":  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(KeyboardInterrupt):
        background.wait_for(work())
    assert ended.wait(20)


def test_an_error_of_the_work_is_raised_as_it_is() -> None:
    async def work() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        background.wait_for(work())
