"""`SQLiteDB`: rows of every user in one file, asked for by owner, as older code does."""

from pathlib import Path
from typing import Any, TypeVar

from memu.backends.base import Condition
from memu.backends.repeat import repeated
from memu.backends.schema import CATEGORIES, ITEMS, LINKS, RESOURCES
from memu.backends.vectors import checked
from memu.database.core import Database
from memu.database.registry import open_database
from memu.database.repository import claimed
from memu.database.rows import check_memory_type, check_text, known_resource, touch_items
from memu.errors import InputError
from memu.models import CategoryItem, MemoryCategory, MemoryItem, Record, Resource
from memu.scope import Scope
from memu.settings import DatabaseConfig
from memu.sources.hashing import digest

R = TypeVar("R", bound=Record)


class SQLiteDB:
    """The records of one database file; every call names the pair whose records it means.

    `create_…` takes a record made by the caller, with its id and times, and returns the stored one, which is live.
    Lists are oldest first.
    """

    def __init__(self, db_path: str | Path) -> None:
        """Open the file, which is made or brought up to date.

        Raises:
            InputError: ":memory:" is no file; StorageError: the file cannot be opened.
        """
        if str(db_path) == ":memory:":
            raise InputError('":memory:" is no file: use InMemoryStore for a store in RAM.')
        self.db_path = Path(db_path).expanduser().absolute()
        dsn = f"sqlite:///{self.db_path}"
        self._database = open_database(DatabaseConfig(metadata_store={"provider": "sqlite", "dsn": dsn}))

    def close(self) -> None:
        """Let go of the file; idempotent."""
        self._database.close()

    def create_resource(self, resource: Resource) -> Resource:
        """Store a resource; IntegrityError when its owner holds one of that id or URL."""
        check_text("url", resource.url, longest=2048)
        self._insert(RESOURCES, resource, url_hash=digest(resource.url))
        return self._stored(self._of(resource).resource_repo.get(resource.id), resource)

    def get_resource(self, resource_id: str, user_id: str, agent_id: str) -> Resource | None:
        """The pair's resource of that id, or None."""
        return self._pair(user_id, agent_id).resource_repo.get(resource_id)

    def list_resources(self, user_id: str, agent_id: str) -> list[Resource]:
        """The pair's resources."""
        return list(self._pair(user_id, agent_id).resources.values())

    def create_item(self, item: MemoryItem) -> MemoryItem:
        """Store an item; a resource that its owner does not hold is kept as `extra["origin_resource_id"]`."""
        check_memory_type(item.memory_type)
        check_text("summary", item.summary)
        self._insert(ITEMS, item)
        return self._stored(self._of(item).memory_item_repo.get(item.id), item)

    def get_item(self, item_id: str, user_id: str, agent_id: str) -> MemoryItem | None:
        """The pair's item of that id, or None."""
        return self._pair(user_id, agent_id).memory_item_repo.get(item_id)

    def list_items(self, user_id: str, agent_id: str) -> list[MemoryItem]:
        """The pair's items."""
        return list(self._pair(user_id, agent_id).items.values())

    def create_category(self, category: MemoryCategory) -> MemoryCategory:
        """Store a category, in the place of one of its id; IntegrityError when another has its name."""
        check_text("name", category.name, longest=255)
        self._insert(CATEGORIES, category)
        return self._stored(self._of(category).memory_category_repo.get(category.id), category)

    def get_category(self, category_id: str, user_id: str, agent_id: str) -> MemoryCategory | None:
        """The pair's category of that id, or None."""
        return self._pair(user_id, agent_id).memory_category_repo.get(category_id)

    def get_category_by_name(self, name: str, user_id: str, agent_id: str) -> MemoryCategory | None:
        """The pair's category of that name, or None."""
        return self._pair(user_id, agent_id).memory_category_repo.by_name(name)

    def list_categories(self, user_id: str, agent_id: str) -> list[MemoryCategory]:
        """The pair's categories."""
        return list(self._pair(user_id, agent_id).categories.values())

    def update_category_summary(self, category_id: str, summary: str, user_id: str, agent_id: str) -> None:
        """Set the summary of a category; NotFoundError when the pair does not hold it."""
        self._pair(user_id, agent_id).update_category_summary(category_id, summary)

    def create_category_item(self, rel: CategoryItem) -> CategoryItem:
        """File an item under a category; NotFoundError (a KeyError) when their owner lacks one of them."""
        return self._of(rel).link_item_category(rel.item_id, rel.category_id)

    def list_category_items(self, user_id: str, agent_id: str) -> list[CategoryItem]:
        """The pair's links between items and categories."""
        return list(self._pair(user_id, agent_id).relations)

    def get_items_by_category(self, category_id: str, user_id: str, agent_id: str) -> list[str]:
        """The ids of the items that are filed under a category."""
        links = self._pair(user_id, agent_id).category_item_repo.iterate({"category_id": category_id})
        return [link.item_id for link in links]

    def _pair(self, user_id: str, agent_id: str) -> Database:
        return self._database.bound(Scope.of({"user_id": user_id, "agent_id": agent_id}))

    def _of(self, record: Record) -> Database:
        return self._pair(record.user_id, record.agent_id)

    @repeated
    def _insert(self, table: str, record: Record, **further: Any) -> None:
        """Write a caller's record as a row of its owner."""
        check_text("id", record.id, longest=36)
        database = self._of(record)
        embedding = getattr(record, "embedding", None)
        vector = checked(embedding) if embedding else None  # older code writes [] for no embedding
        names = [column.name for column in database.handle.records.schema.table(table).columns]
        row = {name: getattr(record, name) for name in names if hasattr(record, name)}
        row |= {"embedding": vector, "updated_at": database.handle.now(), **further}
        with database.handle.writer(database.scope or Scope.of(), claimed(vector)) as writer:
            if table == ITEMS:
                row |= known_resource(writer, row["resource_id"], row["extra"])
            writer.put(table, [row], "replace" if table == CATEGORIES else "error")
            if table == CATEGORIES:
                in_it = [Condition("category_id", "eq", record.id)]
                touch_items(writer, [link["item_id"] for link in writer.find(LINKS, in_it, columns=("item_id",))])

    @staticmethod
    def _stored(record: R | None, given: R) -> R:
        return record or given
