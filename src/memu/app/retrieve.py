"""`retrieve`: categories, items and resources, each searched by words and by meaning, filtered before the cut."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memu.app.inputs import Turn
from memu.app.present import category_dict, item_dicts, resource_dict
from memu.app.reasoning import Found, Reasoner, Tiers, empty, reason
from memu.app.spending import Spending
from memu.app.wiring import Parts
from memu.backends.base import Condition
from memu.backends.schema import CATEGORIES, ITEMS, RESOURCES
from memu.database.core import Database
from memu.database.fields import FIELDS
from memu.database.referring import resolve
from memu.database.search import Weigh, by_salience, search
from memu.database.vectors import Recorded, fits, mismatch
from memu.llm.budget import Budget
from memu.recall.base import Hit, Hits, Query
from memu.scope import Scope
from memu.settings import ItemTierConfig, RetrieveConfig, TierConfig
from memu.utils.references import extract_references

MOST_REFERENCES = 100
"""How many references of one summary are followed."""
TIERS = (("categories", CATEGORIES, "category"), ("items", ITEMS, "item"), ("resources", RESOURCES, "resource"))


async def retrieve(
    parts: Parts,
    scope: Scope,
    question: str,
    where: Mapping[str, Any],
    *,
    history: Sequence[Turn] = (),
    top_k: int | None,
    min_score: float | None,
    as_of: datetime | None = None,
) -> dict[str, Any]:
    """Search the three tiers of a scope; see `MemoryService.retrieve`."""
    _check_fields(where)
    spending = Spending(scope, Budget(parts.retrieve.max_calls, parts.retrieve.max_tokens))
    parts = parts.on_behalf(spending)
    most = parts.retrieve.llm_candidates if parts.retrieve.method == "llm" else top_k

    async def find(query: str) -> Found:
        vector, dense_off = await query_vector(parts, query)
        tiers, found = await parts.store(search_tiers, parts, scope, query, vector, where, most, min_score, as_of)
        signals = read_signals(found, dense_off, where)
        if "items" in found and parts.retrieve.item.ranking != "similarity":
            signals["ranking"] = parts.retrieve.item.ranking
        if parts.retrieve.item.use_category_references:
            signals["cited_items"] = sum("cited_by" in one for one in tiers["items"])
        return Found(tiers, signals, max((hits.size for hits in found.values()), default=0))

    if parts.retrieve.model_steps:
        reasoner = Reasoner(parts.models, parts.retrieve, spending, history)
        return await reason(reasoner, question, find, _most(parts.retrieve, top_k))
    found = await find(question)
    answer = {"original_query": question, "rewritten_query": question, "next_step_query": None}
    used = spending.signals if parts.embedder.settings.endpoint else {}
    return {"needs_retrieval": True, **answer, **found.tiers, "signals": {**found.signals, **used}}


def _limits(settings: RetrieveConfig, top_k: int | None) -> dict[str, int]:
    """How many results of each tier are returned."""
    return {name: top_k or getattr(settings, option).top_k or settings.top_k for name, _, option in TIERS}


def _most(settings: RetrieveConfig, top_k: int | None) -> dict[str, int]:
    """How many results of each tier there can be: cited items come on top, unless a model chooses."""
    limits = _limits(settings, top_k)
    twice = settings.item.use_category_references and settings.method == "rag"
    return {**limits, "items": limits["items"] * 2} if twice else limits


async def query_vector(parts: Parts, question: str) -> tuple[NDArray[np.float32] | None, str | None]:
    """The question's embedding, or None and the reason why the store cannot be searched by one."""
    held, vectors = await asyncio.gather(parts.store(parts.database.handle.embedder), parts.embed([question]))
    reason = _why_not_dense(parts, held, vectors is not None)
    return (vectors[0] if vectors is not None and reason is None else None), reason


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
    as_of: datetime | None = None,
) -> tuple[Tiers, dict[str, Hits]]:
    """The three tiers of an answer, and the hits of those that were searched.

    A filter limits each tier that has its field; `as_of` is a time at which the items must have held.
    """
    settings = parts.retrieve
    database = parts.database.bound(scope)
    answer, limits = empty(), _limits(settings, top_k)
    found: dict[str, Hits] = {}
    for name, table, option in TIERS:
        tier: TierConfig = getattr(settings, option)
        if tier.enabled:
            query = Query(question, vector, None, limits[name], min_score, weigh=_weigher(database, tier))
            then = as_of if table == ITEMS else None
            found[name] = search(database.handle, scope, table, query, _applicable(table, where), as_of=then)
            answer[name] = _shown(database, table, found[name])
    if settings.item.use_category_references:
        query = Query(question, vector, None, limits["items"], min_score, weigh=_weigher(database, settings.item))
        answer["items"] += _cited(database, scope, answer, query, where, as_of)
    return answer, found


