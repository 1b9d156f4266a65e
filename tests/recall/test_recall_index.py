"""What users see of a scope's index: hits, filters, signals, changes, errors."""

import gc
import random
import threading
import tracemalloc
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from recall_model import Model, check

from memu.errors import ConfigError, InputError, VectorError
from memu.recall.base import Delta, Entry, Hits, Query
from memu.recall.index import ScopeIndex
from memu.recall.ranking import Weights

VECTOR = np.array([1.0, 0.0], np.float32)


def index_of(*entries: Entry, **options: Any) -> ScopeIndex:
    index = ScopeIndex(**options)
    index.apply(Delta(entries, (), seq=1, epoch="e", complete=True))
    return index


def change(index: ScopeIndex, entries: Sequence[Entry] = (), removed: Sequence[str] = ()) -> None:
    index.apply(Delta(entries, removed, seq=index.seq + 1, epoch="e"))


def found(hits: Hits) -> list[str]:
    return [hit.id for hit in hits]


def numbered(size: int, text: str = "word", **values: Any) -> list[Entry]:
    return [Entry(f"id-{number:05d}", text, fields={"number": number}, **values) for number in range(size)]


class TestSearch:
    def test_words_and_vectors_both_find(self) -> None:
        index = index_of(
            Entry("words", "the cat sleeps", np.array([0.0, 1.0])),
            Entry("vector", "a feline rests", np.array([1.0, 0.1])),
            Entry("neither", "stock markets", np.array([-1.0, 0.0])),
        )
        hits = index.search(Query("cat", VECTOR))
        assert found(hits) == ["words", "vector", "neither"]
        assert [{name for name, part in hit.parts.items() if part} for hit in hits] == [{"lexical"}, {"dense"}, set()]
        assert hits.signals == {"lexical": True, "dense": True, "reason": None}

    def test_an_empty_index_answers_with_nothing_and_says_why(self) -> None:
        hits = ScopeIndex().search(Query("cat", VECTOR))
        assert hits == []
        assert hits.signals == {"lexical": False, "dense": False, "reason": "nothing is indexed"}

    @pytest.mark.parametrize(
        ("query", "lexical", "dense", "reason"),
        [
            (Query("cat"), True, False, "the query has no vector"),
            (Query("", VECTOR), False, True, "the query has no text"),
            (Query("what is the", VECTOR), False, True, "the query holds no word to search for"),
            (Query(" "), False, False, "the query has no text; the query has no vector"),
        ],
    )
    def test_signals_say_what_ran(self, query: Query, lexical: bool, dense: bool, reason: str) -> None:
        signals = index_of(Entry("a", "cat", VECTOR)).search(query).signals
        assert signals == {"lexical": lexical, "dense": dense, "reason": reason}

    def test_without_any_vectors_the_words_alone_decide(self) -> None:
        hits = index_of(Entry("a", "cat"), Entry("b", "dog")).search(Query("dog", VECTOR))
        assert found(hits) == ["b", "a"]
        assert hits.signals == {"lexical": True, "dense": False, "reason": "no entry has a vector"}
        assert hits[0].parts["lexical"] == hits[0].score

    def test_an_entry_without_a_vector_is_judged_by_its_words(self) -> None:
        index = index_of(Entry("with", "cat", np.array([0.0, 1.0])), Entry("without", "cat"))
        assert found(index.search(Query("cat", VECTOR))) == ["without", "with"]

    def test_stop_words_alone_find_nothing_by_words(self) -> None:
        index = index_of(Entry("b", "what is the"), Entry("a", "cat"))
        hits = index.search(Query("what is the"))
        assert [(hit.id, hit.score) for hit in hits] == [("a", 0), ("b", 0)]
        assert index.search(Query("what is the", min_score=0)) == []

    @pytest.mark.parametrize(
        ("text", "query"),
        [
            ("We met at the Café Zoë", "cafe zoe"),
            ("wir trafen uns in Łódź", "LODZ"),
            ("東京都に住んでいます", "東京"),
            ("한국어를 배워요", "한국어"),
            ("ฉันชอบแมว", "แมว"),
            ("running with dogs", "dog runs"),
            ("party 🎉", "🎉"),
            ("it cost 1,250 dollars", "1250"),
        ],
    )
    def test_scripts_accents_and_stems_meet(self, text: str, query: str) -> None:
        index = index_of(Entry("other", "nothing of that kind"), Entry("this", text))
        hits = index.search(Query(query, min_score=0.05))
        assert found(hits) == ["this"]

    def test_the_language_chooses_the_stemmer(self) -> None:
        entry = Entry("a", "die alten Häuser")
        assert index_of(entry, language="german").search(Query("Haus", min_score=0.1))
        assert not index_of(entry, language="none").search(Query("Haus", min_score=0.1))
        with pytest.raises(ConfigError, match="latin"):
            ScopeIndex(language="latin")

    def test_top_k_must_be_positive(self) -> None:
        with pytest.raises(InputError, match="top_k is 0"):
            ScopeIndex().search(Query("cat", top_k=0))

    def test_equal_scores_go_by_id_whatever_came_first(self) -> None:
        entries = numbered(300, "the same words", vector=VECTOR)
        random.Random(5).shuffle(entries)
        hits = index_of(*entries).search(Query("same", VECTOR, top_k=120))
        assert found(hits) == [f"id-{number:05d}" for number in range(120)]
        assert len({hit.score for hit in hits}) == 1

    def test_the_order_of_arrival_changes_nothing(self) -> None:
        generator = random.Random(6)
        entries = [
            Entry(
                f"id-{number}",
                " ".join(generator.choices(["cat", "dog", "bird", "fish", "cow"], k=generator.randint(1, 6))),
                np.array([generator.gauss(0, 1) for _ in range(16)], np.float32),
                group=generator.choice(["g", "h"]),
                position=generator.randint(0, 5),
            )
            for number in range(200)
        ]
        query = Query("cat bird", np.ones(16, np.float32), top_k=200)
        expected = index_of(*entries).search(query)
        backwards = ScopeIndex()
        for entry in reversed(entries):
            change(backwards, [entry])
        assert backwards.search(query) == expected


