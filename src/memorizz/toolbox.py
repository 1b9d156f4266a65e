"""Tools: functions that are described in a provider, found by what they do, and called in this process."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Generic, ParamSpec, TypeVar, overload

from memorizz.keeping import checked_provider, keep, text_of
from memorizz.memory_provider.base import UNSET, MemoryProvider, Owner
from memorizz.memory_provider.documents import EMBEDDING
from memorizz.memory_provider.ids import refuse_many
from memorizz.memory_provider.memory_type import MemoryType
from memorizz.memory_provider.results import Document, Results
from memorizz.sameness import are_alike
from memorizz.signatures import tool_document, tool_text
from memu.errors import ConfigError, InputError, InputTypeError
from memu.forked import Lock

TOOLBOX = MemoryType.TOOLBOX
FOUND_BY = ("name", "description", "parameters")
"""What a tool's vector is made of."""

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])


class RegisteredTool(str, Generic[P, R]):
    """The id of a tool, which is called as its function is.

    So `register_tool(function)` gives an id, and `@register_tool` leaves something to call.
    """

    __wrapped__: Callable[P, R]

    def __new__(cls, tool_id: str, func: Callable[P, R]) -> "RegisteredTool[P, R]":
        """An id and its function, whose name and docstring it takes."""
        made = super().__new__(cls, tool_id)
        functools.update_wrapper(made, func)
        return made

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function."""
        return self.__wrapped__(*args, **kwargs)

    def __copy__(self) -> "RegisteredTool[P, R]":
        return self

    def __deepcopy__(self, _memo: object) -> "RegisteredTool[P, R]":
        return self

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """Pickled it is the id alone: no function travels."""
        return str, (str(self),)


class Toolbox:
    """The tools of a provider.

    What a function is called, does and takes is kept; the function itself is not, and nothing is ever imported because
    a document says so. A tool has its function in the toolboxes that registered it: after a restart, register it again.
    Its id follows from the function's module and name, so it is the same one, and its document is brought up to date.

    Args:
        memory_provider: where the tools are kept.
    """

    def __init__(self, memory_provider: MemoryProvider) -> None:
        self.memory_provider = checked_provider(memory_provider)
        self._functions: dict[str, Callable[..., Any]] = {}
        self._lock = Lock()

    # --- registering --------------------------------------------------------------------------------------------------

    @overload
    def register_tool(
        self,
        func: Callable[P, R],
        *,
        name: str | None = None,
        description: str | None = None,
        augment: bool = False,
        user_id: str | None = None,
    ) -> RegisteredTool[P, R]: ...

    @overload
    def register_tool(
        self,
        func: None = None,
        *,
        name: str | None = None,
        description: str | None = None,
        augment: bool = False,
        user_id: str | None = None,
    ) -> Callable[[F], F]: ...

    def register_tool(
        self,
        func: Any = None,
        *,
        name: str | None = None,
        description: str | None = None,
        augment: bool = False,
        user_id: str | None = None,
    ) -> Any:
        """Keep what a function does and takes, and the function at hand.

        Args:
            func: the function; without it a decorator is given.
            name: what the tool is called; the function's own name by default.
            description: what it does; the beginning of the function's docstring by default.
            augment: must be False: no language model adds to a description here.
            user_id: the user that the tool belongs to, whose own it is: another user's has another id.

        Returns:
            Of a call, the tool's id, which can be called as the function, so that `@toolbox.register_tool` works; of
            `@toolbox.register_tool()`, the function itself.

        Raises:
            InputError: what the function takes cannot be described, it has no name, or another function is registered
                under its id.
            ConfigError: `augment` was asked for; or there is no model to embed the description with.
        """
        if augment:
            raise ConfigError("augment needs a language model, which a toolbox does not have: give a description.")
        if func is None:
            return functools.partial(self._registered, name=name, description=description, user_id=user_id)
        plain = func.__wrapped__ if isinstance(func, RegisteredTool) else func
        return RegisteredTool(self._register(plain, name, description, user_id), plain)

    def _registered(self, func: F, *, name: str | None, description: str | None, user_id: str | None) -> F:
        self._register(func, name, description, user_id)
        return func

    def _register(
        self, func: Callable[..., Any], name: str | None, description: str | None, user_id: str | None
    ) -> str:
        document = tool_document(func, name, description, user_id)
        held = self._functions.get(document["tool_id"])
        if held is not None and not are_alike(held, func):
            raise InputError(
                f"{func!r} has the id of {held!r}, which is registered as "
                f"{document['name']!r}: give one of them a name of its own, name=…."
            )
        tool_id = keep(self.memory_provider, TOOLBOX, document["tool_id"], document, tool_text(document))
        with self._lock:
            self._functions[tool_id] = func
        return tool_id

    # --- finding ------------------------------------------------------------------------------------------------------

    def get_tool_by_name(self, name: str, *, user_id: Owner = UNSET) -> Document | None:
        """The newest tool of a name."""
        return self.memory_provider.retrieve_by_name(name, TOOLBOX, user_id=user_id)

    def get_tool_by_id(self, tool_id: str, *, user_id: Owner = UNSET) -> Document | None:
        """The tool of an id."""
        return self.memory_provider.retrieve_by_id(tool_id, TOOLBOX, user_id=user_id)

    def get_most_similar_tools(self, query: str, limit: int = 5, *, user_id: Owner = UNSET) -> Results:
        """The tools that suit a text best, each with its `score`; `function` is what a language model is told."""
        return self.memory_provider.retrieve_by_query(text_of(query, "query"), TOOLBOX, limit, user_id=user_id)

    def list_tools(self, *, user_id: Owner = UNSET) -> Results:
        """All tools, the newest first."""
        return self.memory_provider.list_all(TOOLBOX, user_id)

    def get_function_by_id(self, tool_id: str) -> Callable[..., Any] | None:
        """The function of a tool; None when this toolbox has not registered it, or it was deleted here."""
        return self._functions.get(tool_id)

    # --- changing -----------------------------------------------------------------------------------------------------

    def update_tool_by_id(self, tool_id: str, data: Mapping[str, Any], *, user_id: Owner = UNSET) -> bool:
        """Set some keys of a tool's document; whether there was one. Its vector follows what it is found by.

        Registering the function again says anew what follows from it, and leaves all other keys.
        """
        if not isinstance(data, Mapping):
            raise InputTypeError(f"data is a {type(data).__name__}: expected a dict of what is to be set.")
        held = self.get_tool_by_id(tool_id, user_id=user_id)
        if held is None:
            return False
        changes = dict(data)
        if EMBEDDING not in changes and any(key in changes for key in FOUND_BY):
            changes[EMBEDDING] = self.memory_provider.embed_text(tool_text({**held, **changes}))
        return self.memory_provider.update_by_id(tool_id, changes, TOOLBOX, user_id=user_id)

    def delete_tool_by_name(self, name: str, *, user_id: Owner = UNSET) -> bool:
        """Delete the newest tool of a name; whether there was one."""
        own = {} if user_id is UNSET else {"user_id": user_id}  # a filter passes over what is nobody's
        found = self.memory_provider.retrieve_by_query({"name": refuse_many(name, "name"), **own}, TOOLBOX)
        return bool(found) and self.delete_tool_by_id(found["_id"], user_id=user_id)

    def delete_tool_by_id(self, tool_id: str, *, user_id: Owner = UNSET) -> bool:
        """Delete a tool, and let go of its function; whether there was one."""
        deleted = self.memory_provider.delete_by_id(tool_id, TOOLBOX, user_id=user_id)
        if deleted or self.get_tool_by_id(tool_id) is None:
            with self._lock:
                self._functions.pop(tool_id, None)
        return deleted

    def delete_all(self) -> bool:
        """Delete all tools of the provider, whoever registered them; True."""
        deleted = self.memory_provider.delete_all(TOOLBOX)
        with self._lock:
            self._functions.clear()
        return deleted
