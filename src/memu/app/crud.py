"""Listing, editing and deleting memories one by one."""

import base64
import binascii
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from memu.app.categories import refresh, refresh_stale
from memu.app.changes import superseded_items
from memu.app.present import category_dict, plain, resource_dict, show_items
from memu.app.wiring import Parts
from memu.app.work import file_items
from memu.backends.base import Condition, equals
from memu.backends.repeat import repeated
from memu.backends.schema import CATEGORIES, IMAGES, ITEMS, LINKS, OPERATIONS, RESOURCES, TEXTS
from memu.database.core import Database
from memu.database.operations import Operation
from memu.database.repository import Repository
from memu.database.rows import Wanted, check_memory_type, check_metadata, check_text, delete_items
from memu.database.toolcalls import ToolRecord
from memu.errors import InputError, NotFoundError
from memu.extract.attributes import read_fact
from memu.extract.base import CategoryView, ExtractedItem
from memu.models import MemoryCategory, MemoryItem, Resource
from memu.scope import Scope

CONTROLS = {"Cc", "Zl", "Zp"}
"""Categories of characters that begin a line, or do something instead of being seen."""


def list_page(
    repository: Repository[Any],
    where: Mapping[str, Any],
    limit: int | None,
    cursor: str | None,
    *,
    superseded: bool = False,
) -> tuple[list[Any], str | None]:
    """One page of records, oldest first, and the cursor of the next page (None at the end)."""
    after = read_cursor(cursor)
    asked = None if limit is None else limit + 1
    records = repository.page(where, limit=asked, after=after, superseded=superseded, embeddings=False)
    if limit is None or len(records) <= limit:
        return records, None
    last = records[limit - 1]
    return records[:limit], make_cursor(last.created_at, last.id)


def make_cursor(created_at: datetime, record_id: str) -> str:
    """The place after a record in a listing, as an opaque string."""
    return base64.urlsafe_b64encode(orjson.dumps([created_at.isoformat(), record_id])).decode()


def read_cursor(cursor: str | None) -> tuple[datetime, str] | None:
    """The place that a cursor names; InputError when it is none of ours."""
    if cursor is None:
        return None
    try:
        created_at, record_id = orjson.loads(base64.urlsafe_b64decode(cursor.encode()))
        return datetime.fromisoformat(created_at), str(record_id)
    except (ValueError, TypeError, AttributeError, binascii.Error):
        raise InputError("the cursor is not one that a list call returned: start again without it.") from None


def list_items(
    parts: Parts, scope: Scope, where: Mapping[str, Any], limit: int | None, cursor: str | None, superseded: bool
) -> dict[str, Any]:
    """Items with their categories."""
    database = parts.database.bound(scope)
    records, following = list_page(database.memory_item_repo, where, limit, cursor, superseded=superseded)
    return {"items": show_items(database, records), "next_cursor": following}


def list_categories(
    parts: Parts, scope: Scope, where: Mapping[str, Any], limit: int | None, cursor: str | None
) -> dict[str, Any]:
    """Categories with their summaries."""
    repository = parts.database.bound(scope).memory_category_repo
    records, following = list_page(repository, where, limit, cursor)
    return {"categories": [category_dict(one) for one in records], "next_cursor": following}


def list_resources(
    parts: Parts, scope: Scope, where: Mapping[str, Any], limit: int | None, cursor: str | None
) -> dict[str, Any]:
    """Resources."""
    records, following = list_page(parts.database.bound(scope).resource_repo, where, limit, cursor)
    return {"resources": [resource_dict(one) for one in records], "next_cursor": following}


def get_item(parts: Parts, scope: Scope, memory_id: str) -> dict[str, Any]:
    """One item with its categories; NotFoundError when the scope does not hold it."""
    database = parts.database.bound(scope)
    return show_items(database, [_held(database, memory_id)])[0]


def _held(database: Database, memory_id: str) -> MemoryItem:
    item = database.memory_item_repo.get(memory_id)
    if item is None:
        raise NotFoundError(f"there is no memory item {memory_id!r} in this scope.")
    return item


