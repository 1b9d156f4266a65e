"""Taking an operation back: every row that it touched is as it was before, or nothing is changed."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from memu.backends.base import Condition, Row, equals
from memu.backends.repeat import repeated
from memu.backends.schema import CATEGORIES, HISTORY, IMAGES, ITEMS, LINKS, OPERATIONS, RESOURCES, TEXTS
from memu.backends.tables import Kind
from memu.database.operations import Operation, Recording, as_json, links_of
from memu.database.rows import keep_history, mark_stale
from memu.database.store import Store
from memu.database.unit import ScopedReader, ScopedWriter
from memu.database.vectors import recorded
from memu.errors import NotFoundError, UndoError
from memu.scope import Scope

TABLES = (RESOURCES, ITEMS)
"""What operations keep images of; texts belong to their resource, links to their item."""


@dataclass(slots=True)
class Undone:
    """What was done: the kind of the operation that was undone, and the items that are back, changed and gone."""

    kind: str
    restored: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


@repeated
def undo(store: Store, scope: Scope, operation_id: str, by: Operation) -> Undone:
    """Undo one operation of a scope in one transaction; the undoing is itself the operation `by`.

    Raises:
        NotFoundError: this scope has no such operation, or no longer.
        UndoError: it was undone already, it erased something for good, or later changes stand in the way.
    """
    with store.writer(scope) as writer:
        operation = writer.get(OPERATIONS, equals(id=operation_id))
        if operation is None:
            raise NotFoundError(f"there is no operation {operation_id!r} in this scope, or it is no longer kept.")
        undoing = _Undoing(writer, store, operation, Recording(writer, store, by))
        undoing.check()
        undone = undoing.run()
        undoing.recording.finish()
        writer.update(OPERATIONS, {"undone_by": by.id}, equals(id=operation_id))
        if operation["undoes"]:
            writer.update(OPERATIONS, {"undone_by": None}, equals(id=operation["undoes"]))
    return undone


class _Undoing:
    """One operation while it is taken back."""

    def __init__(self, writer: ScopedWriter, store: Store, operation: Row, recording: Recording) -> None:
        self.writer, self.store, self.operation, self.recording = writer, store, operation, recording
        self.name = f"the operation {operation['id']} ({operation['kind']})"
        self.made: dict[str, list[str]] = {one: operation["detail"]["made"].get(one, []) for one in TABLES}
        self.images = writer.find(IMAGES, equals(operation_id=operation["id"]), order=("id",))
        named = {
            table: [*self.made[table], *(one["row_id"] for one in self.images if one["kind"] == table)]
            for table in TABLES
        }
        self.held = {table: _by_id(writer, table, ids) for table, ids in named.items()}

    def of(self, table: str, *, removed: bool) -> list[Row]:
        """The images of a table's rows that the operation removed, or changed."""
        return [one for one in self.images if one["kind"] == table and one["removed"] == removed]

    # --- whether it can be undone ----------------------------------------------------------------------------------

    def check(self) -> None:
        """Raise UndoError unless every row is as the operation left it."""
        detail = self.operation["detail"]
        if self.operation["undone_by"]:
            raise UndoError(f"{self.name} was undone already: undo {self.operation['undone_by']} to have it again.")
        if detail["final"] or any(not one["before"] for one in self.images):
            raise UndoError(f"{self.name} cannot be undone: what it deleted or changed was erased for good.")
        if detail["embedder"]:
            held = recorded(self.writer.transaction)
            if held is None or held.as_dict() != detail["embedder"]:
                raise UndoError(f"{self.name} cannot be undone: the store has moved to another embedder since.")
        self._check_rows()
        self._check_removed()

    def _check_rows(self) -> None:
        past = _Past(self.writer, int(self.operation["position"]))
        changed: list[Row] = []
        for table in TABLES:
            for one in (*self.made[table], *(image["row_id"] for image in self.of(table, removed=False))):
                row = self.held[table].get(one)
                if row is None:
                    raise UndoError(f"{self.name} cannot be undone: {one} in {table} was deleted for good since.")
                if not past.stands(table, row):
                    changed.append(row)
        if changed or (changed := self._dependents()):
            self._refuse(changed)

    def _dependents(self) -> list[Row]:
        """Other items that lean on what the operation made: superseded by it, or of its resource."""
        known = set(self.held[ITEMS])
        items, made = tuple(self.made[ITEMS]), tuple(self.made[RESOURCES])
        leaning = self.writer.find(ITEMS, [Condition("superseded_by", "in", items)]) if items else []
        leaning += self.writer.find(ITEMS, [Condition("resource_id", "in", made)]) if made else []
        return [row for row in leaning if row["id"] not in known]

    def _refuse(self, changed: Collection[Row]) -> None:
        positions = tuple({row["seq"] for row in changed})
        later = self.writer.find(OPERATIONS, [Condition("position", "in", positions)], order=("position",))
        ids = tuple(row["id"] for row in later if row["id"] != self.operation["id"])
        by = f"by {', '.join(ids)}: undo those first" if ids else "by a call that is no operation"
        raise UndoError(
            f"{self.name} cannot be undone: {len(changed)} of its rows were changed since, {by}.", operations=ids
        )

    def _check_removed(self) -> None:
        """What is to come back must have its place."""
        for image in self.of(RESOURCES, removed=True):
            row = image["before"]["row"]
            place = equals(url_hash=row["url_hash"], version=row["version"])
            if image["row_id"] in self.held[RESOURCES] or self.writer.count(RESOURCES, place):
                raise UndoError(f"{self.name} cannot be undone: {row['url']} was memorized again since.")
        for image in self.of(ITEMS, removed=True):
            if image["row_id"] in self.held[ITEMS]:
                raise UndoError(f"{self.name} cannot be undone: the item {image['row_id']} is there again.")

    # --- undoing it ------------------------------------------------------------------------------------------------

    def run(self) -> Undone:
        """Put back what it removed, restore what it changed, take away what it made."""
        done = Undone(self.operation["kind"])
        self._return_resources()
        for image in self.of(RESOURCES, removed=False):
            self._restore_resource(image)
        for image in self.of(ITEMS, removed=False):
            self._restore_item(image)
        self._return_items()
        self._take_away_items()
        self._take_away_resources()
        done.restored = [one["row_id"] for one in self.images if one["kind"] == ITEMS]
        done.removed = self.made[ITEMS]
        mark_stale(self.writer, done.restored)
        return done

    def _return_resources(self) -> None:
        rows = [self._row(RESOURCES, image) for image in self.of(RESOURCES, removed=True)]
        texts = [image["before"]["text"] for image in self.of(RESOURCES, removed=True) if image["before"].get("text")]
        self.recording.created(RESOURCES, [row["id"] for row in rows])
        for table, back in ((RESOURCES, rows), (TEXTS, texts)):
            if back:
                self.writer.put(table, back)

    def _restore_resource(self, image: Row) -> None:
        held, splice = self.held[RESOURCES][image["row_id"]], image["before"].get("splice")
        further: dict[str, Any] = {}
        if splice:
            text = self.writer.find(TEXTS, equals(id=held["id"]))[0]
            further = {held["id"]: {"splice": splice_of(text, splice["start"], splice["keep"])}}
            self.writer.update(TEXTS, spliced(text, splice), equals(id=held["id"]))
        self.recording.changed(RESOURCES, [held], further=further)
        self.writer.update(RESOURCES, self._row(RESOURCES, image), equals(id=held["id"]))

    def _restore_item(self, image: Row) -> None:
        one, before = image["row_id"], image["before"]
        held, links = self.held[ITEMS][one], before.get("links")
        further = links_of(self.writer, [one]) if links is not None else {}
        self.recording.changed(ITEMS, [held], embeddings="embedding" in before["row"], further=further)
        keep_history(self.writer, self.store, "undo", [held])
        mark_stale(self.writer, [one])
        if links is not None:
            self.writer.delete(LINKS, equals(item_id=one))
            self._return_links(links)
        self.writer.update(ITEMS, self._row(ITEMS, image), equals(id=one))

    def _return_items(self) -> None:
        images = self.of(ITEMS, removed=True)
        if images:
            self.recording.created(ITEMS, [image["row_id"] for image in images])
            self.writer.put(ITEMS, [self._row(ITEMS, image) for image in images])
            self._return_links([link for image in images for link in image["before"]["links"]])

    def _return_links(self, links: Iterable[Mapping[str, Any]]) -> None:
        wanted = [self._typed(LINKS, link) for link in links]
        ids = tuple({link["category_id"] for link in wanted})
        there = {row["id"] for row in self.writer.find(CATEGORIES, [Condition("id", "in", ids)], columns=("id",))}
        if back := [link for link in wanted if link["category_id"] in there]:
            self.writer.put(LINKS, back)

    def _take_away_items(self) -> None:
        ids = tuple(self.made[ITEMS])
        if ids:
            rows = [self.held[ITEMS][one] for one in ids]
            self.recording.changed(ITEMS, rows, embeddings=True, removed=True, further=links_of(self.writer, ids))
            mark_stale(self.writer, ids)
            for table in (LINKS, HISTORY):
                self.writer.delete(table, [Condition("item_id", "in", ids)])
            self.writer.delete(ITEMS, [Condition("id", "in", ids)])

    def _take_away_resources(self) -> None:
        ids = tuple(self.made[RESOURCES])
        if ids:
            texts = self.writer.find(TEXTS, [Condition("id", "in", ids)])
            further = {text["id"]: {"text": as_json(text, self.writer.scope, embedding=False)} for text in texts}
            rows = [self.held[RESOURCES][one] for one in ids]
            self.recording.changed(RESOURCES, rows, embeddings=True, removed=True, further=further)
            for table in (TEXTS, RESOURCES):
                self.writer.delete(table, [Condition("id", "in", ids)])

    def _row(self, table: str, image: Row) -> Row:
        return self._typed(table, {name: value for name, value in image["before"]["row"].items() if name != "seq"})

    def _typed(self, table: str, values: Mapping[str, Any]) -> Row:
        schema = self.store.records.schema.table(table)
        return {
            name: datetime.fromisoformat(value) if schema.column(name).kind is Kind.TIME and value else value
            for name, value in values.items()
        }


