"""Category summaries: worked out before the transaction, written in it when nothing changed, refreshed when it did."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memu.app.wiring import Parts
from memu.backends.base import Condition, Row, RowsOf, equals
from memu.backends.repeat import repeated
from memu.backends.schema import CATEGORIES, ITEMS, LINKS
from memu.database.core import Database
from memu.database.unit import ScopedReader
from memu.database.vectors import require
from memu.extract.base import CategoryView, ExtractedItem, index_text
from memu.models import MemoryCategory
from memu.scope import Scope

ATTEMPTS = 5
"""How often a summary is worked out anew when others change the category meanwhile."""

NEWEST = 200
"""How many of a category's items, the newest, a refreshed summary is chosen from."""

_COLUMNS = ("id", "summary", "speaker", "embedding", "created_at")


@dataclass(frozen=True, slots=True)
class CategoryPlan:
    """A category's next summary, the items that its sentences come from, and the state it was worked out on."""

    summary: str
    sentences: list[str]
    seen: int | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One sentence that a summary may hold."""

    item_id: str
    text: str
    vector: NDArray[np.float32] | None


def plan_summaries(
    parts: Parts,
    scope: Scope,
    ids: Sequence[str],
    items: Sequence[ExtractedItem],
    vectors: NDArray[np.float32] | None,
    filed: Sequence[tuple[str, ...]],
) -> dict[str, CategoryPlan]:
    """The next summary of every category that new items are filed in, from its present sentences and the new ones."""
    fresh: dict[str, list[Candidate]] = {}
    for position, names in enumerate(filed):
        for name in names:
            vector = None if vectors is None else vectors[position]
            text = index_text(items[position].summary, items[position].speaker)
            fresh.setdefault(name, []).append(Candidate(ids[position], text, vector))
    plans: dict[str, CategoryPlan] = {}
    with parts.database.handle.reader(scope) as reader:
        if vectors is not None and parts.embedder.recorded:
            require(reader.transaction, parts.embedder.recorded)  # the store may have moved to another meanwhile
        rows = {row["name"]: row for row in reader.find(CATEGORIES, [Condition("name", "in", tuple(fresh))])}
        for name, candidates in fresh.items():
            row = rows.get(name)
            present = _candidates(reader, row["extra"].get("sentences", ())) if row else []
            plans[name] = _plan(parts, name, [*present, *candidates], row["seq"] if row else None)
    return plans


def _candidates(reader: ScopedReader, ids: Iterable[str]) -> list[Candidate]:
    rows = reader.find(ITEMS, [Condition("id", "in", tuple(ids)), *equals(valid_to=None)], columns=_COLUMNS)
    return [_candidate(row) for row in sorted(rows, key=lambda row: (row["created_at"], row["id"]))]


def _candidate(row: Row) -> Candidate:
    vector = row["embedding"]
    return Candidate(
        row["id"],
        index_text(row["summary"], row["speaker"]),
        None if vector is None else np.asarray(vector, dtype=np.float32),
    )


def _plan(parts: Parts, name: str, candidates: Sequence[Candidate], seen: int | None) -> CategoryPlan:
    configured = next((one for one in parts.memorize.memory_categories if one.name == name), None)
    length = (configured and configured.target_length) or parts.memorize.category_summary_target_length
    view = CategoryView(name, configured.description if configured else "")
    vectors = [one.vector for one in candidates if one.vector is not None]
    whole = np.stack(vectors) if vectors and len(vectors) == len(candidates) else None
    chosen = parts.summarizer.choose(view, [one.text for one in candidates], whole, target_length=length)
    summary = "\n".join(candidates[position].text for position in chosen)
    return CategoryPlan(summary, [candidates[position].item_id for position in chosen], seen)


def refresh_stale(parts: Parts, database: Database) -> list[str]:
    """Make the summaries of all stale categories of a scope anew; repeatable, and safe beside other writers."""
    with database.handle.reader(database.scope) as reader:
        stale = [row["id"] for row in reader.find(CATEGORIES, equals(stale=True), columns=("id",))]
    return [name for one in stale if (name := refresh(parts, database, one))]


@repeated
def refresh(parts: Parts, database: Database, category_id: str) -> str | None:
    """Make one category's summary anew from its newest items; its name, or None when others kept changing it.

    It then stays stale, and the next call that writes tries again.
    """
    scope = database.scope
    for _ in range(ATTEMPTS if scope else 0):
        with database.handle.reader(scope) as reader:
            row = reader.get(CATEGORIES, equals(id=category_id))
            candidates = _newest(reader, category_id)
        if row is None or scope is None:
            return None
        plan = _plan(parts, row["name"], candidates, row["seq"])
        extra = {**row["extra"], "sentences": plan.sentences}
        values = {"summary": plan.summary or None, "extra": extra, "stale": False, "updated_at": database.handle.now()}
        with database.handle.writer(scope) as writer:
            # The change sequence, unlike the time, tells every writer apart, those that mark it stale too.
            if writer.update(CATEGORIES, values, equals(id=category_id, seq=row["seq"])):
                return str(row["name"])
    return None


def _newest(reader: ScopedReader, category_id: str) -> list[Candidate]:
    linked = Condition("id", "in_rows", RowsOf(LINKS, "item_id", tuple(equals(category_id=category_id))))
    rows = reader.find(
        ITEMS, [linked, *equals(valid_to=None)], order=("-created_at", "-id"), limit=NEWEST, columns=_COLUMNS
    )
    return [_candidate(row) for row in reversed(rows)]


def read_categories(parts: Parts, database: Database) -> list[MemoryCategory]:
    """The scope's configured categories, in the order of the settings."""
    names = [one.name for one in parts.memorize.memory_categories]
    found = {one.name: one for one in database.memory_category_repo.iterate() if one.name in names}
    return [found[name] for name in names if name in found]
