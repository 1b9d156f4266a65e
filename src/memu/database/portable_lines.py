"""The lines of an exported memory: a header, a row of a table each, an end; every one checked before it is believed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any

import orjson

from memu.backends.base import Row
from memu.backends.schema import CATEGORIES, HISTORY, ITEMS, LINKS, RESOURCES, TEXTS
from memu.backends.tables import LENGTHS, Column, Kind, Schema, Table
from memu.backends.vectors import checked
from memu.database.rows import check_memory_type, check_text
from memu.database.vectors import Recorded
from memu.errors import InputError, SourceInvalid
from memu.scope import CORE_FIELDS, Scope
from memu.sources.hashing import digest

FORMAT = "memu-export"
VERSION = 1
TABLES = (RESOURCES, TEXTS, ITEMS, CATEGORIES, LINKS, HISTORY)
"""What is exported, in an order in which it can be inserted."""

DERIVED = frozenset({"seq", "url_hash"})
"""Columns that are not exported: a store counts its own changes, and the hash follows from the URL."""

LONGEST_LINE = 512 * 1024 * 1024
_LISTS = frozenset({"messages", "message_ids"})


@dataclass(frozen=True, slots=True)
class Header:
    """The first line: what the file is, whose memory it holds (None for several owners'), and whose vectors."""

    scope: Scope | None
    embedder: Recorded | None
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a table, with its owner, its place in the file and its length in bytes."""

    number: int
    size: int
    table: str
    scope: Scope
    row: Row


def header_line(scope: Scope | None, fields: Sequence[str], embedder: Recorded | None, schema: int) -> bytes:
    """The first line of an export."""
    header = {
        "format": FORMAT,
        "version": VERSION,
        "schema": schema,
        "scope_fields": list(fields),
        "scope": scope.as_dict() if scope else None,
        "embedder": embedder.as_dict() if embedder else None,
    }
    return orjson.dumps(header) + b"\n"


def row_line(table: Table, row: Mapping[str, Any]) -> bytes:
    """One row as it is exported: times in ISO form with microseconds, everything else as JSON."""
    values = {
        column.name: row[column.name].isoformat(timespec="microseconds")
        if column.kind is Kind.TIME and row[column.name] is not None
        else row[column.name]
        for column in table.columns
        if column.name not in DERIVED
    }
    return orjson.dumps({"table": table.name, "row": values}) + b"\n"


def end_line(counts: Mapping[str, int]) -> bytes:
    """The last line: how many rows of each table there are, so that a file that was cut off is known as one."""
    return orjson.dumps({"end": dict(counts)}) + b"\n"


class ExportReader:
    """An export, read line by line.

    Raises:
        SourceInvalid: the file is no export, was made by a newer version or was cut off, or a line is not what a
            store can have written; the line is named.
    """

    def __init__(self, file: IO[bytes], schema: Schema) -> None:
        self._file = file
        self._schema = schema
        self._number = 0
        self.header = self._read_header()

    def lines(self) -> Iterator[Line]:
        """The rows, up to the end line, whose counts must be theirs."""
        counts = dict.fromkeys(TABLES, 0)
        while True:
            value, size = self._next()
            if "end" in value:
                break
            line = self._line(value, size)
            counts[line.table] += 1
            yield line
        if value != {"end": counts}:
            raise self._fault(f"the file should hold {value['end']}, and holds {counts}: it is not whole. Export again")
        if self._file.readline(1):
            raise self._fault("something follows after the end of the export")

    def _next(self) -> tuple[dict[str, Any], int]:
        raw = self._file.readline(LONGEST_LINE + 1)
        self._number += 1
        if len(raw) > LONGEST_LINE:
            raise self._fault(f"is longer than {LONGEST_LINE:,} bytes")
        if not raw:
            raise self._fault("the end of the export is missing: the file was cut off. Export again")
        try:
            value = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            why = "was cut off" if not raw.endswith(b"\n") else f"is not JSON ({error.msg})"
            raise self._fault(f"{why}. Export again") from None
        if not isinstance(value, dict):
            raise self._fault("is not a JSON object")
        return value, len(raw)

    def _read_header(self) -> Header:
        try:
            value, _ = self._next()
        except SourceInvalid:
            value = {}
        if value.get("format") != FORMAT:
            raise SourceInvalid("this is not an export of memu: its first line should say so. `memu export` makes one.")
        version = value.get("version")
        if not isinstance(version, int) or version > VERSION:
            raise SourceInvalid(
                f"the export was made by a newer version of memu (format {version!r}, this one knows {VERSION}): "
                "upgrade memu."
            )
        fields = value.get("scope_fields")
        if not isinstance(fields, list) or not all(isinstance(name, str) for name in fields):
            raise self._fault("scope_fields should be a list of names")
        if strange := [name for name in fields if name not in self._schema.scope_fields]:
            raise SourceInvalid(
                f"the export tells owners apart by {strange[0]!r} too, which this store has not: open the store with a "
                f"user model that has the field {strange[0]!r}."
            )
        scope = value.get("scope")
        try:
            owner = None if scope is None else Scope.of(scope, fields=self._schema.scope_fields)
        except (InputError, AttributeError, TypeError) as error:
            raise self._fault(f"the scope cannot be read: {error}") from None
        return Header(owner, self._embedder(value.get("embedder")), tuple(fields))

    def _embedder(self, value: Any) -> Recorded | None:
        if value is None:
            return None
        kinds = {"name": str, "dimension": int, "normalized": bool}
        if not isinstance(value, dict) or {name: type(one) for name, one in value.items()} != kinds:
            raise self._fault("the embedder should have a name, a dimension, and whether it is normalized")
        return Recorded(**value)

    def _line(self, value: Mapping[str, Any], size: int) -> Line:
        name, row = value.get("table"), value.get("row")
        if name not in TABLES:
            raise self._fault(f"unknown table {name!r}: expected one of {', '.join(TABLES)}")
        if not isinstance(row, dict) or set(value) != {"table", "row"}:
            raise self._fault("expected a table and a row, nothing else")
        table = self._schema.table(name)
        try:
            return Line(self._number, size, name, self._owner(row), self._row(table, row))
        except InputError as error:
            raise self._fault(str(error).rstrip(".")) from None

    def _owner(self, row: Mapping[str, Any]) -> Scope:
        if missing := [name for name in CORE_FIELDS if name not in row]:
            raise InputError(f"the row has no {missing[0]}")
        fields = self._schema.scope_fields
        owner = Scope.of({name: row[name] for name in fields if name in row}, fields=fields)
        if self.header.scope not in (None, owner):
            raise InputError(f"the row belongs to {owner}, the header says {self.header.scope}")
        return owner

    def _row(self, table: Table, given: Mapping[str, Any]) -> Row:
        columns = {one.name: one for one in table.columns if one.name not in self._schema.scope_fields}
        if strange := given.keys() - columns.keys() - {*self._schema.scope_fields}:
            raise InputError(f"the table {table.name} has no column {min(strange)!r}")
        if derived := given.keys() & DERIVED:
            raise InputError(f"the column {min(derived)!r} is not part of an export")
        row = {name: self._value(one, given) for name, one in columns.items() if name not in DERIVED}
        if row.get("embedding") is not None:
            self._check_dimension(row["embedding"])
        if check := _CHECKS.get(table.name):
            check(row)
        if "url" in row:
            row["url_hash"] = digest(row["url"])
        return row

    def _value(self, column: Column, given: Mapping[str, Any]) -> Any:
        value = given.get(column.name)
        if value is None:
            if column.nullable:
                return None
            if column.name in given or column.default is None:
                raise InputError(f"{column.name} is missing")
            return column.default
        return _checked(column, value)

    def _check_dimension(self, vector: Sequence[float]) -> None:
        wanted = self.header.embedder
        if wanted is None or len(vector) != wanted.dimension:
            named = f"{wanted.dimension} ({wanted.name})" if wanted else "none"
            raise InputError(f"the embedding has {len(vector)} dimensions, the header says {named}")

    def _fault(self, what: str) -> SourceInvalid:
        return SourceInvalid(f"line {self._number}: {what}. Nothing was imported.")


def _checked(column: Column, value: Any) -> Any:
    """A value that a column of its kind can hold; InputError otherwise."""
    kind, name = column.kind, column.name
    if kind in LENGTHS:
        return check_text(name, value, longest=LENGTHS[kind])
    if kind is Kind.TEXT:
        return check_text(name, value) if value != "" else ""
    if kind is Kind.VECTOR:
        return checked(value)
    if kind is Kind.TIME:
        return _time(name, value)
    if kind is Kind.JSON:
        _check_json(name, value, list if name in _LISTS else dict)
    elif type(value) is not (bool if kind is Kind.BOOLEAN else int):
        raise InputError(f"{name} is a {type(value).__name__}")
    elif not -(2**63) <= value < 2**63:
        raise InputError(f"{name} is too large a number")
    return value


def _time(name: str, value: Any) -> datetime:
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise InputError(f"{name} is {value!r}: expected a time in ISO form") from None
    if time.tzinfo is None:
        raise InputError(f"{name} is {value!r}: expected a time with its zone")
    return time


def _check_json(name: str, value: Any, kind: type) -> None:
    if not isinstance(value, kind):
        raise InputError(f"{name} is a {type(value).__name__}: expected a {kind.__name__}")
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += [*one, *one.values()]
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, str) and "\x00" in one:
            raise InputError(f"{name} holds a NUL byte")


def _check_item(row: Row) -> None:
    check_memory_type(row["memory_type"])
    if not all(isinstance(one, str) for one in row["message_ids"]):
        raise InputError("message_ids should be strings")


def _check_category(row: Row) -> None:
    sentences = row["extra"].get("sentences", [])
    if not isinstance(sentences, list) or not all(isinstance(one, str) for one in sentences):
        raise InputError("extra.sentences should be a list of ids")


def _check_text_row(row: Row) -> None:
    """Messages must lie inside the text, or nothing that reads them would hold."""
    for message in row["messages"]:
        if not isinstance(message, dict) or not all(isinstance(message.get(name), str) for name in ("id", "hash")):
            raise InputError("every message needs an id and a hash")
        start, end = message.get("start"), message.get("end")
        if type(start) is not int or type(end) is not int or not 0 <= start <= end <= len(row["text"]):
            raise InputError(f"the message {message['id']!r} lies outside the text")


_CHECKS = {ITEMS: _check_item, CATEGORIES: _check_category, TEXTS: _check_text_row}
