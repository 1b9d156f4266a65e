"""Collections, indexes and the record of what they hold: made, mended and compared."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from memu.backends.mongo_reads import MongoReader, key_of
from memu.backends.mongo_rows import DIED, NEVER, changes
from memu.backends.tables import Table
from memu.errors import SchemaError

if TYPE_CHECKING:
    from memu.backends.mongo import MongoRecordStore

KEEPING = "memu_head"
"""The collection of the head, and of what the tables are."""
TABLES = "tables"
DEAD = "dead"
"""The index of the versions that are dead: no read uses it, so that no row moves in it under a reader's hand."""

OPTIONS = ("unique", "sparse", "partialFilterExpression", "collation")
"""What makes an index of the same columns another one: no index is unique, since a key is in all versions of a row."""
NO_INDEX = 27
"""The server's number for an index that is not there."""


@dataclass(frozen=True, slots=True)
class Step:
    """One change of the form of a store; `apply` is not run on a new one, and must be repeatable."""

    version: int
    name: str
    apply: Callable[[Any], None]


class Shape:
    """What a store's collections are, and should be."""

    def __init__(self, store: "MongoRecordStore", steps: Sequence[Step]) -> None:
        self.store = store
        self.steps = sorted(steps, key=lambda step: step.version)
        self.newest = max((step.version for step in steps), default=0)

    @property
    def _record(self) -> dict[str, Any]:
        """The columns and the key of every table in the database, of whatever store."""
        found = self.store.kept.find_one({"_id": TABLES})
        return dict(found["tables"]) if found else {}

    def tables(self) -> list[str]:
        """The tables in the database, of whatever store."""
        return sorted(self._record)

    def version(self) -> int | None:
        """The newest step that the store has had; None before it was made."""
        found = self.store.database[self.store.schema.ledger].find_one(sort=[("_id", -1)])
        return int(found["_id"]) if found else None

    def check_version(self) -> int:
        """The same, 0 before the store was made; SchemaError when a newer release made it."""
        version = self.version() or 0
        if version > self.newest:
            raise SchemaError(
                f"the store was made by a newer version of memu (schema {version}, this one knows up to "
                f"{self.newest}): upgrade memu, or open a backup from before the upgrade."
            )
        return version

    def make(self) -> None:
        """Make or mend everything. Each step can be repeated, and does no harm beside another process's."""
        self.store.head.make()
        version = self.check_version()
        for step in self.steps if version else ():
            if step.version > version:
                step.apply(self.store.database)
        record = self._record
        there = set(self.store.database.list_collection_names())
        for table in self.store.schema.tables:
            self._make(table, record.get(table.name), there)
        self._enter([step for step in self.steps if step.version > version])

    def _make(self, table: Table, held: Any, there: set[str]) -> None:
        from pymongo.errors import CollectionInvalid, OperationFailure

        if table.name not in there:
            try:
                self.store.database.create_collection(table.name)
            except (CollectionInvalid, OperationFailure) as error:
                if table.name not in self.store.database.list_collection_names():
                    raise SchemaError(f"the collection {table.name} cannot be made: {error}.") from error
        self._make_indexes(table)
        if held != (kept := _kept(table)):
            for column in table.columns if held else ():
                if column.name not in held["columns"]:
                    default = changes(table, {column.name: column.default})
                    unset = {column.name: {"$exists": False}}
                    self.store.rows(table.name).update_many(unset, {"$set": default})
            entry = {"$set": {f"tables.{table.name}": kept}}
            self.store.kept.update_one({"_id": TABLES}, entry, upsert=True)

    def _make_indexes(self, table: Table) -> None:
        rows = self.store.rows(table.name)
        held = rows.index_information()
        for name, wanted in _indexes(table).items():
            if name in held and _otherwise(held[name], wanted):
                _drop(rows, name)
            options = {option: value for option, value in wanted.items() if option != "key"}
            rows.create_index(wanted["key"], name=name, **options)

    def _enter(self, steps: Sequence[Step]) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        for step in steps:
            entry = {"$setOnInsert": {"name": step.name, "applied_at": now}}
            self.store.database[self.store.schema.ledger].update_one({"_id": step.version}, entry, upsert=True)

    def lacking(self) -> list[str]:
        """What is not there, or not as it should be, in words."""
        found = []
        record, there = self._record, set(self.store.database.list_collection_names())
        for table in self.store.schema.tables:
            held = record.get(table.name, {"columns": []})
            if table.name not in there or not held["columns"]:
                found.append(f"table {table.name} is missing")
                continue
            names = {column.name for column in table.columns} - set(held["columns"])
            found += [f"column {table.name}.{name} is missing" for name in names]
            if not names and held["key"] != list(table.key):
                found.append(f"the key of {table.name} is ({', '.join(held['key'])}), not ({', '.join(table.key)})")
            indexes = self.store.rows(table.name).index_information()
            for name, wanted in _indexes(table).items():
                fault = _otherwise(indexes[name], wanted) if name in indexes else "is missing"
                found += [f"index {name} of {table.name} {fault}"] if fault else []
        return sorted(found)

    def doubles(self) -> list[str]:
        """Keys that several rows have, in words."""
        reader, found = MongoReader.begun(self.store), []
        for table in self.store.schema.tables:
            for names in (table.key, *table.uniques):
                rows = [key_of(row, names) for row in reader.documents(table, (), names)]
                if extra := len(rows) - len(set(rows)):
                    found.append(f"{extra} rows of {table.name} have the ({', '.join(names)}) of another one")
        return found

    def stored_key(self, table: str) -> tuple[str, ...]:
        """The key of a table as it is in the database; empty when there is no such table."""
        return tuple(self._record.get(table, {"key": ()})["key"])


def _kept(table: Table) -> dict[str, list[str]]:
    return {"columns": [column.name for column in table.columns], "key": list(table.key)}


def _indexes(table: Table) -> dict[str, dict[str, Any]]:
    """The indexes of a table by their names, as the driver tells of them; one that another begins with is left out."""
    asked = [table.key, *table.uniques, *table.indexes, *(one.columns for one in table.references)]
    wanted = dict.fromkeys(names for names in asked if names)
    plain = {
        f"ix_{'_'.join(names)}": {"key": [(name, 1) for name in names]}
        for names in wanted
        if not any(other != names and other[: len(names)] == names for other in wanted)
    }
    return {**plain, DEAD: {"key": [(DIED, 1)], "partialFilterExpression": {DIED: {"$lt": NEVER}}}}


def _otherwise(held: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """How an index is another one than it should be, in words; "" when it is not."""
    if held["key"] != wanted["key"]:
        return f"is on ({_columns(held)}), not ({_columns(wanted)})"
    other = [name for name in OPTIONS if (held.get(name) or None) != wanted.get(name)]
    return ", ".join(f"has {name} {held.get(name)!r}, not {wanted.get(name)!r}" for name in other)


def _columns(index: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {order}" for name, order in index["key"])


def _drop(rows: Any, name: str) -> None:
    """Remove an index, unless another process has just done so."""
    from pymongo.errors import OperationFailure

    try:
        rows.drop_index(name)
    except OperationFailure as error:
        if error.code != NO_INDEX:
            raise