async def embed_content(
    parts: Parts, content: str, memory_type: str
) -> tuple[NDArray[np.float32] | None, tuple[str, ...]]:
    """The vector of one memory, and the categories it would be filed in."""
    item = ExtractedItem(content, memory_type, (), 0, len(content))
    vectors = await parts.embed([item.index_text])
    await parts.embed_categories()
    (filed,) = await parts.compute(file_items, parts, [item], vectors)
    return (None if vectors is None else vectors[0]), filed


def create_item(
    parts: Parts,
    scope: Scope,
    memory_type: str,
    content: str,
    categories: Sequence[str],
    vector: NDArray[np.float32] | None,
    metadata: Mapping[str, Any],
    propagate: bool,
    tool_record: ToolRecord | None = None,
) -> dict[str, Any]:
    """Store one memory that the caller worded."""
    kept = _checked(memory_type, categories, metadata)
    database = parts.database.bound(scope)
    item = database.memory_item_repo.create_item(
        memory_type=memory_type,
        summary=content,
        embedding=vector,  # type: ignore[arg-type]
        embedder=parts.embedder.recorded if vector is not None else None,
        filed_in=_wanted(parts, categories, vector is not None),
        metadata=kept,
        fact=read_fact(content),
        tool_record=tool_record,
        operation=(operation := Operation("create", parts.memorize.operations_kept)),
    )
    return _answer(parts, database, item, _categories_of(database, item.id) if propagate else [], operation)


def _checked(memory_type: str | None, categories: Sequence[str] | None, metadata: Any) -> dict[str, Any]:
    """Check what a call gives before any of it is written; returns the metadata as it will be kept."""
    if memory_type is not None:
        check_memory_type(memory_type)
    if isinstance(categories, str) or not isinstance(categories, Sequence | None):
        raise InputError(f"memory_categories is a {type(categories).__name__}: expected a list of names.")
    for name in categories or ():
        check_text("category name", name, longest=255)
        if any(unicodedata.category(one) in CONTROLS for one in name):
            raise InputError(
                f"the category name {name[:80]!r} holds a control character: expected plain text, one line."
            )
    return check_metadata(metadata)


def _wanted(parts: Parts, names: Sequence[str], embedded: bool) -> list[Wanted]:
    """The categories of those names: the configured ones, whatever their letter case, else new ones."""
    views = {one.name.casefold(): one for one in parts.category_views()} if names else {}
    found = [views.get(name.casefold(), CategoryView(name, "")) for name in dict.fromkeys(names)]
    return [Wanted(one.name, one.description, one.vector if embedded else None) for one in found]


def update_item(
    parts: Parts,
    scope: Scope,
    memory_id: str,
    memory_type: str | None,
    content: str | None,
    categories: Sequence[str] | None,
    vector: NDArray[np.float32] | None,
    metadata: Mapping[str, Any] | None,
    propagate: bool,
    tool_record: ToolRecord | None = None,
) -> dict[str, Any]:
    """Change what is given of one memory; what is not given stays as it is."""
    kept = _checked(memory_type, categories, metadata)
    database = parts.database.bound(scope)
    before = _categories_of(database, memory_id)
    speaker = _held(database, memory_id).speaker
    item = database.memory_item_repo.update_item(
        item_id=memory_id,
        memory_type=memory_type,
        summary=content,
        embedding=vector,  # type: ignore[arg-type]
        embedder=parts.embedder.recorded if vector is not None else None,
        metadata=kept,
        filed_in=None if categories is None else _wanted(parts, categories, vector is not None),
        fact=None if content is None else read_fact(content, speaker=speaker),
        tool_record=tool_record,
        operation=(operation := Operation("update", parts.memorize.operations_kept)),
    )
    touched = list(dict.fromkeys([*before, *_categories_of(database, memory_id)]))
    if all(one is None for one in (memory_type, content, categories, metadata)):
        touched = []  # a call of a tool changes no summary
    return _answer(parts, database, item, touched if propagate else [], operation)


def _categories_of(database: Database, memory_id: str) -> list[str]:
    _held(database, memory_id)
    return [link.category_id for link in database.category_item_repo.get_item_categories(memory_id)]


def delete_item(parts: Parts, scope: Scope, memory_id: str, propagate: bool) -> dict[str, Any]:
    """Delete one memory, and its words from the summaries of its categories."""
    database = parts.database.bound(scope)
    item = _held(database, memory_id)
    touched = _categories_of(database, memory_id)
    shown = show_items(database, [item])[0]
    operation = Operation("delete", parts.memorize.operations_kept)
    database.memory_item_repo.delete_item(memory_id, operation=operation)
    updates = _updates(parts, database, touched if propagate else [])
    return {"memory_item": shown, "category_updates": updates, "operation_id": operation.kept_id}


