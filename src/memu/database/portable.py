"""Memories as a file of JSON Lines: all of one owner, or of all, taken out of a store and put into any other."""

import contextlib
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from memu.backends.base import Condition, Row
from memu.backends.repeat import repeated
from memu.backends.schema import HISTORY, LINKS, RESOURCES, SCOPES
from memu.backends.tables import Table
from memu.database.fields import check_pair
from memu.database.mirror import replacing
from memu.database.portable_lines import TABLES, ExportReader, Header, Line, end_line, header_line, row_line
from memu.database.rows import touch_items
from memu.database.store import Store
from memu.database.unit import ScopedReader, ScopedWriter
from memu.database.upgrades import MIGRATIONS
from memu.database.vectors import Recorded, fits, mismatch, recorded
from memu.errors import (
    InputError,
    IntegrityError,
    ScopeError,
    SourceInvalid,
    SourceNotFound,
    StorageCorrupt,
    StorageReadOnly,
)
from memu.scope import Scope

if TYPE_CHECKING:
    from memu.database.core import Database

PAGE = 500
"""Rows in one page of an export, and the most in one transaction of an import."""

PAGE_BYTES = 8 * 1024 * 1024
"""Bytes of lines after which an import begins another transaction."""

Progress = Callable[[int, int], None]
"""Told, now and then, how many rows are done, and of how many."""


@dataclass(slots=True)
class Imported:
    """What an import did: rows of each table that were added, and that were there already."""

    added: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TABLES, 0))
    present: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TABLES, 0))


def export_memory(database: "Database", file: IO[bytes], *, progress: Progress | None = None) -> dict[str, int]:
    """Write everything of a handle's owner, or with the operator's handle of all owners, as it is at one moment.

    Local copies of files are not part of it; their words are. Memory use does not depend on how much there is.

    Returns:
        How many rows of each table were written.
    """
    store = database.handle
    counts = dict.fromkeys(TABLES, 0)
    with store.reader(database.scope) as reader:
        total = sum(reader.count(table) for table in TABLES)
        held = recorded(reader.transaction)
        newest = max(step.version for step in MIGRATIONS)
        file.write(header_line(database.scope, store.scope_fields, held, newest))
        for scope in [database.scope] if database.scope else _owners(store, reader):
            owned = ScopedReader(reader.transaction, scope)
            for table in TABLES:
                for page in _pages(owned, table):
                    file.writelines(row_line(store.records.schema.table(table), row) for row in page)
                    counts[table] += len(page)
                    _tell(progress, sum(counts.values()), total)
        if sum(counts.values()) != total:
            raise StorageCorrupt(
                f"the store counts {total} rows, and {sum(counts.values())} of them were found: see `memu doctor`."
            )
        file.write(end_line(counts))
    return counts


def export_file(database: "Database", path: Path, *, progress: Progress | None = None) -> dict[str, int]:
    """Export into a file, which appears whole or not at all; see `export_memory`."""
    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageReadOnly(
            f"the folder {path.parent} cannot be made ({error.strerror}): nothing was exported."
        ) from None
    with replacing(path) as file:
        return export_memory(database, file, progress=progress)


def _owners(store: Store, reader: ScopedReader) -> list[Scope]:
    fields = store.scope_fields
    return [Scope.of(row, fields=fields) for row in reader.find(SCOPES, order=fields, columns=fields)]


def _pages(reader: ScopedReader, table: str) -> Iterator[list[Row]]:
    after: tuple[str, ...] | None = None
    while page := reader.find(table, order=("id",), limit=PAGE, after=after):
        yield page
        after = (page[-1]["id"],)


def _tell(progress: Progress | None, done: int, total: int) -> None:
    if progress:
        progress(done, total)


