"""What `memorize` makes of the new part of a source before anything is written."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from memu.app.categories import CategoryPlan
from memu.app.compare import Plan
from memu.app.wiring import LazyEmbedder, Parts, Progress
from memu.extract.base import ExtractedItem, Extraction
from memu.sources.base import Source


@dataclass(slots=True)
class Work:
    """Items with their ids, vectors and categories, a caption, and the next summaries of the categories."""

    items: list[ExtractedItem] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    vectors: NDArray[np.float32] | None = None
    filed: list[tuple[str, ...]] = field(default_factory=list)
    caption: str | None = None
    caption_vector: NDArray[np.float32] | None = None
    category_vectors: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    summaries: dict[str, CategoryPlan] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


async def work_out(
    parts: Parts, source: Source, plan: Plan, extraction: Extraction, progress: Progress | None = None
) -> Work:
    """Embed and file the items of the new messages."""
    items = await parts.compute(_new_items, source, plan, extraction)
    work = Work(items=items, caption=source.caption or extraction.caption, warnings=list(extraction.warnings))
    work.ids = [str(uuid4()) for _ in work.items]
    texts = [item.index_text for item in work.items]
    captions = [work.caption] if work.caption else []
    vectors = await parts.embed([*texts, *captions], progress)
    await parts.embed_categories()
    if vectors is not None:
        work.vectors = vectors[: len(texts)]
        work.caption_vector = vectors[len(texts)] if captions else None
    views = parts.category_views()
    work.category_vectors = {view.name: view.vector for view in views if view.vector is not None}
    work.filed = await parts.compute(file_items, parts, work.items, work.vectors)
    return work


def _new_items(source: Source, plan: Plan, extraction: Extraction) -> list[ExtractedItem]:
    """Those that a model can read, and that some new message says."""
    hashes = {message.id: value for message, value in zip(source.messages, source.message_hashes, strict=True)}
    known = set(plan.known)
    return [
        item
        for item in extraction.items
        if LazyEmbedder.sees(item.summary)
        and (plan.status != "replaced" or any(hashes[one] not in known for one in item.message_ids))
    ]


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
