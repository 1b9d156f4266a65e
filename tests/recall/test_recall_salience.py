"""Salience: the formula, what it makes of odd data, and that only the order of the most relevant changes."""

from datetime import UTC, datetime, timedelta
from math import log
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memu.backends.base import Row
from memu.recall import salience as module
from memu.recall.base import Delta, Entry, Query
from memu.recall.index import ScopeIndex
from memu.recall.salience import reinforcement, salience

NOW = datetime(2024, 6, 1, tzinfo=UTC)


def weight(days: float = 0, **extra: Any) -> float:
    return salience({"created_at": NOW - timedelta(days=days), **reinforcement(extra)}, NOW, 30.0)


def test_the_formula() -> None:
    assert weight() == pytest.approx(log(2))
    assert weight(30) == pytest.approx(log(2) / 2)
    assert weight(reinforcement_count=3) == pytest.approx(log(5))
    assert weight(90, reinforcement_count=1, last_reinforced_at="2024-05-02T00:00:00+00:00") == pytest.approx(
        log(3) / 2
    )
    assert weight(90, last_reinforced_at="2024-06-01T02:00:00+02:00") == pytest.approx(log(2))
    assert weight(90, last_reinforced_at="2024-06-01") == pytest.approx(log(2)), "without a zone it is UTC"


def test_what_comes_from_the_future_is_new() -> None:
    assert weight(-5) == weight(0)


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()))
def test_odd_data_counts_for_nothing_and_breaks_nothing(value: Any) -> None:
    told = reinforcement({"reinforcement_count": value, "last_reinforced_at": value})
    found = salience({"created_at": NOW, **told}, NOW, 30.0)
    assert 0 <= found < 25
    if not isinstance(value, int) or value <= 0 or value is True:
        assert "repeated" not in told


def index(rows: list[Row]) -> ScopeIndex:
    made = ScopeIndex()
    entries = [Entry(row["id"], row["text"], fields={"created_at": NOW, "weight": row["weight"]}) for row in rows]
    made.apply(Delta(entries, (), 1, "e", complete=True))
    return made


def ask(made: ScopeIndex, **options: Any) -> list[tuple[str, float, float | None]]:
    query = Query("tea", weigh=lambda fields: float(fields["weight"]), **options)
    return [(hit.id, hit.score, hit.relevance) for hit in made.search(query)]


def test_weights_change_the_order_and_keep_what_was_weighed(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"id": f"{at}", "text": "tea " * (at == 2) + "tea and words", "weight": 1 + (at == 5)} for at in range(6)]
    rows.append({"id": "none", "text": "coffee", "weight": 1000})
    made = index(rows)
    plain = {hit.id: hit.score for hit in made.search(Query("tea", top_k=9))}
    found = ask(made, top_k=3)
    assert [one for one, _, _ in found] == ["5", "2", "0"]
    assert all(score == pytest.approx(plain[one] * (1 + (one == "5")), abs=1e-5) for one, score, _ in found)
    assert all(relevance == plain[one] for one, _, relevance in found)
    assert ask(made, top_k=9)[-1] == ("none", 0.0, 0.0)
    floor = (plain["2"] + plain["5"]) / 2
    assert [one for one, _, _ in ask(made, min_score=floor)] == ["2"], "the least score is about relevance"
    assert [one for one, _, _ in ask(made, keep=lambda fields: fields["weight"] > 1, top_k=1)] == ["5"]
    monkeypatch.setattr("memu.recall.index.WEIGHED", 1)
    assert [one for one, _, _ in ask(made, top_k=1)] == ["2"], "only the most relevant are weighed"
    assert module.WEIGHED == 1000


def test_parts_still_sum_up_to_the_score() -> None:
    made = index([{"id": "a", "text": "tea", "weight": 3.5}])
    (hit,) = made.search(Query("tea", weigh=lambda fields: 3.5))
    assert sum(hit.parts.values()) == pytest.approx(hit.score, abs=1e-5)
