"""Searching one scope: its resident index is brought up to the scope's change counter, then asked."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memu.backends.base import Condition, Row, RowsOf
from memu.backends.filters import matches
from memu.backends.schema import CATEGORIES, ITEMS, LINKS, RESOURCES, TOMBSTONES
from memu.backends.vectors import as_array
from memu.database import fields
from memu.database.facts import began
from memu.database.rows import LIVE
from memu.database.store import Store
from memu.database.unit import ScopedReader, owned
from memu.database.vectors import mismatch, unknown
from memu.errors import InputError, VectorError
from memu.extract.base import index_text
from memu.recall.base import Delta, Entry, Hits, Query
from memu.recall.index import ScopeIndex
from memu.recall.ranking import DECIMALS
from memu.recall.salience import WEIGHED, reinforcement, salience
from memu.scope import Scope
from memu.utils.references import strip_references

Weigh = Callable[[Mapping[str, Any]], float]

EMBEDDED = "embedded"
"""The field of an index entry that says whether it has a vector."""

SMALL = 1000
"""Entries of a scope whose vectors are all compared, where the store compares them."""
CANDIDATES, CANDIDATES_PER_RESULT = 200, 20
"""Of a larger scope so many rows, at least, are looked at for each signal."""
LEAST = 1e-6
"""A score that only an entry with some evidence has."""


def search(
    store: Store,
    scope: Scope,
    table: str,
    query: Query,
    where: Mapping[str, Any] | None = None,
    *,
    further: Sequence[Condition] = (),
    as_of: datetime | None = None,
) -> Hits:
    """The best records of one table for a query, filtered before the cut; `further` conditions are on index fields.

    With `as_of` the items that held at that time, found in an index of their own, which also has those that hold no
    longer: they must not weigh on what is found now.

    Raises:
        FilterError: an unknown field or operator.
        VectorError: the query's vector is of another dimension than the store's.
    """
    with store.reader(scope) as reader:
        conditions = [*further, *fields.conditions(table, where, reader)]
        index = _fresh_index(store, reader, table, whole=as_of is not None)
    query = replace(query, keep=_filter(conditions, as_of))
    if store.searches_vectors and query.vector is not None:
        with _dimension_checked(store, query.vector):
            on_rows = [*fields.on_rows(one for one in conditions if one.field != EMBEDDED), *_held_at(as_of)]
            query = replace(query, cosines=_cosines(store, scope, table, query, on_rows, index))
    return index.search(query)


def _filter(conditions: Sequence[Condition], as_of: datetime | None) -> Callable[[Mapping[str, Any]], bool] | None:
    """What says of an entry's fields whether it may be returned."""
    if as_of is None:
        return (lambda values: matches(values, conditions)) if conditions else None
    return lambda values: (
        values["since"] <= as_of
        and (values["valid_to"] is None or values["valid_to"] > as_of)
        and matches(values, conditions)
    )


def _held_at(as_of: datetime | None) -> list[Condition]:
    """The same for rows, as far as it must be to find enough of them: those that had not ended by then."""
    ended = RowsOf(ITEMS, "id", (Condition("valid_to", "lte", as_of),))
    later = RowsOf(ITEMS, "id", (Condition("valid_from", "gt", as_of),))
    return [Condition("id", "not_in_rows", one) for one in (ended, later)] if as_of else []


def _cosines(
    store: Store, scope: Scope, table: str, query: Query, conditions: Sequence[Condition], index: ScopeIndex
) -> dict[str, float]:
    """The cosines that can decide an answer, from a store that searches vectors itself.

    Of a small scope all. Of a large one those of the nearest rows that the filter lets through, and of the rows that
    the words find; a row in neither has no part in the best of the answer.
    """
    if query.vector is None:
        return {}
    find = partial(store.records.nearest, table, query.vector)
    if len(index) <= SMALL:
        return dict(find(where=owned(scope, ())))
    most = max(CANDIDATES, CANDIDATES_PER_RESULT * query.top_k, WEIGHED if query.weigh else 0)
    found = dict(find(where=owned(scope, conditions), limit=most))
    spoken = index.search(Query(text=query.text, top_k=most, min_score=LEAST))
    if missing := tuple(hit.id for hit in spoken if hit.id not in found):
        found |= find(where=owned(scope, [Condition("id", "in", missing)]))
    return found


def by_salience(store: Store, half_life: float) -> Weigh:
    """What weighs items by how often and how lately they were said."""
    return partial(salience, now=store.now(), half_life=half_life)


def nearest(
    store: Store,
    scope: Scope,
    vector: Sequence[float],
    top_k: int,
    where: Mapping[str, Any] | None = None,
    *,
    weigh: Weigh | None = None,
) -> list[tuple[str, float]]:
    """The ids of the items nearest to a vector, with their cosine similarity, weighed where asked for, best first."""
    if vector is None:
        raise VectorError("the query vector is None: expected a list of numbers.")
    numbers = as_array(vector)
    _, rest = fields.split_scope(where, store.scope_fields)
    if store.searches_vectors and weigh is None:
        return _nearest_rows(store, scope, numbers, top_k, rest)
    _check_dimension(store, numbers)
    query = Query(vector=numbers / np.linalg.norm(numbers), top_k=top_k, context=False, weigh=weigh)
    hits = search(store, scope, ITEMS, query, rest, further=[Condition(EMBEDDED, "eq", True)])
    return [(hit.id, hit.score) for hit in hits]