class TestContext:
    def conversation(self, **changes: Any) -> ScopeIndex:
        texts = ["Anna: hello", "Bob: which instrument do you play?", "Anna: the cello", "Bob: nice", "Anna: bye"]
        entries = [
            Entry(f"turn-{4 - at}", text, group="talk", position=at * 10, speaker=text.split(":")[0])
            for at, text in enumerate(texts)
        ]
        return index_of(Entry("alone", "a note of its own"), *entries, **changes)

    def test_the_answer_is_found_beside_the_question(self) -> None:
        hits = self.conversation().search(Query("instrument", top_k=3, min_score=0.01))
        assert found(hits) == ["turn-3", "turn-2", "turn-4"]
        assert hits[1].parts["context"] == hits[1].score

    @pytest.mark.parametrize(("named", "first"), [("Anna", ["1", "2"]), ("Bob Berg", ["2", "1"]), ("Carl", ["1", "2"])])
    def test_the_named_speaker_comes_first(self, named: str, first: list[str]) -> None:
        index = index_of(Entry("1", "cake is good", speaker="Anna"), Entry("2", "cake is good", speaker="Bob Berg"))
        hits = index.search(Query(f"Does {named} like cake?"))
        assert found(hits) == first
        assert (hits[0].parts["speaker"] > 0) == (named != "Carl")
        assert hits[1].parts["speaker"] == 0

    def test_without_context_each_stands_for_itself(self) -> None:
        hits = self.conversation(weights=Weights(context=0)).search(Query("instrument", min_score=0.01))
        assert found(hits) == ["turn-3"]

    def test_those_beside_a_removed_entry_become_neighbours(self) -> None:
        index = self.conversation()
        change(index, removed=["turn-2"])
        assert found(index.search(Query("instrument", min_score=0.01))) == ["turn-3", "turn-1", "turn-4", "turn-0"]


class TestFilters:
    def test_if_k_entries_pass_k_come_back(self) -> None:
        entries = numbered(2000, "word")
        index = index_of(*entries, Entry("best", "word word", fields={"number": -1}))
        for query in (Query("word", keep=rare, top_k=15), Query("nothing", keep=rare, top_k=15)):
            assert found(index.search(query)) == [f"id-{number:05d}" for number in range(0, 1500, 100)]
        assert len(index.search(Query("word", keep=rare, top_k=100))) == 20

    def test_the_filter_is_not_asked_about_everyone(self) -> None:
        asked: list[Any] = []

        def keep(fields: Mapping[str, Any]) -> bool:
            asked.append(fields["number"])
            return True

        index_of(*numbered(2000)).search(Query("word", keep=keep, top_k=3))
        assert len(asked) == 3

    def test_the_filter_sees_what_replaced_the_entry(self) -> None:
        index = index_of(*numbered(3))
        change(index, [Entry("id-00001", "word", fields={"number": 100})])
        assert found(index.search(Query("word", keep=rare))) == ["id-00000", "id-00001"]

    def test_an_error_of_the_filter_is_the_callers_and_harms_nothing(self) -> None:
        index = index_of(*numbered(3))
        with pytest.raises(KeyError, match="absent"):
            index.search(Query("word", keep=lambda fields: fields["absent"]))
        change(index, numbered(40))
        assert len(index.search(Query("word", top_k=50))) == 40


