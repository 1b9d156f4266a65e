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
    """A group that matches one of the alternatives, which are patterns, the longest first.

    In a string they stand apart by white space. An underscore is white space of the text, an apostrophe also the
    curly one: "can't_stand look?s".
    """
    if isinstance(alternatives, str):
        alternatives = alternatives.replace("_", r"\s+").replace("'", "['’]").split()
    return f"(?:{'|'.join(sorted(alternatives, key=len, reverse=True))})"


def phrases(*alternatives: str) -> LazyPattern:
    """A lazy pattern of whole words: any of the alternatives."""
    return lazy(rf"\b(?:{'|'.join(alternatives)})\b")


def start(*alternatives: str) -> LazyPattern:
    """A lazy pattern for `match`: any of the alternatives, ending with a word."""
    return lazy(rf"(?:{'|'.join(alternatives)})\b")
