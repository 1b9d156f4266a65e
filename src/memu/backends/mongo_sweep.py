"""Sweeping up: what writers left that died, and versions of rows that nobody can want any more."""

import contextlib
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from memu.backends.mongo_lease import State, Turn
from memu.backends.mongo_reads import SETTLED
from memu.backends.mongo_rows import DIED
from memu.backends.mongo_writes import take_back

if TYPE_CHECKING:
    from memu.backends.mongo import MongoRecordStore


def after_taking(store: "MongoRecordStore", turn: Turn) -> None:
    """In the turn of a writer that took another one's place, or that finds numbers which are no longer needed."""
    state = turn.state
    if turn.took_over or state.stale:
        clean(store, state.abandoned)
    if state.stale:
        store.head.change({}, {"$pull": {"abandoned": {"turn": {"$in": list(state.stale)}}}})


def clean(store: "MongoRecordStore", turns: Sequence[int]) -> None:
    """Take back what turns did that were never committed, in the tables of every store in the database."""
    for name in store.shape.tables():
        take_back(store.rows(name), turns)


def after_commit(store: "MongoRecordStore", turn: Turn) -> None:
    """Sweep up what an earlier writer gave free."""
    if turn.state.swept > turn.state.cleaned:
        time.sleep(max(0.0, SETTLED - (time.monotonic() - turn.asked)))
        sweep(store, turn.state)


def sweep(store: "MongoRecordStore", state: State) -> None:
    """Remove the versions that were dead by the horizon, which has been known for long enough; anybody may."""
    for name in store.shape.tables():
        store.rows(name).delete_many({DIED: {"$lte": state.swept, "$nin": list(state.abandoned)}})
    store.head.change({}, {"$max": {"cleaned": state.swept}})


def erase(store: "MongoRecordStore") -> None:
    """Sweep up all that is dead by now, and let the server give its space back where it can."""
    from pymongo.errors import OperationFailure

    now = store.head.read()
    state = store.head.change({}, {"$max": {"swept": now.seq}})
    time.sleep(SETTLED)
    sweep(store, state or now)
    for name in store.shape.tables():
        with contextlib.suppress(OperationFailure):  # not every server has it, or lets everybody do it
            store.database.command("compact", name)
