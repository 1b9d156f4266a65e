"""What a forked child does not share with its parent: a child has the parent's objects, and none of its threads."""

import ctypes
import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol
from weakref import WeakSet


class Renewing(Protocol):
    """Something that holds threads, connections or locks."""

    def renew(self) -> None:
        """In a child, before anything else runs there: begin anew, and leave alone what is the parent's."""
        ...


class Pausing(Protocol):
    """Something that must not be in the middle of anything at a fork."""

    def pause(self) -> None:
        """Before a fork: come to rest, and begin nothing new."""
        ...

    def resume(self) -> None:
        """After it, in the parent and in the child."""
        ...


_renewing: "WeakSet[Renewing]" = WeakSet()
_pausing: "WeakSet[Pausing]" = WeakSet()
_paused: list[Pausing] = []


def renews(owner: Renewing) -> None:
    """Have `owner` renewed in every child, as long as it lives."""
    _renewing.add(owner)


def pauses(owner: Pausing) -> None:
    """Have `owner` at rest at every fork, as long as it lives."""
    _pausing.add(owner)


def leave_alone(thing: object) -> None:
    """Keep what is the parent's as long as the child lives: its end might speak to a server in the parent's name."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


class Lock:
    """A lock that is free in a child, whoever held it at the fork; `make` makes the kind of lock that it is."""

    def __init__(self, make: Callable[[], AbstractContextManager[Any]] = threading.Lock) -> None:
        self._make = make
        self.renew()
        renews(self)

    def renew(self) -> None:
        """The thread that held it may not be there any more."""
        self._lock = self._make()

    def __enter__(self) -> None:
        self._lock.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._lock.__exit__(*error)


def _before() -> None:
    _paused.extend(_pausing)
    for owner in _paused:
        owner.pause()


def _resume() -> None:
    while _paused:
        _paused.pop().resume()


def _after_in_child() -> None:
    for owner in list(_renewing):
        owner.renew()
    _resume()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_resume, after_in_child=_after_in_child)
