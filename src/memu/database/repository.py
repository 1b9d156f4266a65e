"""What the four repositories share: reading, filtering, paging and deleting the records of one table."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Generic, TypeVar
from uuid import uuid4

from memu.backends.base import Condition, Row, Where, equals
from memu.backends.repeat import repeated
from memu.backends.tables import LENGTHS
from memu.backends.vectors import checked
from memu.database import fields
from memu.database.rows import check_metadata, check_text
from memu.database.store import Store
from memu.database.unit import ScopedReader, ScopedWriter
from memu.database.vectors import Recorded, unknown
from memu.errors import InputError, NotFoundError
from memu.models import Record
from memu.scope import Scope

R = TypeVar("R", bound=Record)
PAGE = 500
ORDER = ("created_at", "id")
Checks = Mapping[str, Callable[[Any], Any]]
"""For a field: what makes of an assigned value the one that is stored, or raises."""


class Repository(Generic[R]):
    """Records of one table, for one scope; with no scope, for all (the operator's handle)."""

    table: ClassVar[str]
    model: ClassVar[type[Record]]
    visible: ClassVar[Where] = ()
    checks: ClassVar[Checks] = {"embedding": checked}
    _derived: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """For a field that is assigned: what follows from it and no longer holds."""

    def __init__(self, store: Store, scope: Scope | None) -> None:
        self.store = store
        self.scope = scope
        names = {column.name for column in store.records.schema.table(self.table).columns}
        self._columns = [name for name in names if name in self.model.model_fields or name in store.scope_fields]

    def get(self, record_id: str) -> R | None:
        """The record of that id, or None when the scope holds none."""
        with self.store.reader(self.scope) as reader:
            row = reader.get(self.table, equals(id=record_id), self._columns)
        return self._record(row) if row else None

    def page(
        self,
        where: Mapping[str, Any] | None = None,
        *,
        limit: int | None = None,
        after: Sequence[Any] | None = None,
        superseded: bool = False,
        embeddings: bool = True,
    ) -> list[R]:
        """Records that meet a filter, oldest first, ties by id; `after` is the last record's (created_at, id)."""
        columns = self._columns if embeddings else [name for name in self._columns if name != "embedding"]
        with self._reading(where) as (reader, parsed):
            met = fields.on_rows([*parsed, *(() if superseded else self.visible)])
            rows = reader.find(self.table, met, order=ORDER, limit=limit, after=after, columns=columns)
        return [self._record(row) for row in rows]

    def iterate(self, where: Mapping[str, Any] | None = None, *, superseded: bool = False) -> Iterator[R]:
        """All records that meet a filter, a page at a time."""
        after: tuple[Any, ...] | None = None
        while True:
            page = self.page(where, limit=PAGE, after=after, superseded=superseded)
            yield from page
            if len(page) < PAGE:
                return
            after = (page[-1].created_at, page[-1].id)

    def count(self, where: Mapping[str, Any] | None = None) -> int:
        """How many records meet a filter."""
        with self._reading(where) as (reader, parsed):
            return reader.count(self.table, fields.on_rows([*parsed, *self.visible]))

    def clear(self, where: Mapping[str, Any] | None = None) -> dict[str, R]:
        """Delete the records that meet a filter, and return what was deleted, by id."""
        gone = {record.id: record for record in self.iterate(where, superseded=True)}
        for scope, ids in self._by_owner(gone.values()).items():
            self._clear(scope, ids)
        return gone

    @repeated
    def _clear(self, scope: Scope, ids: Sequence[str]) -> None:
        with self.store.writer(scope) as writer:
            self._delete(writer, ids)

    def load_existing(self) -> None:
        """Nothing to load: rows are read when they are asked for. Kept because older code calls it."""

    def _by_owner(self, records: Iterable[R]) -> dict[Scope, list[str]]:
        owners: dict[Scope, list[str]] = {}
        for record in records:
            owners.setdefault(self._owner_of(record), []).append(record.id)
        return owners

    def _owner_of(self, record: Record) -> Scope:
        names = self.store.scope_fields
        return self.scope or Scope.of({name: getattr(record, name) for name in names}, fields=names)

    def _delete(self, writer: ScopedWriter, ids: Sequence[str]) -> list[str]:
        return writer.delete(self.table, [Condition("id", "in", tuple(ids))])

    @contextmanager
    def _reading(self, where: Mapping[str, Any] | None) -> Iterator[tuple[ScopedReader, list[Condition]]]:
        """A read with its filter parsed: of the scope, or of the scopes that an operator's filter names."""
        named, rest = fields.split_scope(where, self.store.scope_fields)
        if self.scope:
            fields.check_pair(self.scope, named)
            named = {}
        with self.store.reader(self.scope) as reader:
            yield reader, [*equals(**named), *fields.conditions(self.table, rest, reader)]

    def _scope(self, user_data: Mapping[str, Any] | None) -> Scope:
        """Whose record is being written: the handle's own pair, or the one that `user_data` names."""
        if self.scope:
            fields.check_pair(self.scope, user_data)
            return self.scope
        return Scope.of(user_data, fields=self.store.scope_fields)

    def _find_owner(self, record_id: str, user_data: Mapping[str, Any] | None = None) -> Scope:
        """The scope of an existing record; NotFoundError when there is none in reach."""
        with self.store.reader(self.scope or (self._scope(user_data) if user_data else None)) as reader:
            row = reader.get(self.table, equals(id=record_id), self.store.scope_fields)
        if row is None:
            raise NotFoundError(f"there is no {self.model.__name__} {record_id!r} in this scope.")
        return Scope.of(row, fields=self.store.scope_fields)

    def _record(self, row: Row) -> R:
        record = self.model(**row)
        return record.attach(self._write_field)  # type: ignore[return-value]

    @repeated
    def _write_field(self, record: Record, name: str, value: Any) -> None:
        """Persist an assignment to a live record, held to the same rules as a call that makes one."""
        if name in self.checks:
            value = self.checks[name](value)
        elif isinstance(value, str) and value:
            check_text(name, value)
        values = {name: value, **self._derived.get(name, {}), "updated_at": self.store.now()}
        with self.store.writer(self._owner_of(record), claimed(value if name == "embedding" else None)) as writer:
            if not writer.update(self.table, values, equals(id=record.id)):
                raise NotFoundError(f"{self.model.__name__} {record.id!r} was deleted.")

    def _new(self, **values: Any) -> Row:
        known = {column.name: column for column in self.store.records.schema.table(self.table).columns}
        if unknown_names := sorted(set(values) - set(known)):
            raise InputError(f"{self.model.__name__} has no field {unknown_names[0]!r}: expected stored fields only.")
        for name, value in values.items():
            if isinstance(value, str) and len(value) > LENGTHS.get(known[name].kind, len(value)):
                longest = LENGTHS[known[name].kind]
                raise InputError(f"{name} has {len(value)} characters: at most {longest} are kept.")
        if "metadata" in values:
            values["metadata"] = check_metadata(values["metadata"])
        now = self.store.now()
        return {"id": str(uuid4()), "created_at": now, "updated_at": now, **values}


def claimed(vector: Sequence[float] | None, embedder: Recorded | None = None) -> Recorded | None:
    """The embedder to record for a vector that is about to be written; None for no vector."""
    return None if vector is None else embedder or unknown(len(vector))
