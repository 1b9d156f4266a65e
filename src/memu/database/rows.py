"""Operations on rows inside one unit of work, used by the repositories and by the service's transactions alike."""

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import numpy as np
import orjson
from numpy.typing import NDArray

from memu.backends.base import Condition, Row, RowsOf, Where, equals
from memu.backends.filters import unreachable
from memu.backends.schema import CATEGORIES, HISTORY, ITEMS, LINKS, RESOURCES
from memu.database.operations import erase_images
from memu.database.store import Store
from memu.database.unit import ScopedWriter
from memu.errors import InputError
from memu.models import MEMORY_TYPES

Vector = Sequence[float] | NDArray[np.float32]

logger = logging.getLogger("memu.database")

DEEPEST = 100
"""How many levels of lists and objects metadata may have; some servers take no more."""


LIVE = (Condition("valid_to", "eq", None),)
"""Items that hold now; superseded ones have an end."""


def check_text(name: str, value: Any, *, longest: int | None = None) -> str:
    """A caller's text, fit to be stored.

    Raises:
        InputError: it is no string, empty, too long, or holds a NUL byte or a lone surrogate.
    """
    if not isinstance(value, str):
        raise InputError(f"{name} is a {type(value).__name__}: expected a string.")
    if not value.strip():
        raise InputError(f"{name} is empty: expected some text.")
    if longest and len(value) > longest:
        raise InputError(f"{name} has {len(value)} characters: at most {longest} are kept.")
    if "\x00" in value:
        raise InputError(f"{name} holds a NUL byte at position {value.index(chr(0))}: expected plain text.")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"{name} holds a lone surrogate at position {error.start}: expected valid Unicode.") from None
    return value


def check_memory_type(value: Any) -> str:
    """A memory type that is known; InputError naming the known ones otherwise."""
    if value not in MEMORY_TYPES:
        raise InputError(f"unknown memory type {value!r}: expected one of {', '.join(MEMORY_TYPES)}.")
    return str(value)


def check_metadata(value: Any) -> dict[str, Any]:
    """Metadata as it will be read back: a JSON object; InputError when it is not one."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) and key for key in value):
        raise InputError("metadata must be a mapping with strings as keys.")
    if odd := [key for key in value if "." in key or "__" in key or unreachable(key)]:
        raise InputError(
            f'the metadata key {odd[0]!r} holds ".", "__", a quote, a backslash or a control character, so that no '
            "filter could name it: choose another."
        )
    _check_storable(value)
    try:
        kept: dict[str, Any] = orjson.loads(orjson.dumps(dict(value)))
    except TypeError as error:
        raise InputError(f"metadata must be JSON (strings, numbers, booleans, lists, objects): {error}.") from None
    return kept


def _check_storable(value: Any, depth: int = 1) -> None:
    """Refuse what JSON or a server would drop or change without a word."""
    if depth > DEEPEST:
        raise InputError(f"metadata is nested over {DEEPEST} deep, or holds itself: expected a plain JSON object.")
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"metadata holds {value}: JSON has no such number; leave it out.")
    if isinstance(value, str) and "\x00" in value:
        raise InputError("metadata holds a NUL byte: expected plain text.")
    inner = (
        [*value, *value.values()] if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    )
    for one in inner:
        _check_storable(one, depth + 1)


def item_defaults() -> dict[str, Any]:
    """The columns of an item that has nothing but a type and a summary."""
    return {
        "resource_id": None,
        "speaker": None,
        "said_at": None,
        "happened_at": None,
        "message_ids": [],
        "source_start": None,
        "source_end": None,
        "content_hash": None,
        "valid_from": None,
        "valid_to": None,
        "superseded_by": None,
        "fact": {},
        "fact_key": None,
        "text_hash": None,
        "metadata": {},
        "extra": {},
    }


def known_resource(writer: ScopedWriter, resource_id: str | None, extra: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that tie an item to its resource, if the scope holds it; else the id is kept in `extra`."""
    if resource_id is None or writer.get(RESOURCES, equals(id=resource_id), ("id",)):
        return {"resource_id": resource_id}
    logger.warning("resource %s is not in this scope: the item is stored without it", resource_id)
    return {"resource_id": None, "extra": {**extra, "origin_resource_id": resource_id}}