def import_memory(
    database: "Database",
    file: IO[bytes],
    *,
    into: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Imported:
    """Read an export into the store: into the owners that it names, or all of it into the one that `into` names.

    The whole file is checked before anything is written. It is then written in transactions of some hundred rows, and
    rows that are there already are passed over, so that an import that was interrupted goes on when it is repeated.

    Raises:
        SourceInvalid: the file is no whole and sound export; nothing was imported.
        EmbedderMismatch: its vectors come from another embedder than the store's; nothing was imported.
        ScopeError: the handle is bound to another owner than the file's, and `into` does not name it.
        IntegrityError: the store holds another row under the same id, name or URL.
    """
    with _rewindable(file) as source:
        start = source.tell()
        reader = ExportReader(source, database.handle.records.schema)
        target = target_owner(database, reader.header, into)
        _check_embedder(database.handle, reader.header.embedder)
        total = sum(1 for _ in reader.lines())
        source.seek(start)
        reader = ExportReader(source, database.handle.records.schema)
        done = Imported()
        for batch in batches(reader.lines()):
            _write(database.handle, batch, target, reader.header.embedder, done)
            _tell(progress, sum(done.added.values()) + sum(done.present.values()), total)
    return done


def import_file(
    database: "Database", path: Path, *, into: Mapping[str, Any] | None = None, progress: Progress | None = None
) -> Imported:
    """Import from a file; see `import_memory`."""
    try:
        with path.open("rb") as file:
            return import_memory(database, file, into=into, progress=progress)
    except FileNotFoundError:
        raise SourceNotFound(f"there is no file {path}: nothing was imported.") from None
    except IsADirectoryError:
        raise SourceInvalid(f"{path} is a folder: expected a file that `memu export` made.") from None
    except PermissionError:
        raise SourceInvalid(f"{path} cannot be read: check its permissions.") from None


@contextlib.contextmanager
def _rewindable(file: IO[bytes]) -> Iterator[IO[bytes]]:
    """The file itself, or a temporary copy of a stream that can be read only once."""
    if file.seekable():
        yield file
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(file, copy)
        copy.seek(0)
        yield copy


def target_owner(database: "Database", header: Header, into: Mapping[str, Any] | None) -> Scope | None:
    """The one owner that every row goes to; None when each goes to its own."""
    if into is None:
        if database.scope and header.scope != database.scope:
            owner = header.scope or "several owners"
            raise ScopeError(f"the export holds the memory of {owner}: import it as {database.scope} with into=.")
        return None
    if database.scope:
        check_pair(database.scope, into)
    if header.scope is None:
        raise InputError("the export holds the memory of several owners: it cannot be imported into one of them.")
    return database.scope or Scope.of(into, fields=database.handle.scope_fields)


def _check_embedder(store: Store, wanted: Recorded | None) -> None:
    held = store.embedder()
    if wanted and held and not fits(held, wanted):
        error = mismatch(held, wanted)
        raise type(error)(
            f"the export's vectors come from {wanted.name} ({wanted.dimension} dimensions), the store's from "
            f"{held.name} ({held.dimension}): import it into a store of its own, and move that with `memu reembed`."
        )


def batches(lines: Iterator[Line]) -> Iterator[list[Line]]:
    """Lines of one table and owner in a row, not too many and not too long."""
    batch: list[Line] = []
    size = 0
    for line in lines:
        other = batch and (line.table, line.scope) != (batch[0].table, batch[0].scope)
        if batch and (other or len(batch) == PAGE or size + line.size > PAGE_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += line.size
    if batch:
        yield batch


@repeated
def _write(
    store: Store, batch: Sequence[Line], target: Scope | None, embedder: Recorded | None, done: Imported
) -> None:
    """One transaction: the rows that are not there yet are added, the others must be equal."""
    table, owner = batch[0].table, target or batch[0].scope
    rows = [given_to(owner, line) for line in batch]
    vectors = any(row.get("embedding") is not None for row in rows)
    with store.writer(owner, embedder if vectors else None) as writer:
        fresh = _fresh(writer, table, rows)
        schema = store.records.schema.table(table)
        _check_unique(writer, schema, fresh)
        _check_references(writer, schema, fresh)
        if fresh:
            writer.put(table, fresh)
        if table == LINKS:
            touch_items(writer, [row["item_id"] for row in fresh])
    done.added[table] += len(fresh)
    done.present[table] += len(rows) - len(fresh)


COPY_NAME = re.compile("[0-9a-f]{64}")
"""What the local copy of a file is called: the hash of its content."""


def given_to(owner: Scope, line: Line) -> Row:
    """A row as it is to stand under its owner: what names the one it came from is left behind."""
    if line.scope == owner:
        return line.row
    if line.table == HISTORY:
        return {**line.row, "before": {**line.row["before"], **owner.as_dict()}}
    if line.table == RESOURCES and COPY_NAME.fullmatch(PurePath(line.row["local_path"]).stem):
        return {**line.row, "local_path": ""}
    return line.row


def _fresh(writer: ScopedWriter, table: str, rows: Sequence[Row]) -> list[Row]:
    ids = tuple(row["id"] for row in rows)
    known = {row["id"]: row for row in writer.find(table, [Condition("id", "in", ids)])}
    fresh = []
    for row in rows:
        if row["id"] not in known:
            known[row["id"]] = row
            fresh.append(row)
        elif differing := [name for name, value in row.items() if not _alike(name, known[row["id"]][name], value)]:
            raise IntegrityError(
                f"the store holds another row {row['id']!r} in {table} already (it differs in {', '.join(differing)}): "
                "import into another owner, or delete it first. Rows before it may have been imported."
            )
    return fresh


def _alike(name: str, one: Any, other: Any) -> bool:
    """Whether two values of a column are the same, as far as every store keeps them: pgvector rounds to 32 bits."""
    if name != "embedding" or one is None or other is None:
        return bool(one == other)
    return np.array_equal(np.asarray(one, dtype=np.float32), np.asarray(other, dtype=np.float32))


def _check_unique(writer: ScopedWriter, table: Table, rows: Sequence[Row]) -> None:
    own = writer.scope.as_dict() if writer.scope else {}
    for unique in table.uniques:
        names = [name for name in unique if name not in own]
        values = tuple({row[names[0]] for row in rows})
        held = writer.find(table.name, [Condition(names[0], "in", values)], columns=("id", *names))
        taken = {tuple(row[name] for name in names): row["id"] for row in held}
        for row in rows:
            key = tuple(row[name] for name in names)
            if taken.setdefault(key, row["id"]) != row["id"]:
                shown = ", ".join(f"{name} {row.get('url') if name == 'url_hash' else row[name]!r}" for name in names)
                raise IntegrityError(
                    f"{table.name}: {shown} is there already, under the id {taken[key]!r} instead of {row['id']!r}: "
                    "import into an owner that holds nothing yet. Rows before it may have been imported."
                )


def _check_references(writer: ScopedWriter, table: Table, rows: Sequence[Row]) -> None:
    for reference in table.references:
        wanted = {row[reference.columns[-1]] for row in rows} - {None}
        found = writer.find(reference.table, [Condition("id", "in", tuple(wanted))], columns=("id",))
        held = {row["id"] for row in found}
        if missing := wanted - held:
            raise SourceInvalid(
                f"a row of {table.name} names {min(missing)!r} in {reference.table}, which is neither before it in "
                "the file nor in the store. Rows before it may have been imported."
            )
