"""The meaning of conditions: a store finds exactly the rows that `backends.filters.matches` accepts."""

from datetime import timedelta
from functools import partial
from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from memu.backends.base import Condition, Operator, RecordStore, Row, Transaction
from memu.backends.filters import matches
from memu.testing.probe import NOON, THINGS, RecordSuite, found, put, thing

FUZZ = settings(derandomize=True, deadline=None, database=None, max_examples=150, print_blob=False)
"""Every run tries the same cases; a failing one is printed, shrunk."""

_NAMES = st.sampled_from(["a", "A", "á", "b", "", " ", "ab", "😀", "%", "_", "10", "9", "null", "true"])
_NUMBERS = st.sampled_from([-1, 0, 1, 2, 10, 2**40])
_LARGE = [2**53 - 1, 2**53, 2**53 + 1, 2**53 + 2, 1234567890123456788, 1234567890123456789, 2**63 - 2, 2**63 - 1]
_LARGE = [*_LARGE, *(-number for number in _LARGE)]
_HUGE = [2**63, 2**64, 10**30, -(10**30), 1e300, -1e300, 5e-324]
_TIMES = st.sampled_from([NOON + timedelta(microseconds=n) for n in (-1, 0, 1)])
_LEAVES: st.SearchStrategy[Any] = st.one_of(
    _NAMES, _NUMBERS, st.booleans(), st.sampled_from([0.5, 1.0, -1.0, 1e10]), st.none()
)
_DATA = st.fixed_dictionaries(
    {},
    optional={
        "k": _LEAVES,
        "deep": st.fixed_dictionaries({}, optional={"k": _LEAVES, "0": _LEAVES}),
        "list": st.just([1]),
        "0": _LEAVES,
    },
)
_ROWS = st.fixed_dictionaries(
    {
        "name": st.none() | _NAMES,
        "number": st.none() | _NUMBERS,
        "at": st.none() | _TIMES,
        "flag": st.none() | st.booleans(),
        "data": _DATA,
    }
)
_COLUMNS: dict[str, st.SearchStrategy[Any]] = {"name": _NAMES, "number": _NUMBERS, "at": _TIMES}
_OPERATORS: tuple[Operator, ...] = ("eq", "ne", "in", "gt", "gte", "lt", "lte")
_PATHS = st.sampled_from(
    [("k",), ("deep", "k"), ("nowhere",), ("k", "k"), ("0",), ("deep", "0"), ("list", "0"), ("list", "-1")]
)


@st.composite
def _conditions(draw: st.DrawFn) -> Condition:
    field = draw(st.sampled_from([*_COLUMNS, "flag", "data"]))
    if field == "data":
        return _test_of(draw, field, _LEAVES, draw(_PATHS))
    if field == "flag":
        return Condition(field, draw(st.sampled_from(["eq", "ne"])), draw(st.none() | st.booleans()))
    return _test_of(draw, field, st.none() | _COLUMNS[field])


def _test_of(draw: st.DrawFn, field: str, values: st.SearchStrategy[Any], path: tuple[str, ...] = ()) -> Condition:
    op = draw(st.sampled_from(_OPERATORS))
    value = tuple(draw(st.lists(values, max_size=4))) if op == "in" else draw(values)
    return Condition(field, op, value, path)


def _find(where: list[Condition], reader: Transaction) -> list[Row]:
    return reader.find(THINGS, where, order=("id",))


class ConditionTests(RecordSuite):
    """Conditions on columns and inside JSON, on random rows."""

    def test_random_conditions_mean_what_the_reference_says(self, records: RecordStore) -> None:
        @FUZZ
        @given(st.lists(_ROWS, min_size=1, max_size=12), st.lists(st.lists(_conditions(), max_size=3), min_size=5))
        def agree(rows: list[Row], wheres: list[list[Condition]]) -> None:
            kept = [thing(f"{place:02}", **row) for place, row in enumerate(rows)]
            with records.transaction() as transaction:
                transaction.delete(THINGS, ())
                transaction.put(THINGS, kept)
            with records.reader() as reader:
                for where in wheres:
                    expected = [row["id"] for row in kept if matches(row, where)]
                    assert [row["id"] for row in reader.find(THINGS, where, order=("id",))] == expected, where
                    assert reader.count(THINGS, where) == len(expected)
                    seen = records.glance(partial(_find, where))
                    assert [row["id"] for row in seen] == expected, where

        agree()

    def test_large_numbers_are_compared_by_all_their_digits(self, records: RecordStore) -> None:
        doubles = [float(2**53), 2.0**60, 1e-40, 0.1]
        numbers = [0, 0.5, *_LARGE, *doubles]
        kept = [thing(f"{place:02}", data={"k": number}) for place, number in enumerate([*numbers, *_HUGE])]
        put(records, *kept)
        with records.reader() as reader:
            for op, number in product(_OPERATORS, numbers):
                where = [Condition("data", op, (number, 10**15 + 1) if op == "in" else number, ("k",))]
                expected = [row["id"] for row in kept if matches(row, where)]
                assert [row["id"] for row in reader.find(THINGS, where, order=("id",))] == expected, where

    def test_a_number_beyond_all_others_is_no_hindrance(self, records: RecordStore) -> None:
        kept = [thing(str(place), data={"k": number}) for place, number in enumerate([1, 10**400, -(10**400)])]
        put(records, *kept)
        for op, number in product(_OPERATORS, (1, 2**63 - 1)):
            where = [Condition("data", op, (number,) if op == "in" else number, ("k",))]
            hit = "0" in {row["id"] for row in found(records, where)}
            assert hit == matches(kept[0], where), where

    def test_random_values_come_back(self, records: RecordStore) -> None:
        plain = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=60)
        number = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
        leaves = st.none() | st.booleans() | number | plain
        value = st.recursive(
            leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain, inner), max_leaves=8
        )

        @FUZZ
        @given(plain, st.dictionaries(plain, value, max_size=4), st.datetimes())
        def survive(text: str, data: dict[str, Any], at: Any) -> None:
            row = thing("1", body=text, data=data, at=at.replace(tzinfo=NOON.tzinfo))
            with records.transaction() as transaction:
                transaction.put(THINGS, [row], "replace")
            assert found(records)[0] == row

        survive()

    def test_keys_of_json_with_odd_names(self, records: RecordStore) -> None:
        names = ["a b", "a'b", "a$b", "[0]", "é", "😀", "0", "#", "*", "%"]
        put(records, *(thing(str(place), data={name: "hit"}) for place, name in enumerate(names)))
        for place, name in enumerate(names):
            rows = found(records, [Condition("data", "eq", "hit", (name,))])
            assert [row["id"] for row in rows] == [str(place)], name
