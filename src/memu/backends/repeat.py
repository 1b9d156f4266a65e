"""Calls that are carried out again when the server broke them off for others' sake."""

import functools
import logging
import random
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from memu.errors import Deadlock

logger = logging.getLogger("memu.backends")

P = ParamSpec("P")
T = TypeVar("T")

TRIES = 8
FIRST_PAUSE, LONGEST_PAUSE = 0.01, 1.0
"""Seconds before the second try, and the most before any; each is drawn at random up to its bound, which doubles."""


def repeated(call: Callable[P, T]) -> Callable[P, T]:
    """Repeat a call whose one transaction was chosen as the victim of a deadlock; nothing of it was kept."""

    @functools.wraps(call)
    def whole(*args: P.args, **kwargs: P.kwargs) -> T:
        pause = FIRST_PAUSE
        for _ in range(TRIES - 1):
            try:
                return call(*args, **kwargs)
            except Deadlock as error:
                logger.debug("%s is repeated: %s", call.__qualname__, error)
                time.sleep(random.uniform(0, pause))  # noqa: S311 - victims must not meet again, no more
                pause = min(2 * pause, LONGEST_PAUSE)
        return call(*args, **kwargs)

    return whole
