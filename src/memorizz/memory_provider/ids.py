"""Ids: a row's is a UUID, a document's is what its caller says."""

from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from memorizz.memory_provider.memory_type import MemoryType
from memorizz.memory_provider.values import UNSTORABLE, ObjectIdLike
from memu.errors import FilterError, InputError

LONGEST = 255
"""Characters of an id or a name."""


def new_id() -> str:
    """An id that no document has."""
    return str(uuid4())


def row_id(kind: MemoryType, given: str) -> str:
    """The UUID of the row of a document's id: the id itself when it is one in canonical form, else made from it."""
    return given if is_uuid(given) else str(uuid5(NAMESPACE_URL, f"memorizz:{kind.value}:{given}"))


def is_uuid(text: str) -> bool:
    """Whether a string is a UUID in canonical form."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def known_id(given: Any, what: str = "id") -> str | None:
    """An id to look for as a string; None for what no document can have as its id.

    Raises:
        FilterError: it is a dict, a list or the like, which could be meant as more than one value.
    """
    text = _as_text(refuse_many(given, what))
    return text if text and len(text) <= LONGEST and not UNSTORABLE.search(text) else None


def refuse_many(given: Any, what: str) -> Any:
    """The value itself; FilterError when it is something that holds values."""
    if isinstance(given, Mapping | list | tuple | set | frozenset):
        raise FilterError(f"{what} is a {type(given).__name__}: expected a single value, to be compared for equality.")
    return given


def given_id(document: Mapping[str, Any]) -> str | None:
    """The id that a document gives itself, by `_id` or `id`; None when it gives none.

    Raises:
        InputError: the two differ, or it is none that can be kept.
    """
    found = {_checked(document[key], key) for key in ("_id", "id") if document.get(key) is not None}
    if len(found) > 1:
        raise InputError(f"the document has two ids, {' and '.join(map(repr, sorted(found)))}: expected one, as _id.")
    return found.pop() if found else None


def _checked(given: Any, key: str) -> str:
    text = known_id(given, key)
    if text is None:
        raise InputError(f"{key} is {given!r}: expected a string of 1 to {LONGEST} characters, a UUID or an ObjectId.")
    return text


def _as_text(given: Any) -> str | None:
    if isinstance(given, str):
        return given
    return str(given) if isinstance(given, UUID | ObjectIdLike) else None