def link_items(writer: ScopedWriter, store: Store, pairs: Sequence[tuple[str, str]]) -> None:
    """File items under categories, given as (item id, category id); links that exist stay."""
    if not pairs:
        return
    times = store.times(len(pairs))
    rows = [
        {"id": str(uuid4()), "item_id": item, "category_id": category, "created_at": at, "updated_at": at}
        for (item, category), at in zip(pairs, times, strict=True)
    ]
    writer.put(LINKS, rows, "ignore")
    touch_items(writer, [item for item, _ in pairs])


def touch_items(writer: ScopedWriter, ids: Iterable[str]) -> None:
    """Mark items as changed, because something that searches filter on has (their categories)."""
    unique = tuple(dict.fromkeys(ids))
    if unique:
        writer.update(ITEMS, {}, [Condition("id", "in", unique)])


def mark_stale(writer: ScopedWriter, item_ids: Sequence[str]) -> None:
    """Mark the categories of items whose words change or go, so that their summaries are made anew."""
    linked = RowsOf(LINKS, "category_id", (Condition("item_id", "in", tuple(item_ids)),))
    writer.update(CATEGORIES, {"stale": True}, [Condition("id", "in_rows", linked)])


def delete_items(writer: ScopedWriter, where: Where) -> list[str]:
    """Delete items for good, with links, history, and what operations keep of them; returns the ids of the items."""
    ids = tuple(row["id"] for row in writer.find(ITEMS, where, columns=("id",)))
    if not ids:
        return []
    mark_stale(writer, ids)
    named = [Condition("item_id", "in", ids)]
    writer.delete(LINKS, named)
    writer.delete(HISTORY, named)
    erase_images(writer, ITEMS, ids)
    return writer.delete(ITEMS, [Condition("id", "in", ids)])


@dataclass(frozen=True, slots=True)
class Wanted:
    """A category that a scope is to have."""

    name: str
    description: str = ""
    vector: Vector | None = None


def ensure_categories(writer: ScopedWriter, store: Store, wanted: Sequence[Wanted]) -> dict[str, Row]:
    """The rows of the scope's categories by name; missing ones are made, embeddings that are missing filled in."""
    by_name = [Condition("name", "in", tuple(one.name for one in wanted))]
    held = {row["name"]: row for row in writer.find(CATEGORIES, by_name)}
    missing = [one for one in wanted if one.name not in held]
    bare = [
        one for one in wanted if one.vector is not None and one.name in held and held[one.name]["embedding"] is None
    ]
    if not missing and not bare:
        return held
    rows: list[Row] = [
        {
            "id": str(uuid4()),
            "name": one.name,
            "description": one.description,
            "embedding": one.vector,
            "summary": None,
            "stale": False,
            "extra": {},
            "created_at": at,
            "updated_at": at,
        }
        for one, at in zip(missing, store.times(len(missing)), strict=True)
    ]
    writer.put(CATEGORIES, rows)
    for one in bare:
        writer.update(CATEGORIES, {"embedding": one.vector, "updated_at": store.now()}, equals(name=one.name))
    return {row["name"]: row for row in writer.find(CATEGORIES, by_name)}


def file_under(writer: ScopedWriter, store: Store, item_id: str, wanted: Sequence[Wanted]) -> None:
    """File one item in categories, which are made when they are missing."""
    if wanted:
        rows = ensure_categories(writer, store, wanted)
        link_items(writer, store, [(item_id, rows[one.name]["id"]) for one in wanted])
        mark_stale(writer, [item_id])


def keep_history(writer: ScopedWriter, store: Store, event: str, rows: Sequence[Row]) -> None:
    """Keep what items were before they change; embeddings are left out, they can be made again."""
    if not rows:
        return
    times = store.times(len(rows))
    writer.put(
        HISTORY,
        [
            {"id": str(uuid4()), "item_id": row["id"], "event": event, "before": _as_json(row), "created_at": at}
            for row, at in zip(rows, times, strict=True)
        ],
    )


def _as_json(row: Row) -> dict[str, Any]:
    kept: dict[str, Any] = orjson.loads(
        orjson.dumps({name: value for name, value in row.items() if name not in ("embedding", "seq")})
    )
    return kept
