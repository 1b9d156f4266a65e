"""Regular expressions and word sets that are made when first used, not at import."""

import re
from collections.abc import Callable, Iterable
from functools import cache

LazyPattern = Callable[[], re.Pattern[str]]


def lazy(pattern: str, flags: int = re.IGNORECASE) -> LazyPattern:
    """A function that compiles `pattern` on its first call and returns the same object ever after."""
    return cache(lambda: re.compile(pattern, flags))


def words(text: str) -> frozenset[str]:
    """The words of a string that lists them, as a set."""
    return frozenset(text.split())


def any_of(alternatives: str | Iterable[str]) -> str:
    """A group that matches one of the alternatives, the longest first; in a string they stand apart by white space."""
    parts = alternatives.split() if isinstance(alternatives, str) else alternatives
    return f"(?:{'|'.join(sorted(parts, key=len, reverse=True))})"
