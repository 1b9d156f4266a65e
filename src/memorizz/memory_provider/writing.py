"""Writing rows: each call is one transaction, in which a row is read, changed and counted."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from memorizz.memory_provider.dimensions import Dimensions
from memorizz.memory_provider.documents import Given
from memorizz.memory_provider.memory_type import MemoryType
from memorizz.memory_provider.schema import META
from memu.backends.base import ALONE, Capability, Condition, RecordStore, Row, Transaction, Where, equals
from memu.backends.repeat import repeated
from memu.errors import ConflictError

Make = Callable[[Row | None], Row | None]
"""The row that is to stand where another, or none, stood; None to leave it."""


class Writer:
    """The writes of a store: those of one row take turns, in all processes."""

    def __init__(self, records: RecordStore, dimensions: Dimensions) -> None:
        self.records = records
        self.dimensions = dimensions
        self._counts = Capability.VECTORS not in records.capabilities

    @repeated
    def write(self, kind: MemoryType, key: str, make: Make, *, dimension: int | None = None, new: bool = False) -> bool:
        """Put a row, or change it.

        Args:
            kind: the table.
            key: the row's id.
            make: gets the row that is there, or None.
            dimension: of the vector that comes with it; None for no vector.
            new: nobody else can know the key yet.

        Returns:
            Whether something was written.

        Raises:
            VectorError: the table's vectors are of another dimension.
        """
        for alone in (False, True):
            lock = ALONE if alone else f"memorizz:{kind.value}:{key}"
            with self.records.transaction(lock) as transaction:
                held = None if new else transaction.get(kind.value, equals(id=key))
                row = make(held)
                if row is None:  # before a dimension is recorded that no row has
                    return False
                if dimension is None or self.dimensions.allows(transaction, kind, dimension, alone=alone):
                    return self._put(transaction, kind, row, replaces=held is not None)
        raise ConflictError("the dimension of the first vector could not be recorded: repeat the call.")

    @repeated
    def write_many(self, kind: MemoryType, documents: Sequence[Given]) -> None:
        """Put the rows of documents in one transaction, alone; of those with one id each replaces the one before.

        Raises:
            VectorError: the table's vectors, or those given, are of different dimensions; nothing is written.
        """
        with self.records.transaction() as transaction:
            for dimension in {len(one.vector) for one in documents if one.vector is not None}:
                self.dimensions.allows(transaction, kind, dimension, alone=True)
            named = [Condition("id", "in", tuple({one.key for one in documents if not one.is_new}))]
            held = {row["id"]: row for row in transaction.find(kind.value, named)}
            seq = self._count(transaction, writes_of(kind))
            rows: dict[str, Row] = {}
            for one in documents:
                rows[one.key] = {**one.row(rows.get(one.key, held.get(one.key))), "seq": seq}
            transaction.put(kind.value, list(rows.values()), "replace" if held else "error")

    def _put(self, transaction: Transaction, kind: MemoryType, row: Row, *, replaces: bool) -> bool:
        row["seq"] = self._count(transaction, writes_of(kind))
        return transaction.put(kind.value, [row], "replace" if replaces else "error") > 0

    @repeated
    def delete(self, kind: MemoryType, key: str, owner: Where = ()) -> bool:
        """Delete a row by its id, if it meets conditions; whether there was one."""
        with self.records.transaction(f"memorizz:{kind.value}:{key}") as transaction:
            return self.erase(transaction, kind, [*equals(id=key), *owner]) > 0

    @repeated
    def delete_where(self, kind: MemoryType, where: Where) -> int:
        """Delete all rows that meet conditions, in a transaction alone; how many there were."""
        with self.records.transaction() as transaction:
            return self.erase(transaction, kind, where)

    @repeated
    def delete_first(self, kind: MemoryType, where: Where, order: Sequence[str]) -> bool:
        """Delete the first of the rows that meet conditions, in a transaction alone; whether there was one."""
        with self.records.transaction() as transaction:
            first = transaction.find(kind.value, where, order=order, limit=1, columns=["id"])
            return bool(first) and self.erase(transaction, kind, equals(id=first[0]["id"])) > 0

    @repeated
    def delete_everywhere(self, where: Callable[[MemoryType], Where]) -> dict[MemoryType, int]:
        """Delete the rows of every table that meet its conditions, in one transaction alone; how many there were."""
        with self.records.transaction() as transaction:
            return {kind: self.erase(transaction, kind, where(kind)) for kind in MemoryType}

    @contextmanager
    def alone(self) -> Iterator[Transaction]:
        """A transaction that no other writer stands beside."""
        with self.records.transaction() as transaction:
            yield transaction

    @repeated
    def clear(self, kind: MemoryType) -> None:
        """Delete all rows of a table and forget their dimension, in a transaction alone."""
        with self.records.transaction() as transaction:
            self.erase(transaction, kind, ())
            self.dimensions.forget(transaction, kind)

    def erase(self, transaction: Transaction, kind: MemoryType, where: Where) -> int:
        """Delete rows inside a transaction; how many there were."""
        deleted = transaction.delete(kind.value, where)
        if deleted:
            self._count(transaction, writes_of(kind))
            self._count(transaction, deletes_of(kind))
        return deleted

    def _count(self, transaction: Transaction, name: str) -> int:
        """Add one to a number, where resident vectors are brought up to date by it; 0 elsewhere."""
        return transaction.increment(META, {"name": name}, "number", {}) if self._counts else 0


def writes_of(kind: MemoryType) -> str:
    """The name of the number of writes to a table."""
    return f"writes:{kind.value}"


def deletes_of(kind: MemoryType) -> str:
    """The name of the number of those that deleted rows."""
    return f"deletes:{kind.value}"
