"""The repositories of resources, categories and links, and that of items; written once over any record store."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from memu.backends.base import Condition, equals
from memu.backends.repeat import repeated
from memu.backends.schema import CATEGORIES, LINKS, RESOURCES, TEXTS
from memu.backends.vectors import checked
from memu.database.facts import take_away
from memu.database.items import MemoryItemRepo
from memu.database.operations import Recording, erase_images
from memu.database.repository import Checks, Repository, claimed
from memu.database.rows import (
    Wanted,
    check_metadata,
    check_text,
    ensure_categories,
    link_items,
    touch_items,
)
from memu.database.unit import ScopedWriter
from memu.database.vectors import Recorded
from memu.errors import NotFoundError
from memu.models import CategoryItem, MemoryCategory, Resource
from memu.sources.hashing import digest

__all__ = ["CategoryItemRepo", "MemoryCategoryRepo", "MemoryItemRepo", "ResourceRepo"]


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
        recording = Recording(writer, self.store, None)
        take_away(writer, self.store, [Condition("resource_id", "in", tuple(ids))], recording)
        erase_images(writer, RESOURCES, ids)
        writer.delete(TEXTS, [Condition("id", "in", tuple(ids))])
        return super()._delete(writer, ids)


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
