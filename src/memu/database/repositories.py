"""The four repositories, written once over any record store."""

from collections.abc import Mapping, Sequence
from functools import partial
from math import inf
from typing import Any, ClassVar

from memu.backends.base import Condition, equals
from memu.backends.repeat import repeated
from memu.backends.schema import CATEGORIES, HISTORY, ITEMS, LINKS, RESOURCES, TEXTS
from memu.backends.vectors import checked
from memu.database import fields
from memu.database.facts import fact_columns, reinforce, settle_facts, text_hash
from memu.database.operations import Operation, Recording, erase_images, links_of
from memu.database.repository import Checks, Repository, claimed
from memu.database.rows import (
    LIVE,
    Wanted,
    check_memory_type,
    check_metadata,
    check_text,
    delete_items,
    ensure_categories,
    file_under,
    item_defaults,
    keep_history,
    known_resource,
    link_items,
    mark_stale,
    touch_items,
)
from memu.database.unit import ScopedWriter
from memu.database.vectors import Recorded
from memu.errors import InputError, NotFoundError
from memu.extract.base import Fact
from memu.models import CategoryItem, MemoryCategory, MemoryItem, Resource
from memu.scope import Scope
from memu.sources.hashing import digest


class ResourceRepo(Repository[Resource]):
    """Resources and their verbatim texts."""

    table = RESOURCES
    model = Resource
    checks: ClassVar[Checks] = {**Repository.checks, "metadata": check_metadata}

    def list_resources(self, where: Mapping[str, Any] | None = None) -> dict[str, Resource]:
        """The resources that meet a filter, by id, oldest first."""
        return {record.id: record for record in self.iterate(where)}

    def clear_resources(self, where: Mapping[str, Any] | None = None) -> dict[str, Resource]:
        """Delete the resources that meet a filter, with all items that came from them."""
        return self.clear(where)

    @repeated
    def create_resource(
        self,
        *,
        url: str,
        modality: str,
        local_path: str = "",
        caption: str | None = None,
        embedding: Sequence[float] | None = None,
        user_data: Mapping[str, Any] | None = None,
        **further: Any,
    ) -> Resource:
        """Store a resource; a URL that the scope holds already gives back the resource it has, brought up to date.

        Raises:
            InputError: an empty or too long URL, or a bad vector.
        """
        url = check_text("url", url, longest=2048)
        vector, scope = checked(embedding), self._scope(user_data)
        given = {"local_path": local_path, "caption": caption, "embedding": vector, **further}
        with self.store.writer(scope, claimed(vector)) as writer:
            held = writer.find(RESOURCES, equals(url_hash=digest(url)), order=("-version",), limit=1)
            if held:
                row = {**held[0], **{name: value for name, value in given.items() if value not in (None, "")}}
                writer.update(RESOURCES, {**row, "updated_at": self.store.now()}, equals(id=row["id"]))
            else:
                defaults = {"version": 1, "metadata": {}, "extra": {}, "content_hash": None, "superseded_by": None}
                row = self._new(url=url, url_hash=digest(url), modality=modality, **{**defaults, **given})
                writer.put(RESOURCES, [row])
        return self._record({**scope.as_dict(), **{name: row[name] for name in self._columns if name in row}})

    def text(self, resource_id: str) -> tuple[str, list[dict[str, Any]]] | None:
        """The verbatim text of a resource and the messages in it; None when none was kept."""
        with self.store.reader(self.scope) as reader:
            row = reader.get(TEXTS, equals(id=resource_id), ("text", "messages"))
        return (row["text"], row["messages"]) if row else None

    def _delete(self, writer: ScopedWriter, ids: Sequence[str]) -> list[str]:
        delete_items(writer, [Condition("resource_id", "in", tuple(ids))])
        erase_images(writer, RESOURCES, ids)
        writer.delete(TEXTS, [Condition("id", "in", tuple(ids))])
        return super()._delete(writer, ids)


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
        **further: Any,
    ) -> MemoryItem:
        """Store one item, filed in categories that are made when they are missing; all in one transaction.

        A `resource_id` that the scope does not hold is stored as None, kept as `extra["origin_resource_id"]`, logged.
        `fact` is what the item states of an attribute with one value at a time: older statements are superseded. Under
        an `operation` the call can be undone, and an item that says the same counts it; without, it is a mere row.

        Raises:
            InputError: an unknown memory type, an empty summary, or a bad vector.
        """
        check_memory_type(memory_type)
        check_text("summary", summary)
        vector, scope = checked(embedding), self._scope(user_data)
        row = self._new(**{**item_defaults(), **further}, memory_type=memory_type, summary=summary, embedding=vector)
        row.update(fact_columns(fact), text_hash=text_hash(summary, row["speaker"]))
        row["valid_from"] = row["valid_from"] or row["said_at"] or row["created_at"]
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
    ) -> MemoryItem:
        """Change an item; what it was is kept in its history. `extra` and `metadata` are merged into what is there.

        `filed_in` replaces the categories that it is filed in; None leaves them. `fact` is what a new summary states.

        Raises:
            NotFoundError: the scope holds no such item.
            InputError: an unknown memory type, an empty summary, or a bad vector.
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
            given = {"memory_type": memory_type, "summary": summary, "embedding": vector}
            values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
            if extra:
                values["extra"] = {**before["extra"], **extra}
            if metadata:
                values["metadata"] = {**before["metadata"], **metadata}
            if summary is not None:
                values |= fact_columns(fact)
                values["text_hash"] = text_hash(summary, before["speaker"], before["extra"].get("heading"))
            recording = Recording(writer, self.store, operation)
            links = links_of(writer, [item_id]) if filed_in is not None else None
            recording.changed(ITEMS, [before], embeddings=vector is not None, further=links)
            keep_history(writer, self.store, "update", [before])
            mark_stale(writer, [item_id])
            if filed_in is not None:
                writer.delete(LINKS, equals(item_id=item_id))
                file_under(writer, self.store, item_id, filed_in)
            writer.update(ITEMS, {**values, "updated_at": self.store.now()}, equals(id=item_id))
            settle_facts(writer, self.store, [values.get("fact_key")], recording)
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
            delete_items(writer, equals(id=item_id))
            recording = Recording(writer, self.store, operation)
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
        return delete_items(writer, [Condition("id", "in", tuple(ids))])


class MemoryCategoryRepo(Repository[MemoryCategory]):
    """Categories and their summaries."""

    table = CATEGORIES
    model = MemoryCategory
    checks: ClassVar[Checks] = {**Repository.checks, "name": partial(check_text, "name", longest=255)}

    def list_categories(self, where: Mapping[str, Any] | None = None) -> dict[str, MemoryCategory]:
        """The categories that meet a filter, by id, oldest first."""
        return {record.id: record for record in self.iterate(where)}

    def clear_categories(self, where: Mapping[str, Any] | None = None) -> dict[str, MemoryCategory]:
        """Delete the categories that meet a filter; their items stay."""
        return self.clear(where)

    def by_name(self, name: str) -> MemoryCategory | None:
        """The scope's category of that name, or None."""
        with self.store.reader(self.scope) as reader:
            row = reader.get(CATEGORIES, equals(name=name), self._columns)
        return self._record(row) if row else None

    @repeated
    def get_or_create_category(
        self,
        *,
        name: str,
        description: str = "",
        embedding: Sequence[float] | None = None,
        user_data: Mapping[str, Any] | None = None,
        embedder: Recorded | None = None,
    ) -> MemoryCategory:
        """The scope's category of that name, made when it is missing; an embedding it lacks is filled in."""
        check_text("name", name, longest=255)
        vector, scope = checked(embedding), self._scope(user_data)
        with self.store.writer(scope, claimed(vector, embedder)) as writer:
            row = ensure_categories(writer, self.store, [Wanted(name, description, vector)])[name]
        return self._record({name: row[name] for name in (*self._columns, *scope.as_dict()) if name in row})

    @repeated
    def update_category(
        self,
        *,
        category_id: str,
        name: str | None = None,
        description: str | None = None,
        embedding: Sequence[float] | None = None,
        summary: str | None = None,
        embedder: Recorded | None = None,
        user_data: Mapping[str, Any] | None = None,
    ) -> MemoryCategory:
        """Change a category; NotFoundError when the scope does not hold it."""
        if name is not None:
            check_text("name", name, longest=255)
        vector, scope = checked(embedding), self._find_owner(category_id, user_data)
        given = {"name": name, "description": description, "embedding": vector, "summary": summary}
        values = {field: value for field, value in given.items() if value is not None}
        with self.store.writer(scope, claimed(vector, embedder)) as writer:
            writer.update(CATEGORIES, {**values, "updated_at": self.store.now()}, equals(id=category_id))
            row = writer.get(CATEGORIES, equals(id=category_id), self._columns)
        if row is None:
            raise NotFoundError(f"there is no MemoryCategory {category_id!r} in this scope.")
        return self._record(row)

    def _delete(self, writer: ScopedWriter, ids: Sequence[str]) -> list[str]:
        in_them = [Condition("category_id", "in", tuple(ids))]
        touch_items(writer, [row["item_id"] for row in writer.find(LINKS, in_them, columns=("item_id",))])
        writer.delete(LINKS, in_them)
        return super()._delete(writer, ids)


