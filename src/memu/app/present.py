"""Records as the plain dicts that calls return: no embeddings, sources and category names included."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from memu.backends.base import Condition, RowsOf
from memu.backends.schema import CATEGORIES, LINKS
from memu.database.core import Database
from memu.models import MemoryCategory, MemoryItem, Record, Resource

HIDDEN = {"embedding", "content_hash"}


def plain(record: Record) -> dict[str, Any]:
    """A record without its embedding and inner bookkeeping."""
    return record.model_dump(exclude=HIDDEN)


def resource_dict(resource: Resource) -> dict[str, Any]:
    """A resource."""
    return plain(resource)


def category_dict(category: MemoryCategory) -> dict[str, Any]:
    """A category, without the list of items that its summary is made of."""
    shown = plain(category)
    shown["extra"] = {name: value for name, value in category.extra.items() if name != "sentences"}
    return shown


def item_dicts(
    database: Database, ids: Sequence[str], scores: Mapping[str, float] | None = None
) -> list[dict[str, Any]]:
    """Items by id, in the order of the ids; those that are gone meanwhile are left out."""
    if not ids:
        return []
    found = database.memory_item_repo.page({"id__in": list(ids)}, embeddings=False, superseded=True)
    records = {one.id: one for one in found}
    shown = show_items(database, [records[one] for one in ids if one in records])
    for item in shown:
        if scores is not None:
            item["score"] = scores[item["id"]]
    return shown


def show_items(database: Database, items: Iterable[MemoryItem]) -> list[dict[str, Any]]:
    """Items with the names of their categories."""
    records = list(items)
    names = category_names(database, [one.id for one in records])
    return [{**plain(one), "categories": names.get(one.id, [])} for one in records]


def category_names(database: Database, ids: Sequence[str]) -> dict[str, list[str]]:
    """For each item, the names of the categories it is filed in, in the order of filing."""
    if not ids:
        return {}
    with database.handle.reader(database.scope) as reader:
        links = reader.find(
            LINKS,
            [Condition("item_id", "in", tuple(ids))],
            order=("created_at", "id"),
            columns=("item_id", "category_id"),
        )
        linked = RowsOf(LINKS, "category_id", (Condition("item_id", "in", tuple(ids[:500])),))
        wanted = Condition("id", "in_rows", linked) if len(ids) <= 500 else Condition("id", "ne", "")
        names = {row["id"]: row["name"] for row in reader.find(CATEGORIES, [wanted], columns=("id", "name"))}
    found: dict[str, list[str]] = {}
    for link in links:
        found.setdefault(link["item_id"], []).append(names[link["category_id"]])
    return found


def relations_of(database: Database, ids: Sequence[str]) -> list[dict[str, Any]]:
    """The links of some items."""
    return [plain(link) for link in database.category_item_repo.page({"item_id__in": list(ids)})] if ids else []
