"""Whose turn it is to write, and what is committed: one document, which is only ever changed as a whole."""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from memu import errors
from memu.backends.dialects import BUSY_SECONDS
from memu.backends.mongo_address import Address
from memu.backends.mongo_errors import busy, lost, unsure
from memu.backends.mongo_query import View

HEAD = "head"
LEASE = 10.0
"""Seconds without a sign of a writer after which another one takes its place."""
GRACE = 600.0
"""Seconds that dead versions are kept for those who read."""
KEPT = 86_400.0
"""Seconds that the number of an abandoned turn is kept for a late write of it."""
FIRST_PAUSE, LONGEST_PAUSE = 0.002, 0.05
"""Seconds between two looks at whether a turn has come."""

NEW: Mapping[str, Any] = {
    "seq": 0,  # the newest turn that was committed
    "turn": 0,  # the newest turn that was given out
    "owner": None,  # who has it, in a word that nobody else knows
    "lease": LEASE,
    "beat": 0,  # counts up while the owner lives
    "abandoned": [],  # turns that were never committed, and when they were taken away
    "swept": 0,  # versions that were dead by this turn may be gone
    "cleaned": 0,  # those that were dead by this one are
    "mark": {"seq": 0, "at": 0.0},  # a turn that was committed, and when: the next horizon of the sweep
}


@dataclass(frozen=True, slots=True)
class State:
    """The head document, as it was once."""

    seq: int
    turn: int
    owner: str | None
    lease: float
    beat: int
    abandoned: tuple[int, ...]
    stale: tuple[int, ...]
    """The abandoned turns whose numbers are no longer needed."""
    swept: int
    cleaned: int
    mark: Mapping[str, Any]

    @classmethod
    def of(cls, head: Mapping[str, Any]) -> "State":
        """From the document."""
        turns = {int(one["turn"]): float(one["at"]) for one in head["abandoned"]}
        stale = tuple(turn for turn, at in turns.items() if at < time.time() - KEPT)
        numbers = {name: int(head[name]) for name in ("seq", "turn", "beat", "swept", "cleaned")}
        return cls(
            **numbers,
            owner=head["owner"],
            lease=float(head["lease"]),
            abandoned=tuple(sorted(turns)),
            stale=stale,
            mark=head["mark"],
        )

    @property
    def view(self) -> View:
        """What a reader sees who begins now."""
        return View(self.seq, self.abandoned)

    def committed(self, turn: int) -> bool:
        """Whether a turn was committed; a turn that is over and was not is among the abandoned ones."""
        return turn <= self.seq and turn not in self.abandoned


class Head:
    """The head document of a database; `durable` is the same collection, whose writes wait for the journal."""

    def __init__(self, durable: Any, address: Address, *, lease: float, grace: float) -> None:
        self.durable = durable
        self.address = address
        self.lease = lease
        self.grace = grace

    def make(self) -> None:
        """Make the document, if there is none."""
        from pymongo.errors import DuplicateKeyError

        try:
            self.durable.update_one({"_id": HEAD}, {"$setOnInsert": dict(NEW)}, upsert=True)
        except DuplicateKeyError:
            return  # somebody else has made it at the same moment

    def read(self) -> State:
        """The document as it is now."""
        found = self.durable.find_one({"_id": HEAD})
        if found is None:
            raise errors.SchemaError(
                f'{self.address.place} holds no store; open it once with ddl_mode="create" to make one.'
            )
        return State.of(found)

    def change(self, condition: Mapping[str, Any], change: Mapping[str, Any]) -> State | None:
        """Change the document if it meets a condition, in one step; what it is then, or None."""
        from pymongo import ReturnDocument

        asked = {"_id": HEAD, **condition}
        found = self.durable.find_one_and_update(asked, change, return_document=ReturnDocument.AFTER)
        return None if found is None else State.of(found)

    def take(self) -> "Turn":
        """Wait for a turn to write, and take it; a writer that gives no sign of life loses its own.

        Nobody's clock is compared with another's: one waits until the beat has stood still for the time of the lease.

        Raises:
            StorageBusy: it did not come in time.
        """
        token, pause = uuid4().hex, FIRST_PAUSE
        deadline = time.monotonic() + BUSY_SECONDS
        watched, since = (-1, -1), time.monotonic()
        while True:
            asked = time.monotonic()
            held = self._grab(token, {"owner": None}) or self.read()
            if held.owner == token:  # also where the answer to an earlier try was lost
                return Turn(self, token, held, asked)
            if (held.turn, held.beat) != watched:
                watched, since = (held.turn, held.beat), time.monotonic()
            elif held.owner is not None and asked - since >= held.lease:
                same = {"owner": held.owner, "turn": held.turn, "beat": held.beat}
                if taken := self._grab(token, same, abandoned=held.turn):
                    return Turn(self, token, taken, asked, took_over=True)
            if time.monotonic() > deadline:
                raise busy(self.address)
            time.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - waiters must not meet again, no more
            pause = min(pause * 1.5, LONGEST_PAUSE)

    def _grab(self, token: str, condition: Mapping[str, Any], abandoned: int | None = None) -> State | None:
        change: dict[str, Any] = {"$inc": {"turn": 1, "beat": 1}, "$set": {"owner": token, "lease": self.lease}}
        if abandoned is not None:
            change["$push"] = {"abandoned": _entry(abandoned)}
        from pymongo.errors import AutoReconnect, ServerSelectionTimeoutError

        try:
            return self.change(condition, change)
        except ServerSelectionTimeoutError:
            raise
        except AutoReconnect:
            return None  # a connection that had died in the pool, most likely; whoever calls this looks


