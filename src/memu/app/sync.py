"""The service without `await`, for scripts: one wrapper for every call, so there is no second copy of any."""

import inspect
from collections.abc import Coroutine
from functools import wraps
from typing import Any, TypeVar

from memu import background
from memu.errors import InputError

T = TypeVar("T")


class SyncService:
    """Every call of a `MemoryService`, run to its end before it returns.

    Example:
        memory = MemoryService(user_id="alice").sync
        memory.memorize("I moved to Lisbon in March.")
    """

    def __init__(self, service: Any) -> None:
        self._service = service

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._service, name)
        if not inspect.iscoroutinefunction(member):
            return member

        @wraps(member)
        def call(*args: Any, **kwargs: Any) -> Any:
            return run(member(*args, **kwargs))

        return call

    def __dir__(self) -> list[str]:
        return dir(self._service)

    def __enter__(self) -> "SyncService":
        return self

    def __exit__(self, *_: object) -> None:
        self._service.close()


def run(call: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, on a loop of the library's own thread.

    Raises:
        InputError: called on an event loop's thread, which it would block; use `await` there.
    """
    if background.here() is None:
        return background.wait_for(call)
    call.close()
    raise InputError("the synchronous calls would block this event loop: await the service's own methods instead.")
