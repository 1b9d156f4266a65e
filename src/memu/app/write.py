"""The one transaction of `memorize`: everything that a source gave, or nothing."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from memu.app.compare import Plan, compare
from memu.app.wiring import Parts
from memu.app.work import Work
from memu.backends.base import Condition, Row, equals
from memu.backends.repeat import repeated
from memu.backends.schema import CATEGORIES, ITEMS, RESOURCES, TEXTS
from memu.database.facts import (
    fact_columns,
    held_since,
    mark_repeats,
    reinforce,
    settle_facts,
    supersede,
    text_hash,
)
from memu.database.operations import Operation, Recording
from memu.database.rows import Wanted, ensure_categories, item_defaults, keep_history, link_items, mark_stale
from memu.database.sweeping import sweep_scope
from memu.database.undoing import splice_of
from memu.database.unit import ScopedWriter
from memu.errors import MemuError
from memu.extract.base import ExtractedItem
from memu.scope import Scope
from memu.sources.base import Message, Source
from memu.sources.hashing import digest

logger = logging.getLogger("memu.app")

_EXTRAS = ("heading", "note", "around")


@dataclass(slots=True)
class Written:
    """What the transaction left behind."""

    plan: Plan
    item_ids: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    superseded: list[str] = field(default_factory=list)
    reinforced: list[str] = field(default_factory=list)
    operation_id: str | None = None
    warnings: list[str] = field(default_factory=list)


@repeated
def write(
    parts: Parts, scope: Scope, source: Source, plan: Plan, work: Work, metadata: Mapping[str, Any]
) -> Written | None:
    """Write a source and its items in one transaction; None when the plan no longer holds and nothing was written."""
    store = parts.database.handle
    operation = Operation("memorize", parts.memorize.operations_kept)
    copy = _keep_copy(parts, scope, source)
    try:
        with store.writer(scope, parts.embedder.recorded if work.vectors is not None else None) as writer:
            now = compare(writer, source)
            recording = Recording(writer, store, operation)
            writing = Writing(parts, writer, source, now, work, metadata, copy, recording)
            written = writing.run() if plan.still(now) else None
    except BaseException:
        _drop_copy(parts, scope, copy)
        raise
    if written is None:
        _drop_copy(parts, scope, copy)
        return None
    warnings = [writer.warning] if writer.warning else []
    afterwards(warnings, lambda: _drop_copy(parts, scope, _former_copy(plan, copy)))
    afterwards(warnings, lambda: sweep_scope(store, parts.blobs, scope) if parts.blobs else None)
    written.warnings += warnings
    return written


def afterwards(warnings: list[str], step: Callable[[], Any]) -> None:
    """Run a step that follows a commit: what was kept is kept, so its failure is a warning."""
    try:
        step()
    except (MemuError, OSError) as error:
        logger.warning("after the commit: %s", error)
        warnings.append(f"the memories are kept, but afterwards: {error}")


def _keep_copy(parts: Parts, scope: Scope, source: Source) -> Path | None:
    if parts.blobs is None or source.data is None:
        return None
    name = digest(source.hashes[-1], str(len(source.data)))
    return parts.blobs.put(parts.database.handle.folder(scope), name, source.suffix, source.data)


def _former_copy(plan: Plan, copy: Path | None) -> Path | None:
    """The copy of a resource that went on and now has another."""
    if plan.status != "extended" or plan.resource is None or not plan.resource["local_path"]:
        return None
    former = Path(plan.resource["local_path"])
    return former if copy is not None and former != copy else None


def _drop_copy(parts: Parts, scope: Scope, copy: Path | None) -> None:
    """Remove a copy that no resource names."""
    if copy is None or parts.blobs is None:
        return
    with suppress(MemuError, OSError), parts.database.handle.reader(scope) as reader:
        if not reader.count(RESOURCES, equals(local_path=str(copy))):
            parts.blobs.remove(copy)


@dataclass(slots=True)
class Writing:
    """One source on its way into one transaction."""

    parts: Parts
    writer: ScopedWriter
    source: Source
    plan: Plan
    work: Work
    metadata: Mapping[str, Any]
    copy: Path | None
    recording: Recording

    def run(self) -> Written:
        """Write resource, text, items, links and summaries."""
        store = self.parts.database.handle
        resource, shift = self._continue() if self.plan.status == "extended" else (self._begin(), 0)
        vectors = self.work.category_vectors
        wanted = [Wanted(one.name, one.description, vectors.get(one.name)) for one in self._configured]
        categories = ensure_categories(self.writer, store, wanted)
        if self.plan.status == "replaced":
            self._carry_over(resource["id"])
        rows, links = self._item_rows(resource["id"], shift, categories)
        known = mark_repeats(self.writer, self._decided(rows, lambda item: item.repeats))
        again = reinforce(self.writer, store, rows, self.recording, known)
        self.writer.put(ITEMS, rows)
        self.recording.created(ITEMS, [row["id"] for row in rows])
        link_items(self.writer, store, links)
        written = Written(replace(self.plan, resource=resource), [row["id"] for row in rows], reinforced=again)
        if any(row["said_at"] and row["said_at"] > row["created_at"] for row in rows):
            written.warnings.append("messages are dated in the future: what they say holds from now on.")
        written.stale = self._write_summaries(categories)
        written.superseded = self._supersede(rows)
        self.recording.finish()
        written.operation_id = self.recording.operation.id if self.recording.operation else None
        return written

    def _supersede(self, rows: Sequence[Row]) -> list[str]:
        """What the new items make of older ones, and of each other; the summaries that held those words are stale."""
        store = self.parts.database.handle
        ended = supersede(self.writer, store, self._decided(rows, lambda item: item.supersedes), self.recording)
        ended += settle_facts(self.writer, store, [row["fact_key"] for row in rows], self.recording)
        return list(dict.fromkeys(ended))

    def _decided(self, rows: Sequence[Row], named: Callable[[ExtractedItem], Iterable[str]]) -> list[tuple[str, Row]]:
        """What the extractor decided of known items: the id of each, with the row of the new item."""
        return [(one, row) for item, row in zip(self.work.items, rows, strict=True) for one in named(item)]

    @property
    def _configured(self) -> Sequence[Any]:
        return self.parts.memorize.memory_categories

    def _begin(self) -> Row:
        """A new resource, or a new version of one."""
        now = self.parts.database.handle.now()
        row: Row = {
            "id": str(uuid4()),
            "url": self.plan.url,
            "url_hash": digest(self.plan.url),
            "version": self.plan.version,
            "modality": self.source.modality,
            "local_path": self._local_path,
            "caption": self.work.caption,
            "embedding": self.work.caption_vector,
            "content_hash": self.source.hashes[-1],
            "superseded_by": None,
            "metadata": dict(self.metadata),
            "extra": {**self.source.extra, **({} if self.source.url else {"nameless": True})},
            "created_at": now,
            "updated_at": now,
        }
        messages = _message_rows(self.source, self.source.messages, 0)
        self.writer.put(RESOURCES, [row])
        self.writer.put(TEXTS, [{"id": row["id"], "text": self.source.text, "messages": messages}])
        self.recording.created(RESOURCES, [row["id"]])
        if self.plan.status == "replaced" and self.plan.resource:
            former = equals(id=self.plan.resource["id"])
            self.recording.changed(RESOURCES, [self.plan.resource])
            self.writer.update(RESOURCES, {"superseded_by": row["id"], "updated_at": now}, former)
        return row

    @property
    def _local_path(self) -> str:
        return str(self.copy or self.source.origin or "")

    def _continue(self) -> tuple[Row, int]:
        """The resource goes on: its text keeps every character that items point at, and the new part follows it.

        Returns its row, and by how much the new messages stand further on than in the source.
        """
        held = self.plan.resource or {}
        kept = self.writer.find(TEXTS, equals(id=held["id"]))[0]
        known_end = self.source.messages[self.plan.first - 1].end
        start = kept["messages"][-1]["end"]
        shift = start - known_end
        fresh = _message_rows(self.source, self.source.messages[self.plan.first :], shift)
        text = kept["text"][:start] + self.source.text[known_end:]
        splice = splice_of(kept, start, len(kept["messages"]))
        self.recording.changed(RESOURCES, [held], further={held["id"]: {"splice": splice}})
        values: Row = {"content_hash": self.source.hashes[-1], "updated_at": self.parts.database.handle.now()}
        if self._local_path:
            values["local_path"] = self._local_path
        if self.source.url:
            values |= {"url": self.plan.url, "url_hash": digest(self.plan.url), "extra": _named(held["extra"])}
        self.writer.update(RESOURCES, values, equals(id=held["id"]))
        self.writer.update(TEXTS, {"text": text, "messages": [*kept["messages"], *fresh]}, equals(id=held["id"]))
        return {**held, **values}, shift

    def _carry_over(self, resource_id: str) -> None:
        """Items whose messages are all still there move to the new version; the others are superseded, with history."""
        former = self.plan.resource or {}
        places = self._places(former["id"])
        gone = []
        rows = self.writer.find(ITEMS, equals(resource_id=former["id"], valid_to=None))
        self.recording.changed(ITEMS, rows)
        for row in rows:
            moved = _moved(row, places, self.source)
            if moved is None:
                gone.append(row)
            else:
                self.writer.update(ITEMS, {"resource_id": resource_id, **moved}, equals(id=row["id"]))
        if gone:
            store, now = self.parts.database.handle, self.parts.database.handle.now()
            ids = tuple(row["id"] for row in gone)
            keep_history(self.writer, store, "supersede", gone)
            mark_stale(self.writer, ids)
            self.writer.update(ITEMS, {"valid_to": now, "updated_at": now}, [Condition("id", "in", ids)])

    def _places(self, former_id: str) -> dict[str, tuple[int, Message]]:
        """For each message of the former version that the new one still has: where it began, and what it is now."""
        kept = self.writer.find(TEXTS, equals(id=former_id), columns=("messages",))[0]
        waiting: dict[str, list[Message]] = {}
        for message, value in zip(self.source.messages, self.source.message_hashes, strict=True):
            waiting.setdefault(value, []).append(message)
        places: dict[str, tuple[int, Message]] = {}
        for message in kept["messages"]:
            if found := waiting.get(message["hash"]):
                places[message["id"]] = (message["start"], found.pop(0))
        return places

    def _item_rows(
        self, resource_id: str, shift: int, categories: Mapping[str, Row]
    ) -> tuple[list[Row], list[tuple[str, str]]]:
        """The rows of the new items, and their links as (item id, category id)."""
        rows: list[Row] = []
        links: list[tuple[str, str]] = []
        times = self.parts.database.handle.times(len(self.work.items))
        for position, item in enumerate(self.work.items):
            vector = None if self.work.vectors is None else self.work.vectors[position]
            own = {"id": self.work.ids[position], "resource_id": resource_id, "embedding": vector}
            at = {"created_at": times[position], "updated_at": times[position], "metadata": dict(self.metadata)}
            since = {"valid_from": held_since(item.said_at, times[position])}
            rows.append({**item_defaults(), **_item_row(item, shift), **own, **at, **since})
            filed = (name for name in self.work.filed[position] if name in categories)
            links += [(self.work.ids[position], categories[name]["id"]) for name in filed]
        return rows, links

    def _write_summaries(self, categories: Mapping[str, Row]) -> list[str]:
        """Write the summaries that were worked out; a category that changed meanwhile is marked stale instead."""
        stale: list[str] = []
        now = self.parts.database.handle.now()
        for name, planned in self.work.summaries.items():
            row = categories[name]
            unchanged = row["summary"] is None if planned.seen is None else row["seq"] == planned.seen
            values: Row = {"summary": planned.summary, "extra": planned.extra_of(row["extra"]), "stale": False}
            if not unchanged or self.plan.status == "replaced":
                stale.append(name)
                values = {"stale": True}
            self.writer.update(CATEGORIES, {**values, "updated_at": now}, equals(id=row["id"]))
        return stale


def _named(extra: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in extra.items() if name != "nameless"}


def _message_rows(source: Source, messages: Sequence[Message], shift: int) -> list[dict[str, Any]]:
    hashes = dict(zip(source.messages, source.message_hashes, strict=True))
    return [
        {
            "id": message.id,
            "start": message.start + shift,
            "end": message.end + shift,
            "speaker": message.speaker,
            "role": message.role,
            "at": message.at.isoformat() if message.at else None,
            "heading": message.heading,
            "hash": hashes[message],
        }
        for message in messages
    ]


def _moved(row: Row, places: Mapping[str, tuple[int, Message]], source: Source) -> Row | None:
    """Where a carried-over item stands in the new text; None when not all of its messages are there."""
    if not row["message_ids"] or any(one not in places for one in row["message_ids"]):
        return None
    new_ids = [places[one][1].id for one in row["message_ids"]]
    began, message = places[row["message_ids"][0]]
    last = places[row["message_ids"][-1]][1]
    start, end = message.start + row["source_start"] - began, 0
    end = start + row["source_end"] - row["source_start"]
    if source.text[start:end] != row["summary"] and not row["extra"].get("note"):
        start, end = message.start, last.end  # white space inside the message changed: the whole of it is the source
    return {"message_ids": new_ids, "source_start": start, "source_end": min(end, last.end)}


def _item_row(item: ExtractedItem, shift: int) -> Row:
    said = item.said_at.isoformat() if item.said_at else ""
    return {
        "memory_type": item.memory_type,
        "summary": item.summary,
        "speaker": item.speaker,
        "said_at": item.said_at,
        "happened_at": item.happened_at,
        "message_ids": list(item.message_ids),
        "source_start": item.start + shift,
        "source_end": item.end + shift,
        "content_hash": digest(item.speaker or "", said, item.heading or "", item.summary),
        "text_hash": text_hash(item.summary, item.speaker, item.heading),
        **fact_columns(item.fact),
        "extra": {name: value for name in _EXTRAS if (value := getattr(item, name))},
    }
