"""Functions of many kinds, for tests to make tools of."""

from dataclasses import dataclass
from enum import Enum
from typing import Literal, TypedDict


class Colour(Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    y: int = 0


class Typed(TypedDict):
    n: int


class Opaque:
    """Something that JSON has no word for."""


def weather(city: str, unit: Literal["c", "f"] = "c") -> str:
    """Tell the weather in a city.

    It may be wrong.

    Args:
        city: where, by its
            name: in full
        unit (str): Celsius or Fahrenheit

    Returns:
        what it is like
    """
    return f"{city}: 20 {unit}"


def add(a: int, b: int) -> int:
    """Add two numbers.

    :param a: the first
    :param int b: the second
    :returns: the sum
    """
    return a + b


OPAQUE = Opaque()


def bare(one, *rest, two=OPAQUE, **more):  # type: ignore[no-untyped-def]
    return one


async def later(seconds: float) -> float:
    """Wait."""
    return seconds
