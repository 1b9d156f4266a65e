"""Random changes and searches: the index always answers what looking at every entry would answer."""

from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from recall_model import Model, check

from memu.recall import table
from memu.recall.base import Delta, Entry, Query
from memu.recall.index import ScopeIndex
from memu.recall.ranking import Weights

WORDS = ["cat", "cats", "dog", "Berlin", "the", "running", "ran", "café", "猫", "東京都", "3.5", "Anna", "Bob"]
ids = st.sampled_from([f"id-{number:02d}" for number in range(14)])
texts = st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join)
vectors = st.none() | st.lists(st.integers(-3, 3), min_size=3, max_size=3).filter(any).map(
    lambda numbers: np.array(numbers, np.float32)
)
entries = st.builds(
    Entry,
    id=ids,
    text=texts,
    vector=vectors,
    group=st.sampled_from([None, "g", "h"]),
    passage=st.sampled_from([None, "1", "2", "3"]),
    around=st.just("") | texts,
    position=st.integers(0, 6),
    speaker=st.sampled_from([None, "Anna", "Bob", "Anna Berlin"]),
    fields=st.fixed_dictionaries({"kind": st.sampled_from(["a", "b"]), "number": st.integers(0, 3)}),
)
filters = st.sampled_from(
    [None, lambda fields: fields["kind"] == "a", lambda fields: fields["number"] > 2, lambda fields: False]
)
queries = st.builds(
    Query,
    text=texts,
    vector=vectors,
    keep=filters,
    top_k=st.integers(1, 20),
    min_score=st.none() | st.floats(0, 1),
    context=st.sampled_from([True, True, False]),
)
weights = st.builds(
    Weights,
    lexical=st.sampled_from([0.7, 1.0]),
    dense=st.sampled_from([0.0, 0.3, 2.0]),
    context=st.sampled_from([0.0, 0.5, 1.0]),
    reach=st.integers(0, 4),
    speaker=st.sampled_from([0.0, 0.1]),
    b=st.sampled_from([0.0, 0.3, 1.0]),
)


class IndexMachine(RuleBasedStateMachine):
    @initialize(weights=weights)
    def begin(self, weights: Weights) -> None:
        self.index, self.model = ScopeIndex(weights=weights), Model(weights)
        self.seq, self.epoch = 0, "first"

    def apply(self, **changes: Any) -> None:
        self.seq += 1
        delta = Delta(**({"entries": [], "removed": []} | changes), seq=self.seq, epoch=self.epoch)
        self.index.apply(delta)
        self.model.apply(delta)

    @rule(batch=st.lists(entries, min_size=1, max_size=6))
    def put(self, batch: list[Entry]) -> None:
        self.apply(entries=batch)

    @rule(gone=st.lists(ids, min_size=1, max_size=4))
    def remove(self, gone: list[str]) -> None:
        self.apply(removed=gone)

    @rule(batch=st.lists(entries, max_size=3), gone=st.lists(ids, max_size=3))
    def both(self, batch: list[Entry], gone: list[str]) -> None:
        self.apply(entries=batch, removed=gone)

    @rule(batch=st.lists(entries, max_size=12), forgotten=st.booleans())
    def begin_anew(self, batch: list[Entry], forgotten: bool) -> None:
        if forgotten:
            self.epoch = f"after {self.seq}"
        self.apply(entries=batch, complete=True)

    @rule(query=queries)
    def search(self, query: Query) -> None:
        check(self.index.search(query), query, self.model)

    @invariant()
    def same_entries(self) -> None:
        assert len(self.index) == len(self.model.entries)
        assert all(entry_id in self.index for entry_id in self.model.entries)
        assert self.index.seq == self.seq


@pytest.fixture(autouse=True)
def _swept_up_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "FEWEST_DEAD", 3)


IndexMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestIndex = pytest.mark.usefixtures("_swept_up_early")(IndexMachine.TestCase)