def rare(fields: Mapping[str, Any]) -> bool:
    return bool(fields["number"] % 100 == 0)


class TestMinScore:
    def test_it_cuts_at_the_score_that_was_shown(self) -> None:
        index = index_of(Entry("a", "cat dog"), Entry("b", "cat"), Entry("c", "bird"))
        hits = index.search(Query("cat dog"))
        assert found(hits) == ["a", "b", "c"]
        for number, hit in enumerate(hits[:2], start=1):
            assert found(index.search(Query("cat dog", min_score=hit.score))) == found(hits)[:number]
            assert len(index.search(Query("cat dog", min_score=hit.score + 2e-6))) == number - 1

    def test_the_best_possible_scores_are_one(self) -> None:
        index = index_of(Entry("a", "cat " * 5000, VECTOR), Entry("b", "dog", VECTOR))
        assert index.search(Query("cat", VECTOR))[0].score == pytest.approx(1, abs=0.01)


class TestChanges:
    def test_an_entry_of_the_same_id_replaces_the_old(self) -> None:
        index = index_of(Entry("a", "cat", VECTOR, group="g"), Entry("b", "bird", VECTOR, group="g", position=1))
        change(index, [Entry("a", "dog", np.array([0.0, 1.0]), group="h")])
        assert len(index) == 2
        assert not index.search(Query("cat", min_score=0.01))
        assert found(index.search(Query("dog", min_score=0.01))) == ["a"]
        assert found(index.search(Query("", VECTOR, min_score=0.01))) == ["b"]

    def test_removal_comes_before_addition_in_one_change(self) -> None:
        index = index_of(Entry("a", "cat"))
        change(index, [Entry("a", "dog")], removed=["a", "unknown"])
        assert "a" in index
        assert found(index.search(Query("dog", min_score=0.1))) == ["a"]

    def test_a_complete_delta_begins_anew(self) -> None:
        index = index_of(Entry("a", "cat"))
        index.apply(Delta([Entry("b", "cat")], (), seq=1, epoch="new", complete=True))
        assert (found(index.search(Query("cat"))), index.seq, index.epoch) == (["b"], 1, "new")

    def test_an_older_delta_is_known_already(self) -> None:
        index = index_of(Entry("a", "cat"))
        change(index, removed=["a"])
        index.apply(Delta([Entry("a", "cat")], (), seq=1, epoch="e"))
        assert len(index) == 0
        assert index.seq == 2

    def test_a_change_of_another_epoch_is_refused(self) -> None:
        index = index_of(Entry("a", "cat"))
        with pytest.raises(InputError, match=r"epoch 'f' .* epoch 'e'.*complete"):
            index.apply(Delta([], ["a"], seq=9, epoch="f"))
        assert "a" in index

    def test_churn_is_swept_up(self) -> None:
        index, model = index_of(*numbered(50, "cat", vector=VECTOR, group="g")), Model()
        model.apply(Delta(numbered(50, "cat", vector=VECTOR, group="g"), (), 1, "e"))
        most = index.nbytes * 5
        for turn in range(60):
            entries = numbered(50, f"dog number{turn}", vector=VECTOR, group="g", speaker="Anna")
            change(index, entries)
            model.apply(Delta(entries, (), turn, "e"))
            assert index.nbytes < most
        query = Query("dog number59 Anna", VECTOR, top_k=50)
        check(index.search(query), query, model)

    def test_memory_is_reported_about_right(self) -> None:
        generator, numbers = random.Random(8), np.random.default_rng(8)
        words = [f"word{number}" for number in range(1000)]
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        index = ScopeIndex(language="none")
        index.apply(
            Delta(
                (
                    Entry(
                        f"entry-{number:08d}",
                        " ".join(generator.choices(words, k=15)),
                        numbers.standard_normal(64, np.float32),
                        group="g",
                        position=number,
                        speaker="Anna",
                        fields={"memory_type": "event", "number": number},
                    )
                    for number in range(1500)
                ),
                (),
                1,
                "e",
                complete=True,
            )
        )
        gc.collect()
        held = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        assert 0.8 * held < index.nbytes < 1.6 * held