class Turn:
    """The turn of one writer: its number, its lease, and what it sees."""

    def __init__(self, head: Head, token: str, state: State, asked: float, *, took_over: bool = False) -> None:
        self.head = head
        self.state = state
        self.number = state.turn
        self.view = View(self.number, state.abandoned)
        self.took_over = took_over
        self.asked = asked
        """When the state was asked for, by this process's own clock."""
        self.doubtful = False
        """Whether a write may still be on its way whose answer was not seen."""
        self.unsure = False
        """Whether it is not known what became of the commit."""
        self._own = {"turn": self.number, "owner": token}
        self._confirmed = asked

    def keep(self) -> None:
        """Give a sign of life, when the last one is a while ago; Deadlock when the turn was taken away."""
        now = time.monotonic()
        if now - self._confirmed < self.head.lease / 4:
            return
        if self.head.change(self._own, {"$inc": {"beat": 1}}) is None:
            raise lost(self.head.address)
        self._confirmed = now

    def commit(self) -> None:
        """Make everything that was written visible, in one step.

        Raises:
            Deadlock: the turn was taken away; nothing was kept.
            StorageUnavailable: the server has gone, and whether it was kept is not known.
        """
        from pymongo.errors import AutoReconnect, ServerSelectionTimeoutError, WriteConcernError

        trouble: Exception | None = None
        for _ in range(2):
            try:
                if self.head.change(self._own, {"$set": self._news()}) or self.head.read().committed(self.number):
                    return
                raise lost(self.head.address)
            except (AutoReconnect, WriteConcernError) as error:
                if trouble is None and isinstance(error, ServerSelectionTimeoutError):
                    raise  # it was not even sent
                trouble = trouble or error
        assert trouble is not None  # noqa: S101 - the loop ended by it
        self.unsure = True
        raise unsure(self.head.address, trouble) from trouble

    def _news(self) -> dict[str, Any]:
        """What a commit says; at times also which versions may be swept up from now on."""
        now, mark = time.time(), self.state.mark
        news = {"seq": self.number, "owner": None}
        if mark["at"] and mark["at"] > now - self.head.grace:
            return news
        horizon = max(int(mark["seq"]), self.state.swept)
        return {**news, "swept": horizon, "mark": {"seq": self.number, "at": now}}

    def give_back(self) -> None:
        """End the turn without a commit."""
        change: dict[str, Any] = {"$set": {"owner": None}}
        if self.doubtful:
            change["$push"] = {"abandoned": _entry(self.number)}
        self.head.change(self._own, change)


def _entry(turn: int) -> dict[str, Any]:
    return {"turn": turn, "at": time.time()}
