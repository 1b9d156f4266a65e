"""Whether two functions that are called alike are one that was made twice, or two that do different things."""

import functools
import inspect
from types import FunctionType
from typing import Any


def are_alike(one: Any, other: Any) -> bool:
    """Whether a function may take the place of another of the same module and name.

    It may when it is the same, or its definition was read again, as by reloading a module. It may not when one
    definition made both with different things in them: methods of two objects, closures over two values.
    """
    if one is other or type(one) is not type(other):
        return one is other
    if isinstance(one, functools.partial):
        return are_alike(one.func, other.func) and _equal((one.args, one.keywords), (other.args, other.keywords))
    if inspect.isclass(one):
        return True
    if isinstance(one, FunctionType):
        return one.__code__ is not other.__code__ or _equal(_held(one), _held(other))
    return _equal(one, other)


def _held(func: FunctionType) -> tuple[Any, ...]:
    """What a function has beside its code."""
    return func.__defaults__, func.__kwdefaults__, *(func.__closure__ or ())


def _equal(one: Any, other: Any) -> bool:
    """Whether two values are equal; what cannot be compared is not."""
    try:
        return bool(one == other)
    except Exception:  # the values are the user's own, and so is what comparing them does
        return False
