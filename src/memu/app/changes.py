"""What became of a memory, and taking calls back."""

from functools import partial
from typing import Any

from memu.app.categories import refresh_stale
from memu.app.present import item_dicts, show_items
from memu.app.wiring import Parts
from memu.app.write import afterwards
from memu.backends.base import equals
from memu.backends.schema import ITEMS
from memu.database.core import Database
from memu.database.operations import Operation
from memu.database.undoing import undo as undo_operation
from memu.errors import NotFoundError
from memu.models import MemoryItem
from memu.scope import Scope


def history(parts: Parts, scope: Scope, item_id: str) -> dict[str, Any]:
    """An item as it is, and what it was before each change; NotFoundError when the scope does not hold it."""
    database = parts.database.bound(scope)
    item = database.memory_item_repo.get(item_id)
    if item is None:
        raise NotFoundError(f"there is no memory item {item_id!r} in this scope.")
    entries = database.memory_item_repo.history(item_id)
    return {
        "memory_item": show_items(database, [item])[0],
        "history": [
            {"event": one["event"], "created_at": one["created_at"], "before": shown(one["before"])} for one in entries
        ],
        "superseded": superseded_items(database, item),
    }


def shown(before: dict[str, Any]) -> dict[str, Any]:
    """A former state without inner bookkeeping."""
    return {name: value for name, value in before.items() if name not in ("content_hash", "fact_key", "text_hash")}


def superseded_items(database: Database, item: MemoryItem) -> list[dict[str, Any]]:
    """The items whose place an item took: by its fact, or because a language model found so."""
    with database.handle.reader(database.scope) as reader:
        rows = reader.find(ITEMS, equals(superseded_by=item.id), columns=("id",))
    return item_dicts(database, [row["id"] for row in rows])


def undo(parts: Parts, scope: Scope, operation_id: str) -> dict[str, Any]:
    """Take an operation back; see `MemoryService.undo`."""
    database = parts.database.bound(scope)
    operation = Operation("undo", max(1, parts.memorize.operations_kept), undoes=operation_id)
    undone = undo_operation(database.handle, scope, operation_id, operation)
    warnings: list[str] = []
    afterwards(warnings, partial(refresh_stale, parts, database))
    return {
        "undone": operation_id,
        "kind": undone.kind,
        "restored": item_dicts(database, undone.restored),
        "removed": undone.removed,
        "operation_id": operation.id,
        "warnings": warnings,
    }