def _nearest_rows(
    store: Store, scope: Scope, vector: NDArray[np.float32], top_k: int, where: Mapping[str, Any]
) -> list[tuple[str, float]]:
    """The same from a store that searches vectors itself: one statement, no index."""
    met: list[Condition] = [*LIVE]
    with _dimension_checked(store, vector):
        if where:
            with store.reader(scope) as reader:
                met += fields.on_rows(fields.conditions(ITEMS, where, reader))
        rows = store.records.nearest(ITEMS, vector, where=owned(scope, met), limit=top_k)
    if not rows:
        _check_dimension(store, vector)
    return [(key, round(max(0.0, cosine), DECIMALS)) for key, cosine in rows]


@contextmanager
def _dimension_checked(store: Store, vector: NDArray[np.float32]) -> Iterator[None]:
    """Say what is wrong with a vector where a search is refused: to ask before each search would take as long."""
    try:
        yield
    except InputError:
        _check_dimension(store, vector)
        raise


def _check_dimension(store: Store, vector: NDArray[np.float32]) -> None:
    held = store.embedder()
    if held and held.dimension != len(vector):
        raise mismatch(held, unknown(len(vector)))


def _fresh_index(store: Store, reader: ScopedReader, table: str, *, whole: bool = False) -> ScopeIndex:
    def refresh(index: ScopeIndex | None) -> Delta | None:
        return changes(reader, table, index, vectors=not store.searches_vectors, whole=whole)

    return store.indexes.get((reader.scope, f"all {table}" if whole else table), refresh)


def changes(
    reader: ScopedReader, table: str, index: ScopeIndex | None, *, vectors: bool = True, whole: bool = False
) -> Delta | None:
    """What an index does not know yet; None when it knows all.

    Without `vectors` only whether there is one is read; a `whole` index also has what holds no longer.
    """
    seq, epoch = reader.state() or (0, "")
    resident = index is not None and index.epoch == epoch
    if resident and index is not None and index.seq == seq:
        return None
    newer = [Condition("seq", "gt", index.seq)] if resident and index is not None else []
    rows = _read(reader, table, newer, vectors=vectors)
    present = [row for row in rows if whole or _live(row)]
    entries = _entries(reader, table, present)
    if not resident:
        return Delta(entries, (), seq, epoch, complete=True)
    stones = reader.find(TOMBSTONES, [*newer, Condition("kind", "eq", table)], columns=("id",))
    gone = {stone["id"] for stone in stones} | {row["id"] for row in rows}
    # A record that was deleted and made again under its id is both: the row is the newer truth.
    return Delta(entries, gone - {row["id"] for row in present}, seq, epoch)


def _read(reader: ScopedReader, table: str, where: Sequence[Condition], *, vectors: bool) -> list[Row]:
    """What an index is made of; `elsewhere` says of a row whose vector is not read that it has one."""
    columns = COLUMNS[table]
    if vectors:
        return reader.find(table, where, columns=columns)
    rows = reader.find(table, where, columns=tuple(name for name in columns if name != "embedding"))
    bearing = reader.find(table, [*where, Condition("embedding", "ne", None)], columns=("id",))
    embedded = {row["id"] for row in bearing}
    return [{**row, "embedding": None, "elsewhere": row["id"] in embedded} for row in rows]


_BASIC = ("id", "embedding", "created_at", "updated_at")
COLUMNS: dict[str, tuple[str, ...]] = {
    ITEMS: (
        *_BASIC,
        "summary",
        "speaker",
        "extra",
        "metadata",
        "memory_type",
        "resource_id",
        "message_ids",
        "source_start",
        "said_at",
        "happened_at",
        "valid_from",
        "valid_to",
    ),
    RESOURCES: (*_BASIC, "caption", "url", "modality", "metadata"),
    CATEGORIES: (*_BASIC, "name", "description", "summary"),
}
"""What an index reads of each table's rows."""


def _live(row: Row) -> bool:
    return row.get("valid_to") is None


def _entries(reader: ScopedReader, table: str, rows: Sequence[Row]) -> list[Entry]:
    filed = _filed(reader, [row["id"] for row in rows]) if table == ITEMS else {}
    return [_entry(table, row, filed.get(row["id"], ())) for row in rows]


def _filed(reader: ScopedReader, ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The category ids of each item."""
    filed: dict[str, tuple[str, ...]] = {}
    for link in reader.find(LINKS, [Condition("item_id", "in", tuple(ids))], columns=("item_id", "category_id")):
        filed[link["item_id"]] = (*filed.get(link["item_id"], ()), link["category_id"])
    return filed


def _entry(table: str, row: Row, filed: tuple[str, ...]) -> Entry:
    vector, position = row["embedding"], row.get("source_start")
    values = {field.name: row[field.name] for field in fields.FIELDS[table] if field.name in row}
    return Entry(
        id=row["id"],
        text=_text(table, row),
        vector=None if vector is None else np.asarray(vector, dtype=np.float32),
        elsewhere=row.get("elsewhere", False),
        group=None if position is None else row.get("resource_id"),  # without a place it has no neighbours
        passage=(row.get("message_ids") or [None])[-1],  # an answer's own message comes after the question's
        around=str(row["extra"].get("around") or "") if table == ITEMS else "",
        position=position or 0,
        speaker=row.get("speaker"),
        fields={
            **values,
            EMBEDDED: vector is not None or row.get("elsewhere"),
            **(reinforcement(row["extra"]) if table == ITEMS else {}),
            **({"category_id": filed, "since": began(row), "valid_to": row["valid_to"]} if table == ITEMS else {}),
        },
    )


def _text(table: str, row: Row) -> str:
    if table == ITEMS:
        return index_text(row["summary"], row["speaker"], row["extra"].get("heading"))
    if table == RESOURCES:
        return str(row["caption"] or row["url"])
    return f"{row['name']}: {row['description']} {strip_references(row['summary'] or '')}"