def delete_resource(parts: Parts, scope: Scope, resource: str) -> dict[str, Any]:
    """Delete a resource (by id or URL), everything that came from it, and its local copy."""
    database = parts.database.bound(scope)
    with database.handle.reader(scope) as reader:
        found = [
            row
            for field in ("id", "url")
            for row in reader.find(RESOURCES, equals(**{field: resource}), columns=("id", "local_path"))
        ]
        if not found:
            raise NotFoundError(f"there is no resource {resource!r} in this scope, by id or by URL.")
        ids = tuple(row["id"] for row in found)
        items = reader.find(ITEMS, [Condition("resource_id", "in", ids)], columns=("id",))
    touched = _touched(database, [row["id"] for row in items])
    gone = database.resource_repo.clear({"id__in": list(ids)})
    remove_copies(parts, database, [row["local_path"] for row in found])
    return {
        "deleted_resources": [resource_dict(one) for one in gone.values()],
        "deleted_items": len(items),
        "category_updates": _updates(parts, database, touched),
    }


def _touched(database: Database, item_ids: Sequence[str]) -> list[str]:
    with database.handle.reader(database.scope) as reader:
        links = reader.find(LINKS, [Condition("item_id", "in", tuple(item_ids))], columns=("category_id",))
    return list(dict.fromkeys(link["category_id"] for link in links))


def remove_copies(parts: Parts, database: Database, paths: Sequence[str]) -> None:
    """Remove local copies that no resource of the scope names any more."""
    for path in {one for one in paths if one}:
        with database.handle.reader(database.scope) as reader:
            named = reader.count(RESOURCES, equals(local_path=path))
        # A row may name any file, also another owner's copy: only what stands in the owner's own folder is theirs.
        own = database.scope is not None and Path(path).parent.name == database.handle.folder(database.scope)
        if parts.blobs and own and not named:
            with suppress(InputError):  # a path that a caller named is no copy of ours, and stays
                parts.blobs.remove(path)


@repeated
def clear(parts: Parts, scope: Scope, where: Mapping[str, Any]) -> dict[str, Any]:
    """Delete the items that meet a filter; without one, everything that the scope remembers."""
    database = parts.database.bound(scope)
    if where:
        touched = _touched(database, [one.id for one in database.memory_item_repo.iterate(where, superseded=True)])
        gone = database.memory_item_repo.clear(where)
        _updates(parts, database, touched)
        return _deleted((), gone.values(), ())
    items = database.memory_item_repo.page(superseded=True, embeddings=False)
    resources = database.resource_repo.page(embeddings=False)
    categories = database.memory_category_repo.page(embeddings=False)
    with database.handle.writer(scope) as writer:
        delete_items(writer, ())
        for table in (TEXTS, RESOURCES, CATEGORIES):
            writer.delete(table, ())
        for table in (IMAGES, OPERATIONS):
            writer.erase(table)
    remove_copies(parts, database, [one.local_path for one in resources])
    return _deleted(categories, items, resources)


def _deleted(
    categories: Iterable[MemoryCategory], items: Iterable[MemoryItem], resources: Iterable[Resource]
) -> dict[str, Any]:
    return {
        "deleted_categories": [category_dict(one) for one in categories],
        "deleted_items": [plain(one) for one in items],
        "deleted_resources": [resource_dict(one) for one in resources],
    }


def _answer(
    parts: Parts, database: Database, item: MemoryItem, touched: Sequence[str], operation: Operation
) -> dict[str, Any]:
    updates = _updates(parts, database, touched)
    return {
        "memory_item": show_items(database, [item])[0],
        "category_updates": updates,
        "superseded": superseded_items(database, item),
        "operation_id": operation.kept_id,
    }


def _updates(parts: Parts, database: Database, category_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Make the summaries of some categories anew, and show them."""
    for one in category_ids:
        refresh(parts, database, one)
    refresh_stale(parts, database)
    if not category_ids:
        return []
    return [category_dict(one) for one in database.memory_category_repo.page({"id__in": list(category_ids)})]
