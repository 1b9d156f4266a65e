"""Tables as data: what a backend needs to know to make them, whatever it keeps them in."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

LEDGER = "schema_migrations"
"""The table of the migrations that a store has had, where its schema names no other."""


class Kind(Enum):
    """What a column holds; each backend has its own type for each kind."""

    ID = "id"  # up to 36 characters, compared byte for byte
    UUID = "uuid"  # in its canonical form
    HASH = "hash"  # 64 hex digits
    NAME = "name"  # up to 255 characters, compared byte for byte
    WORD = "word"  # up to 64 characters: one of a few names
    URL = "url"  # up to 2,048 characters
    TEXT = "text"
    JSON = "json"  # as it was written
    JSONB = "jsonb"  # an object whose form does not matter: a server may sort its keys and write numbers anew
    VECTOR = "vector"  # a list of floats, or nothing
    TIME = "time"  # UTC with microseconds
    INTEGER = "integer"
    BOOLEAN = "boolean"

    @property
    def is_json(self) -> bool:
        """Whether paths lead into it."""
        return self in (Kind.JSON, Kind.JSONB)


LENGTHS = {Kind.ID: 36, Kind.UUID: 36, Kind.HASH: 64, Kind.NAME: 255, Kind.WORD: 64, Kind.URL: 2048}
"""The most characters that a column of these kinds holds."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `default` fills rows that were written before the column existed."""

    name: str
    kind: Kind
    nullable: bool = False
    default: Any = None


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key: rows of `table` that `columns` name must exist; on delete the rows go, or the link is cleared."""

    columns: tuple[str, ...]
    table: str
    target: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its columns, its primary key, and what else is unique, indexed or refers to another table.

    `by_hand`: rows may come from others' INSERTs; where the server can, it fills in what those leave out.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    uniques: tuple[tuple[str, ...], ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    references: tuple[Reference, ...] = ()
    by_hand: bool = False

    def column(self, name: str) -> Column:
        """The column of that name; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Schema:
    """All tables of a store, in an order in which they can be made, and the scope columns that each begins with.

    `ledger` is the table of its migrations: stores of different schemas may share a database.
    """

    tables: tuple[Table, ...]
    scope_fields: tuple[str, ...] = ()
    ledger: str = LEDGER

    def table(self, name: str) -> Table:
        """The table of that name; KeyError when there is none."""
        for table in self.tables:
            if table.name == name:
                return table
        raise KeyError(name)
