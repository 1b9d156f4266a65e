"""Moving a store to another embedder while it is in use, and giving vectors to the rows that have none."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from memu.backends.base import Condition, Row, Transaction, equals
from memu.backends.repeat import repeated
from memu.backends.schema import CATEGORIES, ITEMS, META, RESOURCES, SCOPES, SEARCHED, STAGED
from memu.database.store import Store
from memu.database.unit import ScopedReader, ScopedWriter
from memu.database.vectors import Recorded, record, recorded
from memu.embedding.base import Embedder
from memu.errors import ConflictError, InputError
from memu.extract.base import index_text
from memu.scope import Scope

logger = logging.getLogger("memu.database")

GOAL = "reembedding"
"""The name under which the store remembers what a move that is under way goes to."""

PAGE = 256
LAST = 64
"""So few rows that changed meanwhile are embedded in the last transaction, while writers wait."""

PASSES = 20
"""How often others may outrun the move before it takes whatever is left into the last transaction."""

Progress = Callable[[int, int], None]
State = tuple[Scope, str]
"""An owner, and the epoch of what they hold."""

_COLUMNS = {
    ITEMS: ("id", "seq", "summary", "speaker", "extra"),
    RESOURCES: ("id", "seq", "caption"),
    CATEGORIES: ("id", "seq", "name", "description"),
}


@dataclass(frozen=True, slots=True)
class Reembedded:
    """What was done: the embedders before and after, vectors made in this run and in one that was interrupted."""

    before: Recorded | None
    after: Recorded
    made: int
    resumed: int


def reembed(
    store: Store, embedder: Embedder, *, everything: bool = False, progress: Progress | None = None
) -> Reembedded:
    """Give every row a vector of `embedder`, and make it the store's embedder.

    The vectors are made beside the old ones, in batches, while others read and write; one transaction then changes them
    all. A run that was killed goes on where it stopped. When the store's embedder is this one already, only rows
    without a vector get one, unless `everything` is asked for. Services with another embedder are refused afterwards.

    Raises:
        ConflictError: another process moves the store to yet another embedder.
        ModelError: the embedder failed; what was made so far is kept for the next run.
    """
    identity = embedder.identity
    goal = Recorded(identity.name, identity.dimension, identity.normalized)
    return _Move(store, embedder, goal, everything, progress).run()


class _Move:
    """One run."""

    def __init__(
        self, store: Store, embedder: Embedder, goal: Recorded, everything: bool, progress: Progress | None
    ) -> None:
        self.store = store
        self.embedder = embedder
        self.goal = goal
        self.progress = progress
        self.before = store.embedder()
        self.whole = everything or self.before != goal
        self.mark = {**goal.as_dict(), "whole": self.whole}
        self.made = 0
        self.resumed = 0
        self.total = 0

    def run(self) -> Reembedded:
        self._begin()
        seen: dict[State, int] = {}
        for step in range(PASSES + 1):
            for state, seq in self._states():
                since = seen.get(state, -1)
                if since < seq:
                    for table in SEARCHED:
                        self._stage(state[0], table, since)
                    seen[state] = seq
            if self._switch(seen, take_all=step == PASSES):
                break
        self._fix_dimension()
        self.store.committed()
        logger.info("%d vectors of %s were made", self.made, self.goal.name)
        return Reembedded(self.before, self.goal, self.made, self.resumed)

    @repeated
    def _begin(self) -> None:
        """Name the goal; what was made for another one is thrown away."""
        with self.store.records.transaction() as transaction:
            held = transaction.get(META, equals(name=GOAL))
            if held is None or held["value"] != self.mark:
                transaction.delete(STAGED, [])
                transaction.put(META, [{"name": GOAL, "value": self.mark}], "replace")
            self.total = sum(transaction.count(table, self._lacking()) for table in SEARCHED)

    def _lacking(self) -> list[Condition]:
        """Which rows want a vector: all, or those that have none."""
        return [] if self.whole else equals(embedding=None)

    def _states(self) -> list[tuple[State, int]]:
        """Every owner with the change counter; one that is forgotten and begins anew counts from one again."""
        with self.store.reader(None) as reader:
            return [((scope, row["epoch"]), row["seq"]) for scope, row in self._owners(reader.transaction)]

    def _owners(self, transaction: Transaction) -> list[tuple[Scope, Row]]:
        fields = self.store.scope_fields
        rows = transaction.find(SCOPES, order=fields)
        return [(Scope.of({name: row[name] for name in fields}, fields=fields), row) for row in rows]

    def _stage(self, scope: Scope, table: str, since: int) -> None:
        """Make the vectors of a table's rows that changed after `since`, a page at a time."""
        after: tuple[str, ...] | None = None
        while True:
            with self.store.reader(scope) as reader:
                page = self._page(reader, table, since, after)
                due = self._due(reader, table, page)
            vectors = self._vectors([_text(table, row) for row in due])
            self._keep(scope, table, due, vectors)
            self._tell(len(due), len(page) - len(due))
            if len(page) < PAGE:
                return
            after = (page[-1]["id"],)

    @repeated
    def _keep(
        self, scope: Scope, table: str, rows: Sequence[Row], vectors: Sequence[NDArray[np.float32] | None]
    ) -> None:
        with self.store.records.transaction(str(scope)) as transaction:
            self._check_goal(transaction)
            _keep(ScopedWriter(transaction, scope), table, rows, vectors)

    def _page(self, reader: ScopedReader, table: str, since: int, after: tuple[str, ...] | None) -> list[Row]:
        wanted = [Condition("seq", "gt", since), *self._lacking()]
        return reader.find(table, wanted, order=("id",), limit=PAGE, after=after, columns=_COLUMNS[table])

    @staticmethod
    def _due(reader: ScopedReader, table: str, rows: Sequence[Row]) -> list[Row]:
        """The rows whose present state has no staged vector yet."""
        ids = tuple(row["id"] for row in rows)
        staged = reader.find(STAGED, [*equals(kind=table), Condition("id", "in", ids)], columns=("id", "seq"))
        known = {row["id"]: row["seq"] for row in staged}
        return [row for row in rows if known.get(row["id"]) != row["seq"]]

    def _vectors(self, texts: Sequence[str | None]) -> list[NDArray[np.float32] | None]:
        """A vector for each text; None for those that hold nothing to embed."""
        places = [place for place, text in enumerate(texts) if text and text.strip()]
        wanted = [str(texts[place]) for place in places]
        made: list[NDArray[np.float32] | None] = [None] * len(texts)
        if not wanted:
            return made
        try:
            found: Sequence[NDArray[np.float32] | None] = list(self.embedder.embed(wanted))
        except InputError:
            # One of them cannot be embedded, and only trying tells which.
            found = [self._vector(text) for text in wanted]
        for place, vector in zip(places, found, strict=True):
            made[place] = vector
        return made

    def _vector(self, text: str) -> NDArray[np.float32] | None:
        try:
            vector: NDArray[np.float32] = self.embedder.embed([text])[0]
        except InputError:
            return None
        return vector

    def _check_goal(self, transaction: Transaction) -> None:
        held = transaction.get(META, equals(name=GOAL))
        if held is None or held["value"] != self.mark:
            raise ConflictError("another process has moved this store meanwhile: look at `memu describe`, then repeat.")

    def _tell(self, made: int, resumed: int) -> None:
        self.made += made
        self.resumed += resumed
        if self.progress:
            done = self.made + self.resumed
            self.progress(done, max(done, self.total))

    @repeated
    def _switch(self, seen: Mapping[State, int], *, take_all: bool) -> bool:
        """In one transaction: the last vectors, all vectors, the embedder; False when too much changed meanwhile."""
        with self.store.records.transaction() as transaction:
            self._check_goal(transaction)
            late = self._late(transaction, seen)
            if sum(len(rows) for _, _, rows in late) > LAST and not take_all:
                return False
            for writer, table, rows in late:
                _keep(writer, table, rows, self._vectors([_text(table, row) for row in rows]))
                self._tell(len(rows), 0)
            for table in SEARCHED if self.whole else ():
                transaction.fix_dimension(table, None)  # or the old one would be there until the new one is made
            for scope, _ in self._owners(transaction):
                self._exchange(ScopedWriter(transaction, scope))
            transaction.delete(STAGED, [])
            transaction.delete(META, equals(name=GOAL))
            record(transaction, self.goal)
        return True

    @repeated
    def _fix_dimension(self) -> None:
        """Apart from the switch: making an index of many vectors takes its time, and search can do without it.

        A run that is killed before it leaves it to the next one.
        """
        with self.store.records.transaction() as transaction:
            for table in SEARCHED if recorded(transaction) == self.goal else ():
                transaction.fix_dimension(table, self.goal.dimension)

    def _late(self, transaction: Transaction, seen: Mapping[State, int]) -> list[tuple[ScopedWriter, str, list[Row]]]:
        """Rows that changed since they were last looked at."""
        late: list[tuple[ScopedWriter, str, list[Row]]] = []
        for scope, row in self._owners(transaction):
            writer = ScopedWriter(transaction, scope)
            since = seen.get((scope, row["epoch"]), -1)
            for table in SEARCHED if row["seq"] > since else ():
                newer = [Condition("seq", "gt", since), *self._lacking()]
                rows = self._due(writer, table, writer.find(table, newer, columns=_COLUMNS[table]))
                late += [(writer, table, rows)] if rows else []
        return late

    def _exchange(self, writer: ScopedWriter) -> None:
        """Put the staged vectors of one owner into its rows, and have every index of it loaded anew."""
        for table in SEARCHED:
            after: tuple[str, ...] | None = None
            while True:
                page = writer.find(STAGED, equals(kind=table), order=("id",), limit=PAGE, after=after)
                if page:
                    writer.update_each(table, [{"id": row["id"], "embedding": row["embedding"]} for row in page])
                if len(page) < PAGE:
                    break
                after = (page[-1]["id"],)
            if self.whole:
                old = [Condition("embedding", "ne", None), Condition("seq", "ne", writer.seq)]
                writer.update(table, {"embedding": None}, old)
        if writer.changed:
            writer.update(SCOPES, {"epoch": str(uuid4())}, [])


def _keep(writer: ScopedWriter, table: str, rows: Sequence[Row], vectors: Sequence[NDArray[np.float32] | None]) -> None:
    """Stage vectors of rows that are still there as they were read; a row that was deleted leaves nothing behind."""
    ids = tuple(row["id"] for row in rows)
    held = {row["id"]: row["seq"] for row in writer.find(table, [Condition("id", "in", ids)], columns=("id", "seq"))}
    staged: list[dict[str, Any]] = [
        {"kind": table, "id": row["id"], "seq": row["seq"], "embedding": vector}
        for row, vector in zip(rows, vectors, strict=True)
        if held.get(row["id"]) == row["seq"]
    ]
    writer.put(STAGED, staged, "replace")


def _text(table: str, row: Row) -> str | None:
    """The words that a row's vector is made of: the same as when it was first memorized."""
    if table == ITEMS:
        return index_text(row["summary"], row["speaker"], row["extra"].get("heading"))
    if table == RESOURCES:
        return str(row["caption"]) if row["caption"] else None
    return f"{row['name']}: {row['description']}"
