"""`retrieve`: categories, items and resources, each searched by words and by meaning, filtered before the cut."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memu.app.present import category_dict, item_dicts, resource_dict
from memu.app.wiring import Parts
from memu.backends.schema import CATEGORIES, ITEMS, RESOURCES
from memu.database.core import Database
from memu.database.fields import FIELDS
from memu.database.search import search
from memu.database.vectors import Recorded, fits, mismatch
from memu.recall.base import Hit, Query
from memu.scope import Scope
from memu.settings import TierConfig

TIERS = (("categories", CATEGORIES, "category"), ("items", ITEMS, "item"), ("resources", RESOURCES, "resource"))


async def retrieve(
    parts: Parts,
    scope: Scope,
    question: str,
    where: Mapping[str, Any],
    *,
    top_k: int | None,
    min_score: float | None,
) -> dict[str, Any]:
    """Search the three tiers of a scope; see `MemoryService.retrieve`."""
    vector, signals = await query_vector(parts, question)
    answer: dict[str, Any] = {
        "needs_retrieval": True,
        "original_query": question,
        "rewritten_query": question,
        "next_step_query": None,
    }
    tiers = await parts.store(search_tiers, parts, scope, question, vector, where, top_k, min_score)
    return {**answer, **tiers, "signals": signals}


async def query_vector(parts: Parts, question: str) -> tuple[NDArray[np.float32] | None, dict[str, Any]]:
    """The question's embedding, and which signals will run: a part that does not is named with its reason."""
    held, vectors = await asyncio.gather(
        parts.store(parts.database.handle.embedder), parts.compute(parts.embedder.embed, [question])
    )
    reason = _why_not_dense(parts, held, vectors is not None)
    signals: dict[str, Any] = {"dense": reason is None, "lexical": True, "rerank": False}
    if reason:
        signals["dense_off"] = reason
    return (vectors[0] if vectors is not None and reason is None else None), signals


def _why_not_dense(parts: Parts, held: Recorded | None, embedded: bool) -> str | None:
    if not embedded:
        return parts.embedder.why_none
    own = parts.embedder.recorded
    if held and own and not fits(held, own):
        if held.known:  # the store was moved to another embedder after this service was made
            raise mismatch(held, own)
        return f"the store's vectors are {held.name}, {held.dimension} dimensions; `memu reembed` makes them anew"
    return None


def search_tiers(
    parts: Parts,
    scope: Scope,
    question: str,
    vector: NDArray[np.float32] | None,
    where: Mapping[str, Any],
    top_k: int | None,
    min_score: float | None,
) -> dict[str, Any]:
    """The three tiers of an answer; a filter limits each tier that has its field."""
    settings = parts.retrieve
    _check_fields(where)
    database = parts.database.bound(scope)
    answer: dict[str, Any] = {}
    for name, table, option in TIERS:
        tier: TierConfig = getattr(settings, option)
        query = Query(question, vector, None, top_k or tier.top_k or settings.top_k, min_score)
        hits = search(database.handle, scope, table, query, _applicable(table, where)) if tier.enabled else []
        answer[name] = _shown(database, table, hits)
    return answer


def _check_fields(where: Mapping[str, Any]) -> None:
    """A field that no tier has is an error, by the item tier's list of fields."""
    from memu.backends.filters import parse

    known = {field.name: field for table in (CATEGORIES, RESOURCES, ITEMS) for field in FIELDS[table]}
    parse(where, known.values())


def _applicable(table: str, where: Mapping[str, Any]) -> dict[str, Any]:
    names = {field.name for field in FIELDS[table]}
    return {key: value for key, value in where.items() if key.partition("__")[0].partition(".")[0] in names}


def _shown(database: Database, table: str, hits: Sequence[Hit]) -> list[dict[str, Any]]:
    scores = {hit.id: round(hit.score, 6) for hit in hits}
    if table == ITEMS:
        return item_dicts(database, list(scores), scores)
    where = {"id__in": list(scores)}
    if table == CATEGORIES:
        found = {one.id: category_dict(one) for one in database.memory_category_repo.page(where, embeddings=False)}
    else:
        found = {one.id: resource_dict(one) for one in database.resource_repo.page(where, embeddings=False)}
    return [{**found[one], "score": score} for one, score in scores.items() if one in found]
