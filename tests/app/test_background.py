"""The library's own event loop, as a script that waits for it sees it."""

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from memu import background
from memu.errors import InputError


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


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_what_would_end_the_loop_is_raised_by_its_own_call_and_harms_no_other(kind: type[BaseException]) -> None:
    async def other(begun: threading.Event, goes_on: asyncio.Event) -> str:
        begun.set()
        await goes_on.wait()
        return "done"

    async def leave() -> None:
        raise kind("a hook's")

    async def nested() -> None:
        await asyncio.gather(leave(), asyncio.sleep(0))

    async def let(goes_on: asyncio.Event) -> None:
        goes_on.set()

    begun, goes_on = threading.Event(), asyncio.Event()
    beside = asyncio.run_coroutine_threadsafe(other(begun, goes_on), background.loop())
    assert begun.wait(20)
    for work in (leave, nested):
        with pytest.raises(kind, match="a hook's"):
            background.wait_for(work())
    asyncio.run_coroutine_threadsafe(let(goes_on), background.loop()).result(20)
    assert beside.result(20) == "done"


def test_waiting_on_the_librarys_own_loop_is_refused() -> None:
    async def inner() -> None: ...

    async def outer() -> None:
        background.wait_for(inner())

    with pytest.raises(InputError, match="would wait for ever"):
        asyncio.run_coroutine_threadsafe(outer(), background.loop()).result(20)


FIRST_USE = """
import sys, threading
from memu import background

sys.setswitchinterval(1e-6)
together, found = threading.Barrier(16), []

def use():
    together.wait()
    found.append(background.loop())

threads = [threading.Thread(target=use) for _ in range(16)]
for one in threads:
    one.start()
for one in threads:
    one.join()
print(len(found), len(set(found)))
"""


def test_threads_that_use_the_loop_first_share_one() -> None:
    done = subprocess.run([sys.executable, "-c", FIRST_USE], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["16", "1"]