class _Past:
    """Tells whether a row is as an operation left it: unchanged since, or changed and restored."""

    def __init__(self, reader: ScopedReader, position: int) -> None:
        self.reader, self.position = reader, position
        self._operations: dict[int, str | None] = {}
        self._former: dict[str, dict[tuple[str, str], int]] = {}

    def stands(self, table: str, row: Row) -> bool:
        """Follow the row's change number back through what was undone."""
        seq = int(row["seq"])
        while seq > self.position:
            undone = self._undone_at(seq)
            before = self._before(undone).get((table, row["id"])) if undone else None
            if before is None:
                return False
            seq = before
        return seq == self.position

    def _undone_at(self, seq: int) -> str | None:
        """The operation that was undone by the one of this change number."""
        if seq not in self._operations:
            row = self.reader.get(OPERATIONS, equals(position=seq), ("undoes",))
            self._operations[seq] = row["undoes"] if row else None
        return self._operations[seq]

    def _before(self, operation: str) -> dict[tuple[str, str], int]:
        """For each row that an operation changed or removed, its change number before."""
        if operation not in self._former:
            rows = self.reader.find(IMAGES, equals(operation_id=operation), columns=("kind", "row_id", "row_seq"))
            self._former[operation] = {(row["kind"], row["row_id"]): row["row_seq"] for row in rows}
        return self._former[operation]


def _by_id(reader: ScopedReader, table: str, ids: Collection[str]) -> dict[str, Row]:
    found = reader.find(table, [Condition("id", "in", tuple(ids))]) if ids else []
    return {row["id"]: row for row in found}


def splice_of(text: Row, start: int, keep: int) -> dict[str, Any]:
    """What `spliced` needs to make a text again that is about to change from `start` and from message `keep` on."""
    return {"start": start, "tail": text["text"][start:], "keep": keep, "messages": text["messages"][keep:]}


def spliced(text: Row, splice: Mapping[str, Any]) -> Row:
    """The text and messages that were there when `splice_of` was asked."""
    return {
        "text": text["text"][: splice["start"]] + splice["tail"],
        "messages": [*text["messages"][: splice["keep"]], *splice["messages"]],
    }