class CategoryItemRepo(Repository[CategoryItem]):
    """The links between items and categories."""

    table = LINKS
    model = CategoryItem

    def list_relations(self, where: Mapping[str, Any] | None = None) -> list[CategoryItem]:
        """The links that meet a filter, oldest first."""
        return list(self.iterate(where))

    def get_item_categories(self, item_id: str) -> list[CategoryItem]:
        """The links of one item."""
        return self.list_relations({"item_id": item_id})

    @repeated
    def link_item_category(
        self, item_id: str, category_id: str, user_data: Mapping[str, Any] | None = None
    ) -> CategoryItem:
        """File an item under a category; a link that exists is given back.

        Raises:
            NotFoundError: the scope does not hold the item, or not the category.
        """
        items = MemoryItemRepo(self.store, self.scope)
        scope = items._find_owner(item_id, user_data)
        with self.store.writer(scope) as writer:
            if writer.get(CATEGORIES, equals(id=category_id), ("id",)) is None:
                raise NotFoundError(f"there is no MemoryCategory {category_id!r} in this scope.")
            link_items(writer, self.store, [(item_id, category_id)])
            row = writer.get(LINKS, equals(item_id=item_id, category_id=category_id), self._columns)
        if row is None:
            raise NotFoundError(f"the link of {item_id!r} to {category_id!r} was deleted meanwhile.")
        return self._record(row)

    @repeated
    def unlink_item_category(self, item_id: str, category_id: str, user_data: Mapping[str, Any] | None = None) -> None:
        """Take an item out of a category; nothing happens when it is not in it."""
        scope = MemoryItemRepo(self.store, self.scope)._find_owner(item_id, user_data)
        with self.store.writer(scope) as writer:
            if writer.delete(LINKS, equals(item_id=item_id, category_id=category_id)):
                touch_items(writer, [item_id])

    def _delete(self, writer: ScopedWriter, ids: Sequence[str]) -> list[str]:
        chosen = [Condition("id", "in", tuple(ids))]
        touch_items(writer, [row["item_id"] for row in writer.find(LINKS, chosen, columns=("item_id",))])
        return super()._delete(writer, ids)
