"""What users see of passages: messages of several sentences, each an entry."""

from dataclasses import replace
from typing import Any

import pytest
from test_recall_index import change, found, index_of

from memu.recall.base import Entry, Query
from memu.recall.index import ScopeIndex
from memu.recall.ranking import Weights


class TestPassages:
    def conversation(self, **changes: Any) -> ScopeIndex:
        sentences = [
            ("1", "Bob: the weather in Lisbon was mild"),
            ("2", "Anna: my sister lives in Lisbon"),
            ("2", "Anna: she paints boats for a living"),
            ("2", "Anna: lovely place"),
            ("3", "Bob: my sister is a nurse"),
        ]
        entries = [
            Entry(f"{name}-{at}", text, group="talk", passage=name, position=at)
            for at, (name, text) in enumerate(sentences)
        ]
        return index_of(*entries, **changes)

    def test_a_message_is_judged_by_all_its_sentences(self) -> None:
        query = Query("sister paints Lisbon", top_k=5)
        index = self.conversation(weights=Weights(context=0))
        alone = {hit.id: hit.score for hit in index.search(replace(query, context=False))}
        best, *others = index.search(query)
        assert best.id == "2-1"
        assert best.score == pytest.approx(alone["2-1"] + alone["2-2"], abs=0.01)
        assert {hit.id: hit.score for hit in others} == {i: score for i, score in alone.items() if i != "2-1"}

    def test_neighbours_are_messages_and_heard_by_the_best_sentence(self) -> None:
        index = self.conversation(weights=Weights(reach=1))
        hits = index.search(Query("nurse place", top_k=5, min_score=0.01))
        assert found(hits) == ["2-3", "3-4", "1-0"]
        change(index, removed=["2-1", "2-2", "2-3"])
        assert found(index.search(Query("nurse", min_score=0.01))) == ["3-4", "1-0"]

    def test_words_around_an_entry_speak_for_its_passage_only(self) -> None:
        index = index_of(Entry("a", "the blue one", around="Which bicycle did you buy?"), Entry("b", "a red car"))
        assert found(index.search(Query("bicycle", min_score=0.01))) == ["a"]
        assert found(index.search(Query("bicycle", min_score=0.01, context=False))) == []
        change(index, [Entry("a", "the blue one")])
        assert found(index.search(Query("bicycle", min_score=0.01))) == []
