"""Whose memory a call may touch: the (user, agent) pair, with any further scope fields of the user model."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from memu.errors import ScopeError

CORE_FIELDS = ("user_id", "agent_id")
DEFAULT = "default"
MAX_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Scope:
    """One memory space: a value for every scope field, in the order of the store's scope columns.

    Values compare character for character; nothing is folded, trimmed or normalised.
    """

    items: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, values: Mapping[str, Any] | None = None, *, fields: Iterable[str] = CORE_FIELDS) -> "Scope":
        """Make a scope from a mapping; fields that it lacks are `"default"`.

        Raises:
            ScopeError: a value is None, not a string, empty, too long, or holds control characters or outer spaces;
                or the mapping names a field that is not a scope field.
        """
        values, fields = values or {}, tuple(fields)
        if unknown := [name for name in values if name not in fields]:
            raise ScopeError(f"unknown scope field {unknown[0]!r}: this store's are {', '.join(fields)}.")
        return cls(tuple((name, check_value(name, values.get(name, DEFAULT))) for name in fields))

    def as_dict(self) -> dict[str, str]:
        """The scope as column values."""
        return dict(self.items)

    def __str__(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.items)


def check_value(name: str, value: Any) -> str:
    """Return `value` when it can name a user or an agent, else raise ScopeError saying why it cannot."""
    if value is None:
        raise ScopeError(f"{name} is None: expected a string. Is the user logged in? Nothing was read or written.")
    if not isinstance(value, str):
        raise ScopeError(f"{name} is a {type(value).__name__}: expected a string, one user or agent per call.")
    if not 1 <= len(value) <= MAX_LENGTH:
        raise ScopeError(f"{name} has {len(value)} characters: expected 1 to {MAX_LENGTH}.")
    if value != value.strip():
        raise ScopeError(f"{name} {value!r} begins or ends with white space: strip it before the call.")
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in value):
        raise ScopeError(f"{name} {value!r} holds a control character or a lone surrogate: expected plain text.")
    return value
