"""JSON as strings: they sort as their values do, and a condition on them means what the reference says."""

import json
import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from mongomock.filtering import filter_applies

from memu.backends.base import Condition, Operator
from memu.backends.filters import matches
from memu.backends.mongo_query import clause
from memu.backends.mongo_rows import document, entry, sortable
from memu.testing.probe import SCHEMA, THINGS, thing

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**64), 2**64)
KEYS = st.sampled_from(["k", "", "a.b", "$gt", '"', "\\", "]", "é", "😀", "k\x00"]) | st.text(max_size=3)
LEAVES = st.none() | st.booleans() | NUMBERS | st.text(max_size=4)
DATA = st.dictionaries(
    KEYS, st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3))
)
OPERATORS: tuple[Operator, ...] = ("eq", "ne", "in", "gt", "gte", "lt", "lte")
TABLE = SCHEMA.table(THINGS)


def exact(number: float) -> float:
    """A float as the whole number that it is, where it is one: Python compares these without rounding."""
    return int(number) if math.isfinite(number) and number == int(number) else number


@given(NUMBERS, NUMBERS)
@settings(max_examples=300)
def test_numbers_sort_as_they_do(one: float, other: float) -> None:
    first, second = sortable(one), sortable(other)
    assert (first < second, first == second) == (one < other, one == other)


@given(st.sampled_from([0.1, 1e-300, 5e-324, 1.0, 2**53 - 1, 1e16, 1e300]), st.sampled_from([1, -1]))
def test_neighbours_sort_as_they_do(number: float, sign: int) -> None:
    value, further = sign * float(number), sign * math.nextafter(number, math.inf)
    assert (sortable(value) < sortable(further)) == (value < further)
    assert (sortable(exact(value)) == sortable(value)) is True


@given(st.lists(KEYS, min_size=1, max_size=3), st.lists(KEYS, min_size=1, max_size=3), LEAVES, LEAVES)
def test_no_two_paths_are_taken_for_each_other(one: list[str], other: list[str], first: Any, second: Any) -> None:
    if one != other and first is not None and second is not None:
        assert not entry(tuple(one), first).startswith(json.dumps(other, ensure_ascii=False))


@st.composite
def questions(draw: st.DrawFn) -> tuple[dict[str, Any], list[Condition]]:
    """Some JSON, and conditions on paths that it has, or nearly has."""
    data = draw(DATA)
    path: list[str] = []
    at: Any = data
    while isinstance(at, dict) and at and len(path) < 3:
        path.append(draw(st.sampled_from(sorted(at))))
        at = at[path[-1]]
        if draw(st.booleans()):
            break
    path = path or [draw(KEYS)]
    values = LEAVES | st.just(at if isinstance(at, str | int | float) else None)
    op = draw(st.sampled_from(OPERATORS))
    value = tuple(draw(st.lists(values, max_size=3))) if op == "in" else draw(values)
    return data, [Condition("data", op, value, tuple(path))]


@given(questions())
@settings(max_examples=300)
def test_conditions_inside_json_mean_what_the_reference_says(asked: tuple[dict[str, Any], list[Condition]]) -> None:
    data, where = asked
    kept = document(TABLE, thing("1", data=data))
    assert json.loads(kept["data"]) == data
    assert filter_applies(clause(TABLE, where[0]), kept) == matches({"data": data}, where)
