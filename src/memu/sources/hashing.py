"""When two texts are the same text: equal after normalisation, never by similarity."""

import hashlib
import unicodedata
from collections.abc import Iterable
from datetime import datetime


def normalized(text: str) -> str:
    """The form in which texts are compared: Unicode NFC, white space collapsed; letter case is kept."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def digest(*parts: str) -> str:
    """A SHA-256 over parts that cannot run into each other, as 64 hex digits."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8")
        state.update(f"{len(data)}:".encode())
        state.update(data)
    return state.hexdigest()


def message_hash(speaker: str | None, at: datetime | None, text: str, heading: str | None = None) -> str:
    """The identity of one message: who said it, when, under which heading, and the normalised words."""
    return digest(speaker or "", at.isoformat() if at else "", normalized(text), heading or "")


def rolling_hashes(hashes: Iterable[str]) -> tuple[str, ...]:
    """For each position, a hash of all messages up to it: a prefix of a conversation has the same hash at its end."""
    rolled: list[str] = []
    for value in hashes:
        rolled.append(digest(rolled[-1] if rolled else "", value))
    return tuple(rolled)
