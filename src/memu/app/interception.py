"""What a service lets its user see of the language models: hooks around their calls, and what they used."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from memu.errors import InputError
from memu.llm.base import Answer, Call, Request
from memu.llm.interceptors import Hook, When
from memu.llm.models import Models
from memu.llm.usage import UsageLog

Where = Callable[[Call, Request], bool] | Mapping[str, Any] | None
"""Which calls a hook is for."""

STATUSES: dict[When, str] = {"before": "running", "after": "success", "error": "error"}


class Interception:
    """The hooks of a service. `where` is a function of call and request, or a mapping such as `{"step": "extract"}`.

    A mapping has `step` (or `step_id`), `operation`, `profile`, `model`, `status`, `user` and `agent`, also in the
    plural; each with a value or several. All have to fit. Hooks of lower `priority` run first.
    """

    _models: Models

    @property
    def usage(self) -> UsageLog:
        """What language models read and wrote, and what that cost."""
        return self._models.usage

    def intercept_before_llm_call(
        self, fn: Callable[..., Any], *, name: str | None = None, priority: int = 0, where: Where = None
    ) -> Hook:
        """Have `fn(ctx, request)` called before a model is asked; a `Request` that it returns is sent instead.

        Returns:
            a handle whose `dispose()` takes the hook out.
        """
        return self._models.interceptors.before(fn, name=name, priority=priority, where=_reader(where, "before"))

    def intercept_after_llm_call(
        self, fn: Callable[..., Any], *, name: str | None = None, priority: int = 0, where: Where = None
    ) -> Hook:
        """Have `fn(ctx, request, answer, tokens)` called after a model answered; see `intercept_before_llm_call`."""

        def run(call: Call, request: Request, answer: Answer[Any]) -> Any:
            return fn(call, request, answer, answer.tokens)

        named = name or _name(fn)
        return self._models.interceptors.after(run, name=named, priority=priority, where=_reader(where, "after"))

    def intercept_on_error_llm_call(
        self, fn: Callable[..., Any], *, name: str | None = None, priority: int = 0, where: Where = None
    ) -> Hook:
        """Have `fn(ctx, request, error, tokens)` called when a call failed; the error is raised all the same.

        The tokens are those of the answers that came nevertheless, such as one that was cut off.
        """
        named = name or _name(fn)
        return self._models.interceptors.on_error(fn, name=named, priority=priority, where=_reader(where, "error"))


FIELDS: dict[str, Callable[[Call, Request], Any]] = {
    "step": lambda call, _: call.step,
    "step_id": lambda call, _: call.step,
    "user": lambda call, _: call.user,
    "agent": lambda call, _: call.agent,
    "operation": lambda _, request: request.operation,
    "profile": lambda _, request: request.profile,
    "model": lambda _, request: request.model,
}


def _reader(where: Where, when: When) -> Callable[[Call, Request], bool] | None:
    """A condition as a function.

    Raises:
        InputError: it has a field that there is not.
    """
    if where is None or callable(where):
        return where
    wanted: dict[str, set[Any]] = {}
    for field, value in where.items():
        name = "status" if field in ("status", "statuses") else field.removesuffix("s")
        if name != "status" and name not in FIELDS:
            raise InputError(f"where: {field!r} is no field of a call: expected {', '.join(FIELDS)} or status.")
        several = isinstance(value, Sequence | set | frozenset) and not isinstance(value, str)
        wanted[name] = set(value) if several else {value}
    fits = STATUSES[when] in wanted.pop("status", {STATUSES[when]})
    return lambda call, request: fits and all(FIELDS[name](call, request) in values for name, values in wanted.items())


def _name(fn: Any) -> str:
    return str(getattr(fn, "__name__", fn))
