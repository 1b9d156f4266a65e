"""Reading rows from MongoDB as one state."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from memu.backends.base import Condition, Conflict, Order, Row, RowsOf, Transaction, Where
from memu.backends.clauses import parts, put_in_order
from memu.backends.mongo_lease import State
from memu.backends.mongo_query import LIST, View, behind, by_keys, clauses, in_order, together
from memu.backends.mongo_rows import BORN, Document, loaded
from memu.backends.tables import Table
from memu.errors import InputError, StorageBusy

if TYPE_CHECKING:
    from memu.backends.mongo import MongoRecordStore

SETTLED = 0.05
"""Seconds between the word that dead versions will be swept up, and the sweep: a read that is done by then had all."""

Key = tuple[Any, ...]


class MongoReader(Transaction):
    """Reads of what was committed when it began."""

    def __init__(self, store: "MongoRecordStore", view: View) -> None:
        self.store = store
        self.view = view
        self._confirmed = time.monotonic()

    @classmethod
    def begun(cls, store: "MongoRecordStore") -> "MongoReader":
        """A reader of the present state."""
        before = time.monotonic()
        reader = cls(store, store.head.read().view)
        reader._confirmed = before
        return reader

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
        """One query; a very long list of values is asked in parts, which are then put in order."""
        target = self.store.schema.table(table)
        names = tuple(columns or (column.name for column in target.columns))
        several = self._parts(table, where)
        asked = names if len(several) == 1 else tuple(dict.fromkeys([*names, *(one.lstrip("-") for one in order)]))
        rows = [
            loaded(target, found, asked)
            for part in several
            for found in self.documents(target, part, asked, order=order, limit=limit, after=after)
        ]
        if len(several) == 1:
            return rows
        return [{name: row[name] for name in names} for row in put_in_order(rows, order)[:limit]]

    def documents(
        self,
        table: Table,
        where: Where,
        fields: Iterable[str],
        *,
        order: Order = (),
        limit: int | None = None,
        after: Sequence[Any] | None = None,
    ) -> list[Document]:
        """Some fields of the versions that are seen and meet conditions."""
        if limit == 0:
            return []
        asked = clauses(table, where) + ([behind(table, order, after)] if after is not None else [])
        return self.asked(table, together([*asked, self.view.query()]), fields, order, limit)

    def asked(
        self, table: Table, query: Document, fields: Iterable[str], order: Order = (), limit: int | None = None
    ) -> list[Document]:
        """Some fields of what meets a query."""
        self.before()
        projection = {"_id": 0, **dict.fromkeys(fields, 1)}
        cursor = self.store.rows(table.name).find(query, projection, limit=limit or 0, allow_disk_use=bool(order))
        found = list(cursor.sort(in_order(order)) if order else cursor)
        self.after()
        return found

    def by_keys(self, table: Table, names: Sequence[str], keys: Iterable[Key], fields: Iterable[str]) -> list[Document]:
        """Some fields, those of the keys among them, of the seen versions that have one of the keys."""
        wanted, fields = list(dict.fromkeys(keys)), (*names, *fields)
        found = (
            document
            for start in range(0, len(wanted), LIST)
            for document in self.asked(
                table, together([by_keys(names, wanted[start : start + LIST]), self.view.query()]), fields
            )
        )
        known = set(wanted)
        return [one for one in found if key_of(one, names) in known]

    def count(self, table: str, where: Where = ()) -> int:
        """Counted by the server."""
        target, total = self.store.schema.table(table), 0
        for part in self._parts(table, where):
            self.before()
            query = together([*clauses(target, part), self.view.query()])
            total += int(self.store.rows(table).count_documents(query))
            self.after()
        return total

    def _parts(self, table: str, where: Where) -> list[Where]:
        """The conditions, with lists where they name other tables' rows, in parts that a command has room for."""
        return list(parts([self._listed(table, one, where) for one in where], LIST))

    def _listed(self, table: str, one: Condition, where: Where) -> Condition:
        if not isinstance(one.value, RowsOf):
            return one
        rows = self.find(one.value.table, one.value.where, columns=(one.value.column,))
        values = {row[one.value.column] for row in rows} - {None}
        if one.op == "in_rows":
            return replace(one, op="in", value=tuple(values))
        if len(values) <= LIST:
            return replace(one, value=tuple(values))
        # Too many to leave out by name: those that are left are named.
        others = [each for each in where if each is not one and not isinstance(each.value, RowsOf)]
        left = {row[one.field] for row in self.find(table, others, columns=(one.field,))} - values
        return replace(one, op="in", value=tuple(left))

    def before(self) -> None:
        """What is done before every statement."""

    def after(self) -> None:
        """Make sure that nothing which this read should have seen was swept up meanwhile."""
        now = time.monotonic()
        if now - self._confirmed > SETTLED:
            self._check(self.store.head.read())
            self._confirmed = now

    def _check(self, state: State) -> None:
        if state.swept > self.view.seq:
            raise StorageBusy(
                f"{self.store.address.place}: what this read began with was swept up, because somebody's memory was "
                "erased or the read took too long: repeat the call."
            )

    def put(self, table: str, rows: Sequence[Mapping[str, Any]], conflict: Conflict = "error") -> int:
        """Refused."""
        self._refuse()

    def update(self, table: str, values: Mapping[str, Any], where: Where) -> int:
        """Refused."""
        self._refuse()

    def increment(self, table: str, key: Mapping[str, Any], column: str, fresh: Mapping[str, Any]) -> int:
        """Refused."""
        self._refuse()

    def delete(self, table: str, where: Where) -> int:
        """Refused."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise InputError("a reader does not write: use a transaction.")


def key_of(document: Mapping[str, Any], names: Sequence[str]) -> Key:
    """The values of some fields."""
    return tuple(document[name] for name in names)


def light(table: Table) -> tuple[str, ...]:
    """The fields that tell a version and its keys."""
    named = [*table.key, *(name for names in table.uniques for name in names)]
    return ("_id", BORN, *dict.fromkeys([*named, *(name for one in table.references for name in one.columns)]))