class TestBadVectors:
    def test_a_bad_vector_changes_nothing(self) -> None:
        index = index_of(Entry("a", "cat", VECTOR))
        for bad in ([1.0, 2.0, 3.0], [0.0, 0.0], [np.nan, 1.0]):
            with pytest.raises(VectorError):
                change(index, [Entry("new", "cat", VECTOR), Entry("a", "dog", np.array(bad))], removed=["a"])
            with pytest.raises(VectorError):
                index.apply(
                    Delta([Entry("x", "cat", VECTOR), Entry("y", "", np.array(bad))], (), 5, "f", complete=True)
                )
            assert (found(index.search(Query("cat", VECTOR))), index.seq, index.epoch) == (["a"], 1, "e")

    def test_vectors_of_one_change_must_agree(self) -> None:
        index = ScopeIndex()
        with pytest.raises(VectorError, match="3 dimensions where the others have 2"):
            change(index, [Entry("a", "", VECTOR), Entry("b", "", np.ones(3, np.float32))])
        assert len(index) == 0

    @pytest.mark.parametrize("vector", [[1.0], [0.0, 0.0], [np.inf, 1.0]])
    def test_a_bad_query_vector_is_refused(self, vector: list[float]) -> None:
        with pytest.raises(VectorError):
            index_of(Entry("a", "cat", VECTOR)).search(Query("cat", np.array(vector)))

    def test_once_no_vector_is_left_another_dimension_may_come(self) -> None:
        index = index_of(Entry("a", "cat", VECTOR), Entry("b", "dog"))
        change(index, [Entry("a", "cat")])
        assert not index.search(Query("cat", np.ones(3, np.float32))).signals["dense"]
        change(index, [Entry("c", "cow", np.ones(3, np.float32))])
        assert index.search(Query("", np.ones(3, np.float32)))[0].id == "c"


class TestThreads:
    def test_searches_beside_changes_see_whole_changes_only(self) -> None:
        """A writer keeps a window of pairs; readers must see both halves of a pair, none gone, none yet to come."""
        index, window = ScopeIndex(), 40
        begun = finished = gone = -1
        faults: list[str] = []
        stop = threading.Event()

        def pair(number: int) -> list[Entry]:
            vector = np.array([1.0, number % 7], np.float32)
            return [Entry(f"{number}-{half}", "word", vector, "g", number, fields={"number": number}) for half in "ab"]

        def write() -> None:
            nonlocal begun, finished, gone
            try:
                for number in range(1500):
                    begun = number
                    old = [f"{number - window}-{half}" for half in "ab"]
                    if number % 500 == 499:
                        entries = [entry for kept in range(number - window + 1, number + 1) for entry in pair(kept)]
                        index.apply(Delta(entries, (), seq=number, epoch="e", complete=True))
                    else:
                        index.apply(Delta(pair(number), old, seq=number, epoch="e"))
                    finished, gone = number, number - window
            except Exception as error:
                faults.append(f"writer: {error!r}")
            finally:
                stop.set()

        def read() -> None:
            try:
                while not stop.is_set():
                    gone_before, finished_before = gone, finished
                    hits = index.search(Query("word", VECTOR, keep=lambda fields: True, top_k=500))
                    numbers = sorted(int(hit.id.split("-")[0]) for hit in hits)
                    if numbers[::2] != numbers[1::2]:
                        faults.append(f"half a pair: {numbers}")
                    if numbers and not gone_before < numbers[0] <= numbers[-1] <= begun:
                        faults.append(f"ghosts: {gone_before} {numbers} {begun}")
                    if finished_before >= 0 and (not numbers or numbers[-1] < finished_before):
                        faults.append(f"lost: {finished_before} {numbers}")
            except Exception as error:
                faults.append(f"reader: {error!r}")

        threads = [threading.Thread(target=work) for work in (write, read, read, read)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert faults[:3] == []
        assert len(index) == 2 * window

    def test_a_complete_load_does_not_hold_up_searches(self) -> None:
        index = index_of(Entry("old", "cat"))
        seen: list[list[str]] = []

        def slowly() -> Any:
            yield Entry("new", "cat")
            seen.append(found(index.search(Query("cat"))))

        index.apply(Delta(slowly(), (), seq=2, epoch="e", complete=True))
        assert seen == [["old"]]
        assert found(index.search(Query("cat"))) == ["new"]
