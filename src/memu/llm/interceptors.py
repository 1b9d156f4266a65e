"""Hooks of the user's own around the calls of models: before one, after it, and when it failed."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from memu.errors import InputTypeError, InterceptorError
from memu.llm.base import Answer, Call, Request, Tokens

When = Literal["before", "after", "error"]
Where = Callable[[Call, Request], bool]


@dataclass(eq=False, slots=True)
class Hook:
    """A registered hook; `dispose` takes it out again."""

    when: When
    run: Callable[..., Any]
    name: str
    priority: int
    where: Where | None
    owner: "Interceptors" = field(repr=False)

    def dispose(self) -> bool:
        """Take the hook out; False when it is out already."""
        return self.owner.remove(self)


class Interceptors:
    """Hooks in order: those of lower priority first, equal ones as they came. A hook may be a coroutine function.

    A hook that raises ends the call with an `InterceptorError`; so a hook can forbid a call.
    """

    def __init__(self) -> None:
        self._hooks: tuple[Hook, ...] = ()

    def before(
        self, run: Callable[..., Any], *, name: str | None = None, priority: int = 0, where: Where | None = None
    ) -> Hook:
        """Have `run(call, request)` called before a model is asked; a `Request` that it returns is sent instead."""
        return self._add("before", run, name, priority, where)

    def after(
        self, run: Callable[..., Any], *, name: str | None = None, priority: int = 0, where: Where | None = None
    ) -> Hook:
        """Have `run(call, request, answer)` called after a model answered."""
        return self._add("after", run, name, priority, where)

    def on_error(
        self, run: Callable[..., Any], *, name: str | None = None, priority: int = 0, where: Where | None = None
    ) -> Hook:
        """Have `run(call, request, error, tokens)` called when a call failed; the error is raised all the same.

        The tokens are those of the answers that came nevertheless, such as one that was cut off.
        """
        return self._add("error", run, name, priority, where)

    def remove(self, hook: Hook) -> bool:
        """Take a hook out; False when it is not in."""
        kept = tuple(one for one in self._hooks if one is not hook)
        removed, self._hooks = len(kept) < len(self._hooks), kept
        return removed

    async def run_before(self, call: Call, request: Request) -> Request:
        """Run the hooks of before a call; what is to be asked."""
        for hook in self._those("before", call, request):
            changed = await self._run(hook, call, request)
            if isinstance(changed, Request):
                request = changed
            elif changed is not None:
                raise InterceptorError(
                    f"the interceptor {hook.name} returned a {type(changed).__name__}: expected a Request, or None."
                )
        return request

    async def run_after(self, call: Call, request: Request, answer: Answer[Any]) -> None:
        """Run the hooks of after a call."""
        for hook in self._those("after", call, request):
            await self._run(hook, call, request, answer)

    async def run_error(self, call: Call, request: Request, error: BaseException, tokens: Tokens) -> None:
        """Run the hooks of a failed call."""
        for hook in self._those("error", call, request):
            await self._run(hook, call, request, error, tokens)

    def _add(self, when: When, run: Callable[..., Any], name: str | None, priority: int, where: Where | None) -> Hook:
        if not callable(run):
            raise InputTypeError(f"an interceptor is a {type(run).__name__}: expected a function.")
        hook = Hook(when, run, name or str(getattr(run, "__name__", run)), priority, where, self)
        self._hooks = tuple(sorted((*self._hooks, hook), key=lambda one: one.priority))
        return hook

    def _those(self, when: When, call: Call, request: Request) -> list[Hook]:
        return [hook for hook in self._hooks if hook.when == when and (not hook.where or hook.where(call, request))]

    @staticmethod
    async def _run(hook: Hook, *args: Any) -> Any:
        try:
            told = hook.run(*args)
            return await told if inspect.isawaitable(told) else told
        except Exception as error:
            raise InterceptorError(
                f"the interceptor {hook.name} raised {type(error).__name__}: mend it, or take it out with dispose()."
            ) from error
