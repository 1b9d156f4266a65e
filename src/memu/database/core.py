"""The database as users hold it: four repositories, their records as mappings, and the store methods of older code."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from memu.backends.base import Condition
from memu.database.fields import check_pair
from memu.database.repositories import CategoryItemRepo, MemoryCategoryRepo, MemoryItemRepo, ResourceRepo
from memu.database.store import Store
from memu.database.views import RecordMap, Relations
from memu.errors import ConfigError, NotFoundError
from memu.models import CategoryItem, MemoryCategory, MemoryItem, Resource
from memu.scope import DEFAULT, Scope

if TYPE_CHECKING:
    from memu.database.transfer import Transferred


class Database:
    """Resources, items, categories and links of one scope.

    Without a scope it is the operator's handle over all users: it reads everything, and writes for the owner that each
    call names (`user_data`, or `user_id` and `agent_id`), "default" where none is named.
    """

    def __init__(self, handle: Store, scope: Scope | None = None, *, known_fields: Sequence[str] | None = None) -> None:
        self.handle = handle
        self.scope = scope
        self.known_fields = tuple(known_fields or handle.scope_fields)
        self._released = False
        self.resource_repo = ResourceRepo(handle, scope)
        self.memory_item_repo = MemoryItemRepo(handle, scope)
        self.memory_category_repo = MemoryCategoryRepo(handle, scope)
        self.category_item_repo = CategoryItemRepo(handle, scope)

    def bound(self, scope: Scope) -> "Database":
        """The same database, for one scope only; ScopeError when it is bound to another."""
        if self.scope is not None:
            check_pair(self.scope, scope.as_dict())
        return Database(self.handle, scope)

    @property
    def resources(self) -> RecordMap[Resource]:
        """Resources by id."""
        return RecordMap(self.resource_repo)

    @property
    def items(self) -> RecordMap[MemoryItem]:
        """Items that hold now, by id."""
        return RecordMap(self.memory_item_repo)

    @property
    def categories(self) -> RecordMap[MemoryCategory]:
        """Categories by id."""
        return RecordMap(self.memory_category_repo)

    @property
    def relations(self) -> Relations:
        """The links between items and categories."""
        return Relations(self.category_item_repo)

    def load_existing(self) -> None:
        """Check that this handle's scope fields tell the stored rows apart; rows are read when they are asked for.

        Raises:
            ConfigError: the user model lacks a scope field in which stored rows differ; the values are named.
        """
        for name in set(self.handle.scope_fields) - set(self.known_fields):
            with self.handle.records.reader() as transaction:
                rows = transaction.find("scopes", [Condition(name, "ne", DEFAULT)], columns=(name,), limit=20)
            if values := sorted({row[name] for row in rows}):
                raise ConfigError(
                    f"the user model has no field {name!r}, but stored rows differ in it "
                    f"({', '.join(map(repr, values))}): add `{name}: str` to the model, or the owners would be lost."
                )

    def create_resource(
        self,
        *,
        url: str,
        modality: str,
        local_path: str = "",
        caption: str | None = None,
        embedding: Sequence[float] | None = None,
        user_id: str | None = None,
        agent_id: str | None = None,
    ) -> Resource:
        """Store a resource; see `ResourceRepo.create_resource`."""
        return self.resource_repo.create_resource(
            url=url,
            modality=modality,
            local_path=local_path,
            caption=caption,
            embedding=embedding,
            user_data=_owner(user_id, agent_id),
        )

    def create_item(
        self,
        *,
        memory_type: str,
        summary: str,
        embedding: Sequence[float] | None = None,
        resource_id: str | None = None,
        user_id: str | None = None,
        agent_id: str | None = None,
    ) -> MemoryItem:
        """Store an item; see `MemoryItemRepo.create_item`."""
        return self.memory_item_repo.create_item(
            resource_id=resource_id,
            memory_type=memory_type,
            summary=summary,
            embedding=embedding,
            user_data=_owner(user_id, agent_id),
        )

    def get_or_create_category(
        self,
        *,
        name: str,
        description: str = "",
        embedding: Sequence[float] | None = None,
        user_id: str | None = None,
        agent_id: str | None = None,
    ) -> MemoryCategory:
        """The category of that name; see `MemoryCategoryRepo.get_or_create_category`."""
        return self.memory_category_repo.get_or_create_category(
            name=name, description=description, embedding=embedding, user_data=_owner(user_id, agent_id)
        )

    def link_item_category(
        self, item_id: str, cat_id: str, *, user_id: str | None = None, agent_id: str | None = None
    ) -> CategoryItem:
        """File an item under a category; NotFoundError (a KeyError) when the scope does not hold one of them."""
        return self.category_item_repo.link_item_category(item_id, cat_id, _owner(user_id, agent_id))

    def update_resource_embedding(self, resource_id: str, embedding: Sequence[float] | None) -> None:
        """Set a resource's embedding."""
        self._live(self.resource_repo.get(resource_id), resource_id).embedding = (
            None if embedding is None else list(embedding)
        )

    def update_category_summary(self, category_id: str, summary: str) -> None:
        """Set a category's summary."""
        self._live(self.memory_category_repo.get(category_id), category_id).summary = summary

    @staticmethod
    def _live(record: Any, record_id: str) -> Any:
        if record is None:
            raise NotFoundError(f"there is no record {record_id!r} in this scope.")
        return record

    def transfer(
        self,
        target: "Database",
        *,
        into: Mapping[str, Any] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> "Transferred":
        """Copy everything of this handle's owner, or of all owners, into another database, with ids, times and links.

        It is what the source holds at one moment, written in transactions of some hundred rows, read back and compared.
        Records that the target holds already are passed over, so a transfer that was interrupted, or killed, goes on
        when it is repeated. Local copies of files stay where they are.

        Args:
            target: where to; it must have the source's scope fields.
            into: the one owner whom all of it is to belong to there; see `memu.database.portable.import_memory`.
            progress: told how many steps are done, and of how many: each row is read, written and compared.

        Returns:
            How many rows of each table were added; also `present` and `verified`, see `Transferred`.

        Raises:
            ConfigError: the target lacks a scope field of the source; nothing was transferred.
            EmbedderMismatch: the target's vectors come from another embedder; nothing was transferred.
            IntegrityError: the target holds another row under the same id, name or URL.
            VerificationError: what was read back is not what was sent; it names the table and the owner.
        """
        from memu.database.transfer import transfer

        return transfer(self, target, into=into, progress=progress)

    def close(self) -> None:
        """Let go of the store; it closes when nobody else uses it. Idempotent."""
        if not self._released:
            self._released = True
            self.handle.release()


def _owner(user_id: str | None, agent_id: str | None) -> Mapping[str, str] | None:
    named = {"user_id": user_id, "agent_id": agent_id}
    return {name: value for name, value in named.items() if value is not None} or None
