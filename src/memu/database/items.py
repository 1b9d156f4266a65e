"""The repository of memory items."""

from collections.abc import Mapping, Sequence
from functools import partial
from math import inf
from typing import Any, ClassVar

from memu.backends.base import Condition, Row, equals
from memu.backends.repeat import repeated
from memu.backends.schema import HISTORY, ITEMS, LINKS
from memu.backends.vectors import checked
from memu.database import fields
from memu.database.facts import fact_columns, held_since, reinforce, settle_changed, settle_facts, take_away, text_hash
from memu.database.operations import Operation, Recording, links_of
from memu.database.referring import resolve
from memu.database.repository import Checks, Repository, claimed
from memu.database.rows import (
    LIVE,
    Wanted,
    check_memory_type,
    check_metadata,
    check_text,
    file_under,
    item_defaults,
    keep_history,
    known_resource,
    mark_stale,
)
from memu.database.toolcalls import ToolRecord, check_tool_record, with_tool_calls
from memu.database.unit import ScopedWriter
from memu.database.vectors import Recorded
from memu.errors import InputError, NotFoundError
from memu.extract.base import Fact
from memu.models import MemoryItem
from memu.scope import Scope


class MemoryItemRepo(Repository[MemoryItem]):
    """Memory items."""

    table = ITEMS
    model = MemoryItem
    visible = LIVE
    _derived: ClassVar[Mapping[str, Mapping[str, Any]]] = {"summary": {"fact": {}, "fact_key": None, "text_hash": None}}
    checks: ClassVar[Checks] = {
        **Repository.checks,
        "memory_type": check_memory_type,
        "summary": partial(check_text, "summary"),
        "metadata": check_metadata,
    }

    def get_item(self, item_id: str) -> MemoryItem | None:
        """The item of that id, or None."""
        return self.get(item_id)

    def list_items(self, where: Mapping[str, Any] | None = None) -> dict[str, MemoryItem]:
        """The items that meet a filter, by id, oldest first; superseded ones are left out."""
        return {record.id: record for record in self.iterate(where)}

    def clear_items(self, where: Mapping[str, Any] | None = None) -> dict[str, MemoryItem]:
        """Delete the items that meet a filter."""
        return self.clear(where)

    def list_items_by_ref_ids(
        self, ref_ids: Sequence[str], where: Mapping[str, Any] | None = None
    ) -> dict[str, MemoryItem]:
        """The items that references `[ref:…]` name, by id, in the order of the references; ended ones are left out.

        A reference is an item's id, or the beginning of one in at least 8 characters. It is looked for in one scope
        only, the one that `where` names for a handle of all; what it does not hold is left out.

        Raises:
            InputError: the beginning of several ids of the scope; it names them.
        """
        if isinstance(ref_ids, str):
            raise InputError("ref_ids is a string: expected a list of references, as extract_references gives.")
        with self.store.reader(self._search_scope(where)) as reader:
            ids = resolve(reader, ref_ids)
        found = {one.id: one for one in self.page({**(where or {}), "id__in": ids})} if ids else {}
        return {one: found[one] for one in ids if one in found}

    @repeated
    def create_item(
        self,
        *,
        memory_type: str,
        summary: str,
        embedding: Sequence[float] | None = None,
        resource_id: str | None = None,
        user_data: Mapping[str, Any] | None = None,
        embedder: Recorded | None = None,
        filed_in: Sequence[Wanted] = (),
        fact: Fact | None = None,
        operation: Operation | None = None,
        tool_record: ToolRecord | None = None,
        **further: Any,
    ) -> MemoryItem:
        """Store one item, filed in categories that are made when they are missing; all in one transaction.

        A `resource_id` that the scope does not hold is stored as None, kept as `extra["origin_resource_id"]`, logged.
        `fact` is what the item states of an attribute with one value at a time: older statements are superseded. Under
        an `operation` the call can be undone, and an item that says the same counts it; without, it is a mere row.
        `tool_record` is a tool's call, or several, which an item of the type "tool" keeps in `extra["tool_calls"]`.

        Raises:
            InputError: an unknown memory type, an empty summary, a bad vector, or a bad record of a tool's call.
        """
        check_memory_type(memory_type)
        calls = check_tool_record(tool_record, memory_type)
        check_text("summary", summary)
        vector, scope = checked(embedding), self._scope(user_data)
        row = self._new(**{**item_defaults(), **further}, memory_type=memory_type, summary=summary, embedding=vector)
        row.update(fact_columns(fact), text_hash=text_hash(summary, row["speaker"]))
        row["extra"] = with_tool_calls(row["extra"], calls)
        row["valid_from"] = held_since(row["valid_from"] or row["said_at"], row["created_at"])
        with self.store.writer(scope, claimed(vector, embedder)) as writer:
            recording = Recording(writer, self.store, operation)
            row.update(known_resource(writer, resource_id, row["extra"]))
            if operation:
                reinforce(writer, self.store, [row], recording)
            writer.put(ITEMS, [row])
            recording.created(ITEMS, [row["id"]])
            file_under(writer, self.store, row["id"], filed_in)
            settle_facts(writer, self.store, [row["fact_key"]], recording)
            recording.finish()
            row = writer.get(ITEMS, equals(id=row["id"]), self._columns) or row
        return self._record({**scope.as_dict(), **{name: row[name] for name in self._columns if name in row}})

    @repeated
    def update_item(
        self,
        *,
        item_id: str,
        memory_type: str | None = None,
        summary: str | None = None,
        embedding: Sequence[float] | None = None,
        extra: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        filed_in: Sequence[Wanted] | None = None,
        embedder: Recorded | None = None,
        fact: Fact | None = None,
        operation: Operation | None = None,
        user_data: Mapping[str, Any] | None = None,
        tool_record: ToolRecord | None = None,
    ) -> MemoryItem:
        """Change an item; what it was is kept in its history. `extra` and `metadata` are merged into what is there.

        `filed_in` replaces the categories that it is filed in; None leaves them. `fact` is what a new summary states.
        `tool_record` adds calls of a tool to those that the item has when the transaction has its turn, so that none is
        lost beside other writers; by itself it leaves no entry in the history, since nothing that was known changes.

        Raises:
            NotFoundError: the scope holds no such item.
            InputError: an unknown memory type, an empty summary, a bad vector, or a bad record of a tool's call.
        """
        if memory_type is not None:
            check_memory_type(memory_type)
        if summary is not None:
            check_text("summary", summary)
        metadata = check_metadata(metadata)
        vector, scope = checked(embedding), self._find_owner(item_id, user_data)
        with self.store.writer(scope, claimed(vector, embedder)) as writer:
            before = writer.get(ITEMS, equals(id=item_id))
            if before is None:
                raise NotFoundError(f"there is no MemoryItem {item_id!r} in this scope.")
            calls = check_tool_record(tool_record, memory_type or before["memory_type"])
            given = {"memory_type": memory_type, "summary": summary, "embedding": vector}
            values: dict[str, Any] = {
                **_merged(before, extra, metadata),
                **{k: v for k, v in given.items() if v is not None},
            }
            if summary is not None:
                values |= fact_columns(fact)
                values["text_hash"] = text_hash(summary, before["speaker"], before["extra"].get("heading"))
            reworded = bool(values) or filed_in is not None or not calls
            if calls:
                values["extra"] = with_tool_calls({**before, **values}["extra"], calls)
            recording = Recording(writer, self.store, operation)
            links = links_of(writer, [item_id]) if filed_in is not None else None
            recording.changed(ITEMS, [before], embeddings=vector is not None, further=links)
            if reworded:
                keep_history(writer, self.store, "update", [before])
                mark_stale(writer, [item_id])
            if filed_in is not None:
                writer.delete(LINKS, equals(item_id=item_id))
                file_under(writer, self.store, item_id, filed_in)
            writer.update(ITEMS, {**values, "updated_at": self.store.now()}, equals(id=item_id))
            settle_changed(writer, self.store, before, values, recording)
            recording.finish()
            row = writer.get(ITEMS, equals(id=item_id), self._columns)
        return self._record(row or before)

    @repeated
    def delete_item(
        self, item_id: str, user_data: Mapping[str, Any] | None = None, operation: Operation | None = None
    ) -> None:
        """Delete an item for good, with its links and its history; NotFoundError when the scope does not hold it."""
        scope = self._find_owner(item_id, user_data)
        with self.store.writer(scope) as writer:
            recording = Recording(writer, self.store, operation)
            take_away(writer, self.store, equals(id=item_id), recording)
            recording.final()
            recording.finish()

    def history(self, item_id: str) -> list[dict[str, Any]]:
        """What an item was before each change, oldest first."""
        with self.store.reader(self.scope) as reader:
            return reader.find(HISTORY, equals(item_id=item_id), order=("created_at", "id"))

    def vector_search_items(
        self,
        query_vec: Sequence[float],
        top_k: int,
        where: Mapping[str, Any] | None = None,
        *,
        ranking: str = "similarity",
        recency_decay_days: float = 30.0,
    ) -> list[tuple[str, float]]:
        """The ids of the items nearest to a vector, with their cosine similarity or their salience, best first.

        Args:
            query_vec: the vector.
            top_k: how many at most.
            where: whose, and filters.
            ranking: "similarity", or "salience", which is described at `RetrieveConfig`'s tier of items.
            recency_decay_days: the half-life of salience.
        """
        from memu.database.search import by_salience, nearest

        if isinstance(top_k, bool) or not isinstance(top_k, int) or top_k < 1:
            raise InputError(f"top_k is {top_k!r}: expected a whole number from 1 up.")
        if ranking not in ("similarity", "salience"):
            raise InputError(f'ranking is {ranking!r}: expected "similarity" or "salience".')
        if not isinstance(recency_decay_days, int | float) or not 0 < recency_decay_days < inf:
            raise InputError(f"recency_decay_days is {recency_decay_days!r}: expected a number of days above 0.")
        weigh = by_salience(self.store, recency_decay_days) if ranking == "salience" else None
        return nearest(self.store, self._search_scope(where), query_vec, top_k, where, weigh=weigh)

    def _search_scope(self, where: Mapping[str, Any] | None) -> Scope:
        return self._scope(fields.split_scope(where, self.store.scope_fields)[0])

    def _delete(self, writer: ScopedWriter, ids: Sequence[str]) -> list[str]:
        recording = Recording(writer, self.store, None)
        return take_away(writer, self.store, [Condition("id", "in", tuple(ids))], recording)


def _merged(before: Row, extra: Mapping[str, Any] | None, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of JSON that a change is merged into."""
    given = {"extra": extra, "metadata": metadata}
    return {name: {**before[name], **value} for name, value in given.items() if value}
