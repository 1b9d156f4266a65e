"""`memorize`: load, compare, extract, embed, write; everything before the one transaction only reads."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from memu.app.categories import CategoryPlan, plan_summaries, read_categories, refresh_stale
from memu.app.compare import Plan, compare
from memu.app.present import category_dict, item_dicts, relations_of, resource_dict
from memu.app.wiring import Parts, Progress
from memu.app.write import write
from memu.errors import ConflictError
from memu.extract.base import ExtractedItem
from memu.scope import Scope
from memu.sources.base import Source

logger = logging.getLogger("memu.app")

ATTEMPTS = 5
"""How often the work is done anew when others change the same source meanwhile."""


@dataclass(slots=True)
class Work:
    """What the model and rule steps made of the new part of a source, before anything is written."""

    items: list[ExtractedItem] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    vectors: NDArray[np.float32] | None = None
    filed: list[tuple[str, ...]] = field(default_factory=list)
    caption: str | None = None
    caption_vector: NDArray[np.float32] | None = None
    category_vectors: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    summaries: dict[str, CategoryPlan] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


async def memorize(
    parts: Parts, scope: Scope, source: Source, metadata: Mapping[str, Any], progress: Progress | None = None
) -> dict[str, Any]:
    """Turn a source into memory, once, whatever others do meanwhile; see `MemoryService.memorize`."""
    database = parts.database.bound(scope)
    for _ in range(ATTEMPTS):
        plan = await parts.store(_plan, parts, scope, source)
        if plan.status == "unchanged":
            return await parts.store(_result, parts, scope, plan, [], [])
        work = await parts.compute(work_out, parts, source, plan, progress)
        work.summaries = await parts.store(plan_summaries, parts, scope, work.ids, work.items, work.vectors, work.filed)
        written = await parts.store(write, parts, scope, source, plan, work, metadata)
        if written is not None:
            warnings = [*work.warnings, *written.warnings]
            if written.stale:
                await parts.store(refresh_stale, parts, database)
            return await parts.store(_result, parts, scope, written.plan, written.item_ids, warnings, written.stale)
        logger.info("the source changed during the call; working it out again")
    raise ConflictError(
        f"{source.url or 'the source'} was changed by others {ATTEMPTS} times during this call: repeat it."
    )


def _plan(parts: Parts, scope: Scope, source: Source) -> Plan:
    with parts.database.handle.reader(scope) as reader:
        return compare(reader, source)


def work_out(parts: Parts, source: Source, plan: Plan, progress: Progress | None = None) -> Work:
    """Extract the items of the new messages, and embed and file them."""
    extraction = parts.extractor.extract(source, first=plan.first, memory_types=parts.memorize.memory_types)
    readable = [item for item in extraction.items if parts.embedder.sees(item.summary)]
    work = Work(items=readable, caption=extraction.caption, warnings=list(extraction.warnings))
    work.ids = [str(uuid4()) for _ in work.items]
    texts = [item.index_text for item in work.items]
    captions = [work.caption] if work.caption else []
    vectors = parts.embedder.embed([*texts, *captions], progress)
    if vectors is not None:
        work.vectors = vectors[: len(texts)]
        work.caption_vector = vectors[len(texts)] if captions else None
    views = parts.category_views()
    work.category_vectors = {view.name: view.vector for view in views if view.vector is not None}
    work.filed = file_items(parts, work.items, work.vectors)
    return work


def file_items(
    parts: Parts, items: Sequence[ExtractedItem], vectors: NDArray[np.float32] | None
) -> list[tuple[str, ...]]:
    """The categories of each item: the extractor's own choice among the configured ones, else the categorizer's."""
    views = parts.category_views()
    names = {view.name.casefold(): view.name for view in views}
    assigned = parts.categorizer.assign(items, vectors, views)
    return [
        tuple(names[one.casefold()] for one in item.categories if one.casefold() in names)
        if item.categories is not None
        else found
        for item, found in zip(items, assigned, strict=True)
    ]


def _result(
    parts: Parts,
    scope: Scope,
    plan: Plan,
    item_ids: Sequence[str],
    warnings: list[str],
    stale: Sequence[str] = (),
) -> dict[str, Any]:
    """What `memorize` returns: the resource, what was added, and what there is to say about it."""
    database = parts.database.bound(scope)
    resource = database.resource_repo.get(plan.resource["id"]) if plan.resource else None
    items = item_dicts(database, item_ids)
    shown = resource_dict(resource) if resource else None
    return {
        "status": plan.status,
        "resource": shown,
        "resources": [shown] if shown else [],
        "items": items,
        "categories": [category_dict(one) for one in read_categories(parts, database)],
        "relations": relations_of(database, item_ids),
        "stale_categories": list(stale),
        "warnings": warnings,
    }
