"""The one storage interface: a record store, its transactions, and the conditions that rows are asked for with."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Flag, auto
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from memu.backends.tables import Schema

ALONE = ""
"""The lock of a transaction that no other writer of the store may stand beside."""

T = TypeVar("T")
Row = dict[str, Any]
Conflict = Literal["error", "ignore", "replace"]
Operator = Literal["eq", "ne", "in", "gt", "gte", "lt", "lte", "in_rows", "not_in_rows"]


@dataclass(frozen=True, slots=True)
class RowsOf:
    """The values of `column` in the rows of `table` that meet `where`, for `in_rows` and `not_in_rows`."""

    table: str
    column: str
    where: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """One test of a row; a list of conditions is met when all are.

    `path` goes into a JSON column. A missing or null value equals None only, is `ne` everything else, and meets no
    comparison: the same on every backend.
    """

    field: str
    op: Operator
    value: Any
    path: tuple[str, ...] = ()


Where = Sequence[Condition]
Order = Sequence[str]


def equals(**values: Any) -> list[Condition]:
    """Conditions that ask each named field for one value."""
    return [Condition(name, "eq", value) for name, value in values.items()]


class Capability(Flag):
    """What a backend can do beyond the interface."""

    NONE = 0
    DURABLE = auto()
    SHARED = auto()  # other processes may read and write the same store
    PARALLEL = auto()  # writers with different locks do not wait for each other
    VECTORS = auto()  # finds the nearest vectors itself


class Transaction(ABC):
    """Reads and writes of one unit of work; nothing of it is seen by others before it ends well."""

    @abstractmethod
    def put(self, table: str, rows: Sequence[Mapping[str, Any]], conflict: Conflict = "error") -> int:
        """Insert rows; on a primary or unique key that exists, raise IntegrityError, skip the row, or replace it.

        "replace" replaces by primary key. All rows of a call have the same columns. Returns the number of rows given.
        """

    @abstractmethod
    def find(
        self,
        table: str,
        where: Where = (),
        *,
        order: Order = (),
        limit: int | None = None,
        after: Sequence[Any] | None = None,
        columns: Sequence[str] | None = None,
    ) -> list[Row]:
        """The rows that meet `where`.

        Args:
            table: the table's name.
            where: conditions, all of which must hold.
            order: column names, ascending; a leading "-" means descending.
            limit: the most rows to return.
            after: values of the order columns; only rows that come after them are returned.
            columns: the columns to read; None means all.
        """

    @abstractmethod
    def count(self, table: str, where: Where = ()) -> int:
        """How many rows meet `where`."""

    @abstractmethod
    def update(self, table: str, values: Mapping[str, Any], where: Where) -> int:
        """Set columns in the rows that meet `where`; returns how many rows did."""

    def update_each(self, table: str, rows: Sequence[Mapping[str, Any]], key: Sequence[str]) -> int:
        """Set other columns in each row: each given row names one by its `key` columns, the rest is set in it.

        All rows of a call have the same columns. Returns how many rows were found.
        """
        return sum(
            self.update(
                table,
                {name: value for name, value in row.items() if name not in key},
                equals(**{name: row[name] for name in key}),
            )
            for row in rows
        )

    @abstractmethod
    def increment(self, table: str, key: Mapping[str, Any], column: str, fresh: Mapping[str, Any]) -> int:
        """Add one to a counter and return its new value; a missing row is made of `key` and `fresh`, at 1."""

    @abstractmethod
    def delete(self, table: str, where: Where) -> int:
        """Delete the rows that meet `where`; returns how many did."""

    def fix_dimension(self, table: str, dimension: int | None) -> None:  # noqa: B027 - most do not mind
        """The vectors of a table are of this dimension from now on, or of any with None; in a transaction alone."""

    def has_dimension(self, table: str, dimension: int) -> bool:
        """Whether `fix_dimension` would have nothing to do."""
        return True

    def get(self, table: str, where: Where, columns: Sequence[str] | None = None) -> Row | None:
        """The one row that meets `where`, or None."""
        rows = self.find(table, where, limit=1, columns=columns)
        return rows[0] if rows else None


class Origin(Protocol):
    """What and where a database is."""

    @property
    def name(self) -> str:
        """What kind of database it is."""

    @property
    def identity(self) -> Hashable:
        """What stores on the same database have in common; None where no two are on the same."""

    @property
    def place(self) -> str:
        """Where the database is, as errors say it: never a password."""


class RecordStore(ABC):
    """Tables of rows, somewhere. Every method is synchronous and safe to call from several threads."""

    schema: Schema
    capabilities: Capability = Capability.NONE
    origin: Origin | None = None
    """Where it is; None for a store that cannot be told from any other."""

    @abstractmethod
    def create(self) -> None:
        """Make or migrate the tables; safe when several processes do it at once."""

    @abstractmethod
    def is_current(self) -> bool:
        """Whether `create` would have nothing to do; found out without waiting for a writer."""

    @abstractmethod
    def validate(self) -> None:
        """Raise SchemaError naming every missing or different table, column, key and index."""

    def faults(self) -> list[str]:
        """What the database itself finds wrong with the store, in words; empty when it is sound."""
        return []

    @abstractmethod
    def transaction(self, lock: str = ALONE) -> AbstractContextManager[Transaction]:
        """A writer: commits when the block ends, rolls back when it raises.

        Transactions with one `lock` take turns, in all processes, and each sees what those before it wrote. One without
        a lock has the store to itself. A server may break off a transaction for others' sake (Deadlock): repeat it.
        """

    @abstractmethod
    def reader(self) -> AbstractContextManager[Transaction]:
        """A consistent view for reading, to be left soon."""

    def glance(self, read: Callable[[Transaction], T]) -> T:
        """What one question finds: a statement is a consistent view by itself, and may be repeated.

        Args:
            read: asks the question. Lists of over 500 values are asked in several statements.
        """
        with self.reader() as reader:
            return read(reader)

    def nearest(
        self, table: str, vector: NDArray[np.float32], *, where: Where = (), limit: int | None = None
    ) -> list[tuple[str, float]]:
        """The ids of a table's rows whose vectors are nearest to a vector, with their cosine similarity, best first.

        For stores with `Capability.VECTORS`. Conditions apply before the cut: if `limit` rows with a vector meet
        `where`, so many come back; with no limit all do, in any order.
        """
        raise NotImplementedError(f"{type(self).__name__} searches no vectors")

    @abstractmethod
    def settle(self) -> str | None:
        """Make what was committed stand on its own in the store's main file; a warning when that was not possible."""

    @abstractmethod
    def erase_traces(self) -> None:
        """Leave nothing of deleted rows in the files of the store, as far as the backend can."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """What and where the store is, without any secret."""

    @abstractmethod
    def close(self) -> None:
        """Release every connection; idempotent."""
