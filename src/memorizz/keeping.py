"""How the objects that users make are kept in a provider: under an id of their own, with a vector that texts find."""

from collections.abc import Mapping
from typing import Any

from memorizz.memory_provider.base import MemoryProvider
from memorizz.memory_provider.documents import FIXED
from memorizz.memory_provider.ids import known_id
from memorizz.memory_provider.memory_type import MemoryType
from memu.errors import InputError, InputTypeError


def keep(provider: MemoryProvider, kind: MemoryType, id: str, document: Mapping[str, Any], text: str) -> str:
    """Store a document under an id, or set its keys in the one that is there; others' keys in it stay.

    Args:
        provider: where.
        kind: what it is.
        id: its id, the same for whoever keeps it, so that two who do so at once make one document.
        document: what is kept, without a vector; a user or a memory that is None is not said.
        text: what its vector is made of.

    Returns:
        The id.

    Raises:
        InputError: the one that is kept is of another user or memory.
    """
    said = {key: value for key, value in document.items() if not (key in FIXED and value is None)}
    whole = {**said, "embedding": checked_provider(provider).embed_text(text)}
    if not provider.update_by_id(id, whole, kind):
        provider.store({**whole, "_id": id}, kind)
    return id


def checked_provider(provider: Any) -> MemoryProvider:
    """The provider itself; InputTypeError when it is none."""
    if not isinstance(provider, MemoryProvider):
        raise InputTypeError(f"the provider is a {type(provider).__name__}: expected a memory provider.")
    return provider


def name_of(given: Any, what: str) -> str:
    """A name or an id that can be kept.

    Raises:
        InputTypeError: it is no string.
        InputError: it is empty, too long, or holds what no database keeps.
    """
    if not isinstance(given, str):
        raise InputTypeError(f"{what} is a {type(given).__name__}: expected a string.")
    if not given.strip() or known_id(given, what) is None:
        raise InputError(f"{what} is {given[:40]!r}: expected 1 to 255 characters, not only spaces.")
    return given


def text_of(given: Any, what: str) -> str:
    """A text; InputTypeError when it is none."""
    if not isinstance(given, str):
        raise InputTypeError(f"{what} is a {type(given).__name__}: expected a string.")
    return given


def sentences(*texts: str | None) -> str:
    """Several texts as one, each with a full stop; empty ones are left out."""
    given = [text.strip() for text in texts if text and text.strip()]
    return " ".join(text if text.endswith((".", "!", "?")) else f"{text}." for text in given)