def _cited(
    database: Database, scope: Scope, answer: Tiers, query: Query, where: Mapping[str, Any], as_of: datetime | None
) -> list[dict[str, Any]]:
    """The items that the summaries of the found categories cite and that were not found, with who cites them."""
    cited: dict[str, list[str]] = {}
    with database.handle.reader(scope) as reader:
        for category in answer["categories"]:
            references = extract_references(category["summary"])[:MOST_REFERENCES]
            for one in resolve(reader, references, strict=False):
                cited.setdefault(one, []).append(category["name"])
    ids = tuple(set(cited) - {one["id"] for one in answer["items"]})
    if not ids:
        return []
    further = [Condition("id", "in", ids)]
    hits = search(database.handle, scope, ITEMS, query, _applicable(ITEMS, where), further=further, as_of=as_of)
    return [{**one, "cited_by": cited[one["id"]]} for one in _shown(database, ITEMS, hits)]


def _weigher(database: Database, tier: TierConfig) -> Weigh | None:
    if isinstance(tier, ItemTierConfig) and tier.ranking == "salience":
        return by_salience(database.handle, tier.recency_decay_days)
    return None


def read_signals(found: Mapping[str, Hits], dense_off: str | None, where: Mapping[str, Any]) -> dict[str, Any]:
    """What an answer was found by: each signal, why one did not run, and what limits the answer.

    Args:
        found: the hits of each tier that was searched.
        dense_off: why the question has no vector, if it has none.
        where: the filters.
    """
    lexical, dense = (any(hits.signals[name] for hits in found.values()) for name in ("lexical", "dense"))
    signals: dict[str, Any] = {"dense": dense, "lexical": lexical, "rerank": False}
    empty = None if any(hits.size for hits in found.values()) else "nothing is remembered in what was searched"
    if not dense:
        bare = "no memory that was searched has a vector; `memu reembed` gives them theirs"
        signals["dense_off"] = dense_off or empty or bare
    if not lexical:
        signals["lexical_off"] = empty or "the question holds no word to search for"
    if "items" in found and (bare_items := found["items"].without_vector):
        signals["items_without_vector"] = bare_items
    tables = {name: table for name, table, _ in TIERS if name in found}
    if unfiltered := {name: keys for name, table in tables.items() if (keys := sorted(_beside(table, where)))}:
        signals["unfiltered"] = unfiltered
    return signals


def _check_fields(where: Mapping[str, Any]) -> None:
    """A field that no tier has is an error, by the item tier's list of fields."""
    from memu.backends.filters import parse

    known = {field.name: field for table in (CATEGORIES, RESOURCES, ITEMS) for field in FIELDS[table]}
    parse(where, known.values())


def _applicable(table: str, where: Mapping[str, Any]) -> dict[str, Any]:
    names = {field.name for field in FIELDS[table]}
    return {key: value for key, value in where.items() if key.partition("__")[0].partition(".")[0] in names}


def _beside(table: str, where: Mapping[str, Any]) -> set[str]:
    """The filters whose field a tier does not have."""
    return set(where) - set(_applicable(table, where))


def _shown(database: Database, table: str, hits: Sequence[Hit]) -> list[dict[str, Any]]:
    scores = {hit.id: round(hit.score, 6) for hit in hits}
    if table == ITEMS:
        relevances = {hit.id: hit.relevance for hit in hits if hit.relevance is not None}
        items = item_dicts(database, list(scores), scores)
        return [{**one, "relevance": relevances[one["id"]]} for one in items] if relevances else items
    where = {"id__in": list(scores)}
    if table == CATEGORIES:
        found = {one.id: category_dict(one) for one in database.memory_category_repo.page(where, embeddings=False)}
    else:
        found = {one.id: resource_dict(one) for one in database.resource_repo.page(where, embeddings=False)}
    return [{**found[one], "score": score} for one, score in scores.items() if one in found]
