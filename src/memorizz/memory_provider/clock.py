"""Times and places in time: what a caller's time means, and numbers that grow with every row that is made."""

import time
from datetime import UTC, datetime
from numbers import Real
from typing import Any

from memorizz.memory_provider.values import readable
from memu.errors import InputError
from memu.forked import Lock


def now() -> datetime:
    """This instant."""
    return datetime.now(UTC)


def instant(value: Any) -> datetime | None:
    """The instant that a caller's time names; None when it names none.

    A datetime or an ISO string without a zone is taken as UTC; a number is in seconds since 1970.
    """
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        elif _is_number(value):
            value = datetime.fromtimestamp(float(value), UTC)
        if not isinstance(value, datetime) or readable(value) is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def moment(value: Any, what: str, error: type[InputError] = InputError) -> datetime:
    """The instant that a caller's time names; an error of the class given when it names none."""
    found = instant(value)
    if found is None:
        hint = (
            "; this number is in milliseconds: divide it by 1000" if _is_number(value) and instant(value / 1000) else ""
        )
        raise error(
            f"{what} is {value!r:.60}: expected a time: a datetime, an ISO string, or seconds since 1970{hint}."
        )
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


class Positions:
    """Nanoseconds since 1970, a later number with every call: what was made later, where times are equal."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = Lock()

    def next(self) -> int:
        """A number above all that this process was given."""
        with self._lock:
            self._last = max(time.time_ns(), self._last + 1)
            return self._last


positions = Positions()
"""This process's."""
