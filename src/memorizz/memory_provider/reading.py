"""Reading rows in their order, as documents."""

from collections.abc import Sequence

from memorizz.memory_provider.documents import columns_read, to_document
from memorizz.memory_provider.memory_type import MemoryType
from memorizz.memory_provider.residents import EMBEDDED, Found
from memorizz.memory_provider.results import Document, Results
from memorizz.memory_provider.schema import TIMESTAMP, time_columns
from memu.backends.base import Condition, Order, Row, Transaction
from memu.backends.filters import matches

NEWEST_FIRST = ("-created_at", "-position", "-id")


class Reading:
    """The documents of one type, as one transaction sees them.

    Attributes:
        owner: what rows must meet whatever else is asked; each row that comes is held to it again.
    """

    def __init__(
        self, reader: Transaction, kind: MemoryType, owner: Sequence[Condition] = (), *, include_embedding: bool = False
    ) -> None:
        self.reader = reader
        self.kind = kind
        self.owner = owner
        self.include_embedding = include_embedding
        self._columns = columns_read(kind, include_embedding=include_embedding)

    def first(self, where: Sequence[Condition]) -> Document | None:
        """The newest document that meets conditions."""
        found = self.newest(where, 1)
        return found[0] if found else None

    def newest(self, where: Sequence[Condition], limit: int | None, offset: int = 0) -> Results:
        """Documents that meet conditions, the newest first."""
        if not offset:
            return self._documents(self._find(where, NEWEST_FIRST, limit))
        last = None if limit is None else offset + limit
        ids = self.reader.find(self.kind.value, where, order=NEWEST_FIRST, limit=last, columns=["id"])[offset:]
        asked = Condition("id", "in", tuple(row["id"] for row in ids))
        return self._documents(self._find([*where, asked], NEWEST_FIRST, None))

    def history(self, either: Sequence[Sequence[Condition]], limit: int | None) -> Results:
        """Documents that meet any of several lists of conditions, the oldest first; with a limit the newest so many."""
        time = TIMESTAMP if TIMESTAMP in time_columns(self.kind) else "created_at"
        order = [f"-{time}", "-position", "-id"]
        rows = {row["id"]: row for where in either for row in self._find(where, order, limit)}
        newest = sorted(rows.values(), key=lambda row: (row[time], row["position"], row["id"]), reverse=True)[:limit]
        return self._documents(newest[::-1])

    def ranked(self, found: Sequence[Found], where: Sequence[Condition]) -> Results:
        """The documents of ids with their scores, the best first, ties by id; those that still meet conditions."""
        scores = {name: min(1.0, max(-1.0, score)) for name, score in found}
        rows = self._find([Condition("id", "in", tuple(scores)), *where, EMBEDDED], (), None)
        documents = zip((scores[row["id"]] for row in rows), self._documents(rows), strict=True)
        ranked = sorted(documents, key=lambda one: (-one[0], one[1]["_id"]))
        return Results({**document, "score": score, "distance": 1 - score} for score, document in ranked)

    def _find(self, where: Sequence[Condition], order: Order, limit: int | None) -> list[Row]:
        rows = self.reader.find(self.kind.value, where, order=order, limit=limit, columns=self._columns)
        return [row for row in rows if matches(row, self.owner)]

    def _documents(self, rows: Sequence[Row]) -> Results:
        return Results(to_document(self.kind, row, include_embedding=self.include_embedding) for row in rows)
