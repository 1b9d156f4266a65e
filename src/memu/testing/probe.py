"""Tables that hold every kind of column, for the contract of the record store."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from memu.backends.base import RecordStore, Row
from memu.backends.tables import Column, Kind, Reference, Schema, Table
from memu.testing.backend import Backend, Suite

THINGS, SHELVES, COUNTERS = "probe_things", "probe_shelves", "probe_counters"
NOON = datetime(2024, 5, 31, 12, 0, 0, 123456, tzinfo=UTC)

SCHEMA = Schema(
    (
        Table(
            SHELVES,
            (Column("user_id", Kind.NAME), Column("id", Kind.ID), Column("label", Kind.NAME)),
            key=("user_id", "id"),
            uniques=(("user_id", "label"),),
        ),
        Table(
            THINGS,
            (
                Column("user_id", Kind.NAME),
                Column("id", Kind.ID),
                Column("name", Kind.NAME, nullable=True),
                Column("url", Kind.URL, nullable=True),
                Column("body", Kind.TEXT, nullable=True),
                Column("digest", Kind.HASH, nullable=True),
                Column("data", Kind.JSON, nullable=True),
                Column("vector", Kind.VECTOR, nullable=True),
                Column("at", Kind.TIME, nullable=True),
                Column("number", Kind.INTEGER, nullable=True),
                Column("flag", Kind.BOOLEAN, nullable=True),
                Column("shelf", Kind.ID, nullable=True),
            ),
            key=("user_id", "id"),
            indexes=(("user_id", "at", "id"),),
            references=(Reference(("user_id", "shelf"), SHELVES, ("user_id", "id")),),
        ),
        Table(
            COUNTERS,
            (Column("user_id", Kind.NAME), Column("value", Kind.INTEGER), Column("note", Kind.TEXT)),
            key=("user_id",),
        ),
    ),
    ("user_id",),
)

_EMPTY: Row = {column.name: None for column in SCHEMA.table(THINGS).columns if column.nullable}


def thing(identity: str, user: str = "alice", **values: Any) -> Row:
    """A row of the things, with nothing in the columns that are not named."""
    return {"user_id": user, "id": identity, **_EMPTY, **values}


class RecordSuite(Suite):
    """Base of the record store's tests: a fresh record store with the tables above."""

    @pytest.fixture
    def records(self, backend: Backend) -> Iterator[RecordStore]:
        """An open record store."""
        store = backend.records(SCHEMA)
        store.create()
        yield store
        store.close()


def put(store: RecordStore, *rows: Row, table: str = THINGS) -> None:
    """Insert rows in a transaction of their own."""
    with store.transaction() as transaction:
        transaction.put(table, rows)


def found(store: RecordStore, *args: Any, table: str = THINGS, **options: Any) -> list[Row]:
    """Read rows in a read of their own."""
    with store.reader() as reader:
        return reader.find(table, *args, **options)
