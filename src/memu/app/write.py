"""The one transaction of `memorize`: everything that a source gave, or nothing."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from memu.app.compare import Plan, compare
from memu.app.wiring import Parts
from memu.backends.base import Condition, Row, equals
from memu.backends.schema import CATEGORIES, ITEMS, RESOURCES, TEXTS
from memu.database.forgetting import copies_of
from memu.database.rows import Wanted, ensure_categories, item_defaults, keep_history, link_items
from memu.database.unit import ScopedWriter
from memu.extract.base import ExtractedItem
from memu.scope import Scope
from memu.sources.base import Source
from memu.sources.hashing import digest

if TYPE_CHECKING:
    from memu.app.memorize import Work


logger = logging.getLogger("memu.app")

_EXTRAS = ("heading", "note", "around")

ORPHAN_SECONDS = 3600
"""A copy of this age that no resource names belongs to no call that is still running."""


@dataclass(slots=True)
class Written:
    """What the transaction left behind."""

    plan: Plan
    item_ids: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def write(
    parts: Parts, scope: Scope, source: Source, plan: Plan, work: "Work", metadata: Mapping[str, Any]
) -> Written | None:
    """Write a source and its items in one transaction; None when the plan no longer holds and nothing was written."""
    copy = _keep_copy(parts, scope, source)
    try:
        with parts.database.handle.writer(
            scope, parts.embedder.recorded if work.vectors is not None else None
        ) as writer:
            now = compare(writer, source)
            written = _write_rows(parts, writer, source, now, work, metadata, copy) if plan.still(now) else None
    except BaseException:
        _drop_copy(parts, scope, copy)
        raise
    if written is None:
        _drop_copy(parts, scope, copy)
    elif writer.warning:
        written.warnings.append(writer.warning)
    _sweep(parts, scope)
    return written


def _keep_copy(parts: Parts, scope: Scope, source: Source) -> Path | None:
    if parts.blobs is None or source.data is None:
        return None
    return parts.blobs.put(scope.folder(), digest(source.hashes[-1], str(len(source.data))), source.suffix, source.data)


def _sweep(parts: Parts, scope: Scope) -> None:
    """Once for each scope and process: remove copies that a killed call left behind and no resource names."""
    store = parts.database.handle
    if parts.blobs is None or scope in store.swept:
        return
    store.swept.add(scope)
    named = {Path(path) for path in copies_of(store, scope)}
    if removed := parts.blobs.sweep(scope.folder(), named, ORPHAN_SECONDS):
        logger.info("removed %d copies that no resource names", len(removed))


def _drop_copy(parts: Parts, scope: Scope, copy: Path | None) -> None:
    """Remove a copy that no resource came to name."""
    if copy is None or parts.blobs is None:
        return
    with suppress(Exception), parts.database.handle.reader(scope) as reader:
        if not reader.count(RESOURCES, equals(local_path=str(copy))):
            parts.blobs.remove(copy)


def _write_rows(
    parts: Parts,
    writer: ScopedWriter,
    source: Source,
    plan: Plan,
    work: "Work",
    metadata: Mapping[str, Any],
    copy: Path | None,
) -> Written:
    resource = _write_resource(parts, writer, source, plan, work, metadata, copy)
    wanted = [
        Wanted(one.name, one.description, work.category_vectors.get(one.name))
        for one in parts.memorize.memory_categories
    ]
    categories = ensure_categories(writer, parts.database.handle, wanted)
    kept = _carry_over(parts, writer, source, plan, resource["id"], work.items) if plan.status == "replaced" else set()
    rows, links = _item_rows(parts, resource["id"], work, metadata, kept, categories)
    writer.put(ITEMS, rows)
    link_items(writer, parts.database.handle, links)
    written = Written(replace(plan, resource=resource), [row["id"] for row in rows])
    written.stale = _write_summaries(parts, writer, work, categories)
    return written


def _write_resource(
    parts: Parts,
    writer: ScopedWriter,
    source: Source,
    plan: Plan,
    work: "Work",
    metadata: Mapping[str, Any],
    copy: Path | None,
) -> Row:
    """The resource's row and text: a new row, a new version, or the row that goes on."""
    now = parts.database.handle.now()
    state: Row = {"content_hash": source.hashes[-1], "updated_at": now}
    if copy or source.origin:
        state["local_path"] = str(copy or source.origin)
    text = {"text": source.text, "messages": _message_rows(source)}
    if plan.status == "extended" and plan.resource:
        writer.update(RESOURCES, state, equals(id=plan.resource["id"]))
        writer.update(TEXTS, text, equals(id=plan.resource["id"]))
        return {**plan.resource, **state}
    row: Row = {
        "id": str(uuid4()),
        "url": plan.url,
        "url_hash": digest(plan.url),
        "version": plan.resource["version"] + 1 if plan.resource else 1,
        "modality": source.modality,
        "local_path": "",
        "caption": work.caption,
        "embedding": work.caption_vector,
        "superseded_by": None,
        "metadata": dict(metadata),
        "extra": {} if source.url else {"nameless": True},
        "created_at": now,
        **state,
    }
    writer.put(RESOURCES, [row])
    writer.put(TEXTS, [{"id": row["id"], **text}])
    if plan.status == "replaced" and plan.resource:
        writer.update(RESOURCES, {"superseded_by": row["id"], "updated_at": now}, equals(id=plan.resource["id"]))
    return row


