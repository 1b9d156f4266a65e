"""The parts of the index: columns, BM25, vectors, passages, speakers, weights and the walk down the ranking."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memu.errors import ConfigError, VectorError
from memu.recall.columns import Column
from memu.recall.dense import DenseIndex, unit
from memu.recall.lexical import LexicalIndex, Terms
from memu.recall.passages import Passages, highest
from memu.recall.ranking import Evidence, Weights, alone, best_first, fuse
from memu.recall.speakers import Speakers
from memu.recall.text import analyzer


def alive(size: int, *dead: int) -> np.ndarray:
    mask = np.ones(size, np.bool_)
    mask[list(dead)] = False
    return mask


def renumbered(live: np.ndarray) -> np.ndarray:
    return np.where(live, np.cumsum(live) - 1, -1).astype(np.int32)


class TestColumn:
    def test_grows_and_keeps_old_views(self) -> None:
        column = Column(np.int32)
        column.append(7)
        view = column.values
        for number in range(100):
            column.append(number)
        assert view.tolist() == [7]
        assert column.values.tolist() == [7, *range(100)]
        assert len(column) == 101
        assert column.nbytes >= 404

    def test_extend_and_assign(self) -> None:
        column = Column(np.uint32)
        column.extend(np.arange(50))
        column.append(50)
        column[3] = 99
        assert column[3] == 99
        assert column.values.sum() == 50 * 51 // 2 - 3 + 99


class TestLexical:
    def index(self, *texts: str) -> LexicalIndex:
        index = LexicalIndex(k1=1.2, b=0.75)
        for text in texts:
            index.append(Terms(text.split()))
        return index

    def test_bm25_by_hand(self) -> None:
        index = self.index("a a b", "b c", "c")
        scores = scores_of(index, ["a", "b"], alive(3))
        idf_a, idf_b = math.log(1 + 2.5 / 1.5), math.log(1 + 1.5 / 2.5)
        by_hand = idf_a * 2 / (2 + 1.2 * (0.25 + 0.75 * 1.5)) + idf_b * 1 / (1 + 1.2 * (0.25 + 0.75 * 1.5))
        assert scores[0] == pytest.approx(by_hand / (idf_a + idf_b), rel=1e-5)
        assert scores[2] == 0

    def test_the_dead_count_nowhere(self) -> None:
        whole, rest = self.index("a b", "a c", "b b b"), self.index("a b", "b b b")
        scores = scores_of(whole, ["a", "b"], alive(3, 1))
        assert scores[[0, 2]] == pytest.approx(scores_of(rest, ["a", "b"], alive(2)))
        assert scores[1] == 0

    def test_repeating_a_query_word_changes_nothing(self) -> None:
        index = self.index("a b", "a")
        assert scores_of(index, ["a", "b", "a"], alive(2)).tolist() == scores_of(index, ["a", "b"], alive(2)).tolist()

    def test_a_word_that_nobody_has_lowers_all_scores(self) -> None:
        index = self.index("a b", "a")
        assert (scores_of(index, ["a", "unheard"], alive(2)) < scores_of(index, ["a"], alive(2))).all()

    def test_scores_stay_below_one(self) -> None:
        assert 0.99 < scores_of(self.index("a " * 10_000), ["a"], alive(1))[0] < 1

    def test_a_score_does_not_depend_on_how_good_the_others_are(self) -> None:
        poor, rich = self.index("a b c d", "a b"), self.index("a b c d", "a a")
        assert scores_of(poor, ["a"], alive(2))[0] == scores_of(rich, ["a"], alive(2))[0]

    def test_nothing_to_score(self) -> None:
        assert scores_of(self.index(), ["a"], alive(0)).shape == (0,)
        assert scores_of(self.index("a"), ["a"], alive(1, 0)).tolist() == [0]
        assert scores_of(self.index(""), ["a"], alive(1)).tolist() == [0]

    def test_compaction_keeps_scores_and_frees_terms(self) -> None:
        index = self.index("a b", "only", "a c", "b b")
        live = alive(4, 1)
        small = index.compacted(live, renumbered(live))
        for terms in (["a"], ["a", "b"], ["only"], ["c", "b"]):
            assert scores_of(small, terms, alive(3)).tolist() == scores_of(index, terms, live)[live].tolist()
        assert small.nbytes < index.nbytes
        small.append(Terms(["only"]))
        assert scores_of(small, ["only"], alive(4))[3] > 0

    def test_a_passage_has_the_best_of_its_texts_for_each_word(self) -> None:
        index = LexicalIndex(k1=1.2, b=0)
        for text, around in (("a x", ""), ("b b", "c x x"), ("c", ""), ("x", "")):
            index.append(Terms(text.split(), around.split()))
        passages = np.array([0, 0, 1, 2], np.int32)
        own, together = index.scores(["a", "b", "c"], alive(4), passages, 3)
        rare, common = math.log(1 + 4.5 / 1.5), math.log(1 + 3.5 / 2.5)
        parts = np.array([rare / 2.2, rare * 2 / 3.2, common / 2.2]) / (2 * rare + common)
        assert own == pytest.approx([*parts, 0], rel=1e-5)
        assert together == pytest.approx([parts.sum(), parts[2], 0], rel=1e-5)
        live = alive(4, 0)
        small = index.compacted(live, renumbered(live))
        for mine, theirs in ((index, live), (small, alive(3))):
            numbers = passages if mine is index else passages[1:]
            rare, common = math.log(1 + 3.5 / 1.5), math.log(1 + 2.5 / 2.5)
            parts = np.array([rare * 2 / 3.2, common / 2.2]) / (rare + common)
            scores = mine.scores(["b", "c"], theirs, numbers, 3)[1]
            assert scores == pytest.approx([parts.sum(), parts[1], 0], rel=1e-5)


def scores_of(index: LexicalIndex, terms: list[str], live: np.ndarray) -> np.ndarray:
    """The score of each slot; every one is a passage by itself, so it must score the same as that."""
    own, together = index.scores(terms, live, np.arange(len(live), dtype=np.int32), len(live))
    assert own.tolist() == together.tolist()
    return own


class TestDense:
    def test_exact_cosines_over_many_blocks(self) -> None:
        rows = np.random.default_rng(1).standard_normal((5000, 8)).astype(np.float32)
        index = DenseIndex()
        for slot, row in enumerate(rows):
            index.append(slot, unit(row))
        query = rows[17]
        expected = rows @ query / (np.linalg.norm(rows, axis=1) * np.linalg.norm(query))
        assert index.scores(unit(query), 5000) == pytest.approx(np.clip(expected, 0, 1), abs=1e-5)
        assert index.present(5000) is None
        assert index.nbytes < 2.1 * 5000 * (8 + 1) * 4

    def test_growing_leaves_little_room_unused(self) -> None:
        index = DenseIndex()
        for slot in range(40_000):
            index.append(slot, unit([1.0, 2.0]))
        assert index.nbytes < 40_000 * 8 + 4096 * 8 + 40_000 * 6

    def test_slots_without_a_vector_score_nothing(self) -> None:
        index = DenseIndex()
        for slot in (1, 4):
            index.append(slot, unit([1.0, 1.0]))
        assert index.scores(unit([2.0, 2.0]), 6) == pytest.approx([0, 1, 0, 0, 1, 0])
        present = index.present(6)
        assert present is not None
        assert present.tolist() == [False, True, False, False, True, False]

    def test_opposite_vectors_score_zero(self) -> None:
        index = DenseIndex()
        index.append(0, unit([1.0, 0.0]))
        assert index.scores(unit([-1.0, 0.0]), 1).tolist() == [0]

    def test_equal_rows_score_equal_wherever_they_stand(self) -> None:
        index, row = DenseIndex(), unit(np.random.default_rng(2).standard_normal(384))
        for slot in range(9000):
            index.append(slot, row)
        query = unit(np.random.default_rng(3).standard_normal(384) + row)
        assert len(set(index.scores(query, 9000).tolist())) == 1

    def test_compaction(self) -> None:
        index = DenseIndex()
        for slot in range(0, 40, 2):
            index.append(slot, unit([1.0, float(slot)]))
        live = alive(40, *range(0, 40, 4))
        small = index.compacted(live, renumbered(live))
        query = unit([1.0, 3.0])
        assert small.scores(query, 30).tolist() == index.scores(query, 40)[live].tolist()

    def test_counting_the_live(self) -> None:
        index = DenseIndex()
        index.append(0, unit([1.0]))
        index.append(3, unit([1.0]))
        for slot in (1, 2, 4):
            index.remove(slot)
        assert index.live == 2
        index.remove(3)
        assert index.live == 1

    def test_another_dimension_is_refused(self) -> None:
        index = DenseIndex()
        index.append(0, unit([1.0, 2.0]))
        with pytest.raises(VectorError, match="3 dimensions where the others have 2"):
            index.append(1, unit([1.0, 2.0, 3.0]))
        with pytest.raises(VectorError, match="1 dimensions where the others have 2"):
            index.scores(unit([1.0]), 1)
        assert len(index) == 1


class TestUnit:
    @pytest.mark.parametrize("vector", [[3.0, 4.0], [1e-30, 0.0], [1e30, -1e30], [1e-42, 1e-42], [3e38, 3e38, 3e38]])
    def test_length_one_at_any_scale(self, vector: list[float]) -> None:
        assert np.linalg.norm(unit(vector)) == pytest.approx(1, abs=1e-4)

    @pytest.mark.parametrize(
        ("vector", "fault"),
        [
            ([], "shape"),
            ([[1.0]], "shape"),
            (1.0, "shape"),
            ([0.0, -0.0], "all zeros"),
            ([1.0, math.nan], "NaN"),
            ([math.inf, 1.0], "NaN or infinity"),
            ([1e300, 1.0], "NaN or infinity"),
            (["one"], "not a number"),
            ([[1.0], [1.0, 2.0]], "not a number"),
            (None, "shape|NaN"),
        ],
    )
    def test_what_has_no_direction_is_refused(self, vector: object, fault: str) -> None:
        with pytest.raises(VectorError, match=fault):
            unit(vector)  # type: ignore[arg-type]

    @given(st.lists(st.floats(width=32), min_size=1, max_size=8))
    def test_always_a_unit_vector_or_an_error(self, vector: list[float]) -> None:
        if all(map(math.isfinite, vector)) and any(vector):
            assert np.linalg.norm(unit(vector)) == pytest.approx(1, abs=1e-4)
        else:
            with pytest.raises(VectorError):
                unit(vector)


Place = tuple[str | None, str | None, int]
places = st.lists(
    st.tuples(st.sampled_from(["g", "h", None]), st.sampled_from([None, "1", "2", "3"]), st.integers(0, 5)), max_size=25
)


class TestPassages:
    @given(places, st.data())
    def test_passages_stand_in_the_order_of_their_first_entries(self, places: list[Place], data: st.DataObject) -> None:
        passages, present = Passages(), {}
        for slot, place in enumerate(places):
            passages.append(entry_id(slot), *place)
            present[slot] = place
        for slot in data.draw(st.lists(st.sampled_from(range(len(places))), unique=True)) if places else ():
            passages.remove(slot)
            del present[slot]
        ids = {slot: entry_id(slot) for slot in present}
        self.check(passages, present, ids)
        live = np.array([slot in present for slot in range(len(places))], np.bool_)
        new_slots = renumbered(live)
        small = passages.compacted(live, new_slots)
        self.check(passages, present, ids)
        present = {int(new_slots[slot]): place for slot, place in present.items()}
        ids = {int(new_slots[slot]): name for slot, name in ids.items()}
        self.check(small, present, ids)
        assert len(small.before) == len(set(small.of_slot.tolist()))
        for passage in ("1", "new", None):
            slot = len(small.of_slot)
            ids[slot], present[slot] = f"id-{passage}", ("g", passage, 3)
            small.append(ids[slot], *present[slot])
        self.check(small, present, ids)

    def check(self, passages: Passages, present: dict[int, Place], ids: dict[int, str]) -> None:
        groups: dict[str | None, dict[object, list[int]]] = {}
        for slot in sorted(present, key=lambda slot: (present[slot][2], ids[slot])):
            group, name, _ = present[slot]
            alone = group is None or name is None
            groups.setdefault(group, {}).setdefault(slot if alone else name, []).append(slot)
        rows = {group: [number(passages, slots) for slots in found.values()] for group, found in groups.items()}
        numbers = [one for row in rows.values() for one in row]
        assert len(set(numbers)) == len(numbers)
        for group, row in rows.items():
            before, after = passages.before[row].tolist(), passages.after[row].tolist()
            assert before == ([-1] * len(row) if group is None else [-1, *row[:-1]])
            assert after == ([-1] * len(row) if group is None else [*row[1:], -1])

    def test_the_highest_of_each_passage(self) -> None:
        values = np.array([0.2, 0.9, 0.4], np.float32)
        assert highest(values, np.array([2, 0, 2], np.int32), 4) == pytest.approx([0.9, 0, 0.4, 0])


def number(passages: Passages, slots: list[int]) -> int:
    """The one number that all slots of a passage have."""
    (found,) = set(passages.of_slot[slots].tolist())
    return int(found)


def entry_id(slot: int) -> str:
    """Ids whose order is not that of their slots."""
    return f"id-{-slot % 7}-{slot}"


class TestSpeakers:
    def test_any_word_of_the_name_names_them(self) -> None:
        speakers = Speakers()
        for name in ("Anna Berg", None, "Bob", "Anna Lund", "Anna Berg"):
            speakers.append(name, analyzer())
        terms = analyzer().terms
        for query, expected in (
            ("What did Anna say?", [True, False, False, True, True]),
            ("BERG?", [True, False, False, False, True]),
            ("Bob and Lund", [False, False, True, True, False]),
        ):
            named = speakers.named(terms(query))
            assert named is not None
            assert named.tolist() == expected
        assert speakers.named(terms("Who is that?")) is None
        named = speakers.compacted(alive(5, 0, 2)).named(terms("Anna Berg"))
        assert named is not None
        assert named.tolist() == [False, True, True]


class TestWeights:
    @pytest.mark.parametrize(
        ("name", "value"), [("context", 1.5), ("lexical", -1), ("decay", -0.1), ("speaker", 2), ("b", 1.1)]
    )
    def test_what_would_leave_the_scale_is_refused(self, name: str, value: float) -> None:
        with pytest.raises(ConfigError, match=f"weight {name} is {value}"):
            Weights(**{name: value})

    def test_something_must_count(self) -> None:
        with pytest.raises(ConfigError, match="both 0"):
            Weights(lexical=0, dense=0)


unit_floats = st.floats(0, 1, width=32)


@given(st.data(), st.integers(1, 8))
def test_scores_stay_in_range_and_parts_sum_up(data: st.DataObject, size: int) -> None:
    def column() -> np.ndarray:
        return np.array(data.draw(st.lists(unit_floats, min_size=size, max_size=size)), np.float32)

    lexical, dense = column(), column()
    links = st.lists(st.integers(-1, size - 1), min_size=size, max_size=size)
    numbers = st.lists(st.integers(0, size - 1), min_size=size, max_size=size)
    present = data.draw(st.none() | st.lists(st.booleans(), min_size=size, max_size=size).map(np.array))
    evidence = Evidence(
        lexical=lexical,
        dense=dense if present is None else dense * present,
        present=present,
        named=np.ones(size, np.bool_),
        passages=np.array(data.draw(numbers), np.int32),
        together=column(),
        before=np.array(data.draw(links), np.int32),
        after=np.array(data.draw(links), np.int32),
    )
    for rank in (fuse, alone):
        ranking = rank(evidence, Weights(context=1, decay=1, reach=3, speaker=1))
        assert ((ranking.scores >= 0) & (ranking.scores <= 1)).all()
        for slot in range(size):
            parts = ranking.parts(slot)
            assert sum(parts.values()) == pytest.approx(float(ranking.scores[slot]), abs=1e-5)
            assert list(parts) == ["lexical", "dense", "context", "speaker"]
            assert min(parts.values()) >= -1e-5


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), max_size=60), st.integers(1, 9))
def test_the_walk_is_best_first_then_by_id(values: list[float], first: int) -> None:
    ids = [f"id-{slot * 7919 % 61:02d}" for slot in range(len(values))]
    expected = sorted((s for s in range(len(values)) if values[s] > 0), key=lambda s: (-values[s], ids[s]))
    assert list(best_first(np.array(values, np.float32), ids, first)) == expected
