"""Units of work that cannot leave their scope: every read is filtered by it, every row written is stamped with it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

from memu.backends.base import Condition, Conflict, Order, Row, RowsOf, Transaction, Where, equals
from memu.backends.schema import SCOPES, SEARCHED, TOMBSTONES
from memu.scope import Scope


def owned(scope: Scope | None, where: Where) -> list[Condition]:
    """Conditions and the scope's, also inside the rows of other tables that they name; with no scope as they are."""
    own = equals(**scope.as_dict()) if scope else []
    inner = [
        replace(one, value=replace(one.value, where=tuple(owned(scope, one.value.where))))
        if isinstance(one.value, RowsOf)
        else one
        for one in where
    ]
    return [*own, *inner]


class ScopedReader:
    """Reads of one scope; with no scope (the operator's handle) reads of all."""

    def __init__(self, transaction: Transaction, scope: Scope | None) -> None:
        self.transaction = transaction
        self.scope = scope
        self._owner = equals(**scope.as_dict()) if scope else []

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
        """The scope's rows that meet `where`; see `Transaction.find`."""
        return self.transaction.find(table, self._owned(where), order=order, limit=limit, after=after, columns=columns)

    def get(self, table: str, where: Where, columns: Sequence[str] | None = None) -> Row | None:
        """The scope's one row that meets `where`, or None."""
        rows = self.find(table, where, limit=1, columns=columns)
        return rows[0] if rows else None

    def count(self, table: str, where: Where = ()) -> int:
        """How many of the scope's rows meet `where`."""
        return self.transaction.count(table, self._owned(where))

    def _owned(self, where: Where) -> list[Condition]:
        return owned(self.scope, where)

    def state(self) -> tuple[int, str] | None:
        """The scope's change counter and epoch; None when it holds nothing yet."""
        row = self.get(SCOPES, (), columns=("seq", "epoch"))
        return (row["seq"], row["epoch"]) if row else None


class ScopedWriter(ScopedReader):
    """Reads and writes of one scope in one transaction, which bumps the scope's change counter once."""

    def __init__(self, transaction: Transaction, scope: Scope) -> None:
        super().__init__(transaction, scope)
        self.warning: str | None = None
        self._columns = scope.as_dict()
        self._seq: int | None = None

    @property
    def changed(self) -> bool:
        """Whether anything searchable was written."""
        return self._seq is not None

    @property
    def seq(self) -> int:
        """The counter's value for this transaction; the first use bumps it."""
        if self._seq is None:
            fresh = {"epoch": str(uuid4())}
            self._seq = self.transaction.increment(SCOPES, self._columns, "seq", fresh)
        return self._seq

    def put(self, table: str, rows: Sequence[Mapping[str, Any]], conflict: Conflict = "error") -> None:
        """Insert rows as this scope's own, whatever scope columns they carry."""
        stamp = {**self._columns, "seq": self.seq} if table in SEARCHED else self._columns
        self.transaction.put(table, [{**row, **stamp} for row in rows], conflict)

    def update(self, table: str, values: Mapping[str, Any], where: Where) -> int:
        """Set columns in the scope's rows that meet `where`."""
        values = {name: value for name, value in values.items() if name not in self._columns}
        if table in SEARCHED:
            values = {**values, "seq": self.seq}
        return self.transaction.update(table, values, self._owned(where))

    def update_each(self, table: str, rows: Sequence[Mapping[str, Any]]) -> int:
        """Set columns in the scope's rows, each named by its id; returns how many of them there were."""
        stamp = {**self._columns, "seq": self.seq} if table in SEARCHED else self._columns
        return self.transaction.update_each(table, [{**row, **stamp} for row in rows], (*self._columns, "id"))

    def delete(self, table: str, where: Where) -> list[str]:
        """Delete the scope's rows that meet `where` and return their ids; searched tables leave tombstones."""
        ids = [row["id"] for row in self.find(table, where, columns=("id",))]
        if not ids:
            return []
        self.transaction.delete(table, self._owned([Condition("id", "in", ids)]))
        if table in SEARCHED:
            stones = [{**self._columns, "kind": table, "id": one, "seq": self.seq} for one in ids]
            self.transaction.put(TOMBSTONES, stones, "replace")
        return ids

    def erase(self, table: str) -> int:
        """Delete every row of the scope in a table, without a trace."""
        return self.transaction.delete(table, self._owner)
