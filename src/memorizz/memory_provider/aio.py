"""A provider whose methods are coroutines: the same provider, on threads of its own."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Self

from memorizz.memory_provider.base import MemoryProvider
from memu.errors import ClosedError
from memu.forked import renews

THREADS = 8
"""Calls that run at the same time."""


class AsyncMemoryProvider:
    """Every public method of a provider as a coroutine: `await provider.aio.store(data, memory_type)`."""

    def __init__(self, provider: MemoryProvider) -> None:
        self.provider = provider
        self._closed = False
        self.renew()
        renews(self)

    def renew(self) -> None:
        """Threads, in a child new ones."""
        self._threads = ThreadPoolExecutor(THREADS, "memorizz")

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        """The method of that name, to be awaited."""
        method = getattr(self.provider, name) if not name.startswith("_") and hasattr(MemoryProvider, name) else None
        if not callable(method):
            raise AttributeError(f"a memory provider has no method {name!r}.")
        return partial(self._run, method)

    async def _run(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self._closed:
            raise ClosedError("the provider was closed: make a new one.")
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(method, *args, **kwargs))

    def stop(self) -> None:
        """Take no further calls, and let the threads end after those that are running."""
        self._closed = True
        self._threads.shutdown(wait=False)

    async def close(self) -> None:
        """Close the provider, after the calls that are running; idempotent."""
        self._closed = True
        await asyncio.to_thread(self._threads.shutdown)
        await asyncio.to_thread(self.provider.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