def _message_rows(source: Source) -> list[dict[str, Any]]:
    return [
        {
            "id": message.id,
            "start": message.start,
            "end": message.end,
            "speaker": message.speaker,
            "role": message.role,
            "at": message.at.isoformat() if message.at else None,
            "heading": message.heading,
            "hash": value,
        }
        for message, value in zip(source.messages, source.message_hashes, strict=True)
    ]


def item_hash(item: ExtractedItem) -> str:
    """The identity of an item within its source: who said what, when."""
    said = item.said_at.isoformat() if item.said_at else ""
    return digest(item.speaker or "", said, item.heading or "", item.summary)


def _carry_over(
    parts: Parts, writer: ScopedWriter, source: Source, plan: Plan, resource_id: str, items: Sequence[ExtractedItem]
) -> set[int]:
    """Items that the new version still says move to it and keep their ids; the others are superseded, with history.

    Returns the positions of the items that are carried over and need no new row.
    """
    if plan.resource is None:
        return set()
    old = writer.find(ITEMS, equals(resource_id=plan.resource["id"], valid_to=None))
    waiting: dict[str, list[Row]] = {}
    for row in old:
        waiting.setdefault(row["content_hash"] or "", []).append(row)
    kept: set[int] = set()
    for position, item in enumerate(items):
        if rows := waiting.get(item_hash(item)):
            row = rows.pop(0)
            place = {"message_ids": list(item.message_ids), "source_start": item.start, "source_end": item.end}
            writer.update(ITEMS, {"resource_id": resource_id, **place}, equals(id=row["id"]))
            kept.add(position)
    gone = [row for rows in waiting.values() for row in rows]
    if gone:
        store, now = parts.database.handle, parts.database.handle.now()
        keep_history(writer, store, "supersede", gone)
        ids = tuple(row["id"] for row in gone)
        writer.update(ITEMS, {"valid_to": now, "updated_at": now}, [Condition("id", "in", ids)])
    return kept


def _item_rows(
    parts: Parts,
    resource_id: str,
    work: "Work",
    metadata: Mapping[str, Any],
    kept: set[int],
    categories: Mapping[str, Row],
) -> tuple[list[Row], list[tuple[str, str]]]:
    rows: list[Row] = []
    links: list[tuple[str, str]] = []
    times = parts.database.handle.times(len(work.items))
    for position, item in enumerate(work.items):
        if position in kept:
            continue
        row = {
            **item_defaults(),
            "id": work.ids[position],
            "resource_id": resource_id,
            "memory_type": item.memory_type,
            "summary": item.summary,
            "embedding": None if work.vectors is None else work.vectors[position],
            "speaker": item.speaker,
            "said_at": item.said_at,
            "happened_at": item.happened_at,
            "message_ids": list(item.message_ids),
            "source_start": item.start,
            "source_end": item.end,
            "content_hash": item_hash(item),
            "metadata": dict(metadata),
            "extra": {name: value for name in _EXTRAS if (value := getattr(item, name))},
            "created_at": times[position],
            "updated_at": times[position],
        }
        rows.append(row)
        links += [(row["id"], categories[name]["id"]) for name in work.filed[position] if name in categories]
    return rows, links


def _write_summaries(parts: Parts, writer: ScopedWriter, work: "Work", categories: Mapping[str, Row]) -> list[str]:
    """Write the summaries that were worked out; a category that changed meanwhile is marked stale instead."""
    stale: list[str] = []
    now = parts.database.handle.now()
    for name, planned in work.summaries.items():
        row = categories[name]
        unchanged = row["summary"] is None if planned.seen is None else row["updated_at"] == planned.seen
        values = {"summary": planned.summary, "extra": {**row["extra"], "sentences": planned.sentences}, "stale": False}
        if not unchanged:
            stale.append(name)
            values = {"stale": True}
        writer.update(CATEGORIES, {**values, "updated_at": now}, equals(id=row["id"]))
    return stale
