"""Category summaries: worked out before the transaction, written in it when nothing changed, refreshed when it did."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

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
from memu.extract.model_summaries import Material
from memu.models import MemoryCategory
from memu.scope import Scope
from memu.utils.references import build_item_reference_map, extract_references, reference_to, strip_references

ATTEMPTS = 5
"""How often a summary is worked out anew when others change the category meanwhile."""

NEWEST = 200
"""How many of a category's items, the newest, a refreshed summary is chosen from."""

BY = "summary_by"
"""Under which a category keeps who wrote its summary, where that was a language model."""

_COLUMNS = ("id", "summary", "speaker", "embedding", "created_at")


@dataclass(frozen=True, slots=True)
class CategoryPlan:
    """A category's next summary, the items that its sentences come from, and the state it was worked out on.

    `material` is what a language model makes a summary of, and `by_model` says that one did.
    """

    summary: str
    sentences: list[str]
    seen: int | None
    material: Material | None = None
    by_model: bool = False

    def extra_of(self, held: Mapping[str, Any]) -> dict[str, Any]:
        """What the category keeps beside its summary."""
        kept = {name: value for name, value in held.items() if name != BY}
        return {**kept, "sentences": self.sentences, **({BY: "model"} if self.by_model else {})}


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
            plan = _plan(parts, name, [*present, *candidates], row["seq"] if row else None)
            plans[name] = replace(plan, material=_material(parts, reader, name, row, candidates))
    return plans


def _material(
    parts: Parts, reader: ScopedReader, name: str, row: Row | None, candidates: Sequence[Candidate]
) -> Material:
    """What a model makes the summary of: the present one and what is new; all, where the present one does not hold."""
    if row is None:
        return _told(parts, name, None, candidates)
    if row["summary"] and not row["stale"]:
        return _told(parts, name, row["summary"], candidates)
    return _told(parts, name, None, [*_newest(reader, row["id"]), *candidates])


def _told(parts: Parts, name: str, summary: str | None, candidates: Sequence[Candidate]) -> Material:
    """What a model is told; with references, each memory has a short one, and only these can come back."""
    if not parts.memorize.enable_item_references:
        return Material(name, summary, [one.text for one in candidates])
    short = build_item_reference_map({"id": one.item_id} for one in candidates)
    texts = [f"{strip_references(one.text)} {reference_to(short[one.item_id])}".rstrip() for one in candidates]
    known = {one: one for one in extract_references(summary)}
    return Material(
        name, summary, texts, {**known, **{short[one]: one for one in short}, **{one: one for one in short}}
    )


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
    configured, length = parts.memorize.category(name), parts.memorize.length_of(name)
    view = CategoryView(name, configured.description if configured else "")
    vectors = [one.vector for one in candidates if one.vector is not None]
    whole = np.stack(vectors) if vectors and len(vectors) == len(candidates) else None
    chosen = parts.summarizer.choose(view, [one.text for one in candidates], whole, target_length=length)
    summary = "\n".join(_sentence(parts, candidates[position]) for position in chosen)
    return CategoryPlan(summary, [candidates[position].item_id for position in chosen], seen)


def _sentence(parts: Parts, candidate: Candidate) -> str:
    """A sentence of a summary; what poses as a reference in somebody's words is none."""
    if not parts.memorize.enable_item_references:
        return candidate.text
    return f"{strip_references(candidate.text)} {reference_to(candidate.item_id)}".strip()


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
        if put_summary(database, scope, row, plan):
            return str(row["name"])
    return None


@repeated
def put_summary(database: Database, scope: Scope, row: Row, plan: CategoryPlan) -> bool:
    """Write a category's summary that was made on its state `row`; False when others changed it since."""
    values = {"summary": plan.summary or None, "extra": plan.extra_of(row["extra"]), "stale": False}
    with database.handle.writer(scope) as writer:
        # The change sequence, unlike the time, tells every writer apart, those that mark it stale too.
        same = equals(id=row["id"], seq=row["seq"])
        return bool(writer.update(CATEGORIES, {**values, "updated_at": database.handle.now()}, same))


def plan_stale(parts: Parts, database: Database) -> list[tuple[Row, CategoryPlan]]:
    """The next summaries of all stale categories of a scope, from their newest items."""
    with database.handle.reader(database.scope) as reader:
        rows = reader.find(CATEGORIES, equals(stale=True))
        found = [(row, _newest(reader, row["id"])) for row in rows]
    return [
        (
            row,
            replace(
                _plan(parts, row["name"], candidates, row["seq"]),
                material=_told(parts, row["name"], None, candidates),
            ),
        )
        for row, candidates in found
    ]


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
