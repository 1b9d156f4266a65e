"""`retrieve` on a backend: signals, filters before the cut, and nothing of anybody else."""

from datetime import UTC, datetime, timedelta
from math import log
from typing import Any

import pytest

from memu.app.sync import SyncService
from memu.database.core import Database
from memu.errors import InputError, ScopeError
from memu.scope import Scope
from memu.testing.backend import ALICE, BOB, Backend, Suite, ids
from memu.testing.speech import FACTS, said, talk

ANSWER = {
    "needs_retrieval",
    "original_query",
    "rewritten_query",
    "next_step_query",
    "categories",
    "items",
    "resources",
    "signals",
}


class RetrieveTests(Suite):
    """Searching."""

    @pytest.fixture
    def told(self, memory: SyncService) -> SyncService:
        """Two users who told different things."""
        memory.memorize(talk(FACTS[:6]), user=ALICE, metadata={"part": 1})
        memory.memorize(talk(FACTS[6:]), user=ALICE, metadata={"part": 2})
        memory.memorize(talk(["Clara is my boss at the bank in Porto."]), user=BOB)
        return memory

    def test_the_answer_says_what_ran(self, told: SyncService) -> None:
        answer = told.retrieve("Where does Clara work?", ALICE)
        assert set(answer) == ANSWER
        assert answer["original_query"] == "Where does Clara work?"
        assert (answer["signals"]["lexical"], answer["signals"]["dense"]) == (True, False)
        assert "embedder" in answer["signals"]["dense_off"]

    def test_the_best_comes_first_with_its_words(self, told: SyncService) -> None:
        answer = told.retrieve("Where does my sister Clara work?", ALICE)
        assert answer["items"][0]["summary"] == FACTS[1]
        scores = [item["score"] for item in answer["items"]]
        assert scores == sorted(scores, reverse=True)
        source = answer["items"][0]["source"]
        text = told.get_resource_text(source["resource_id"], user=ALICE)
        assert text[source["start"] : source["end"]] == FACTS[1]

    def test_filters_apply_before_the_cut(self, told: SyncService) -> None:
        found = told.retrieve("peanuts allergic Lisbon Clara", {**ALICE, "metadata.part": 2}, top_k=6)["items"]
        assert sorted(said(found)) == sorted(FACTS[6:])

    @pytest.mark.parametrize("top_k", [1, 3, 50])
    def test_top_k_limits_every_tier(self, told: SyncService, top_k: int) -> None:
        answer = told.retrieve("Where does Clara work?", ALICE, top_k=top_k)
        assert len(answer["items"]) == min(top_k, 12)
        assert all(len(answer[tier]) <= top_k for tier in ("categories", "resources"))

    def test_min_score_leaves_out_the_weak(self, told: SyncService) -> None:
        answer = told.retrieve("octopuses", ALICE, min_score=0.05, top_k=50)
        assert said(answer["items"])[0] == FACTS[9]
        assert len(answer["items"]) < 12
        assert all(item["score"] >= 0.05 for item in answer["items"])
        assert told.retrieve("zeppelin", ALICE, min_score=0.05)["items"] == []

    @pytest.mark.parametrize(
        "queries",
        [
            "Where does Clara work?",
            ["Hello", "Where does Clara work?"],
            [{"role": "user", "content": "Where does Clara work?"}],
            [{"role": "user", "content": {"text": "Where does Clara work?"}}],
            {"role": "user", "content": "Where does Clara work?"},
        ],
    )
    def test_every_form_of_a_question(self, told: SyncService, queries: Any) -> None:
        assert told.retrieve(queries, ALICE)["items"][0]["summary"] == FACTS[1]

    @pytest.mark.parametrize("queries", ["", " ", [], None, 5, [5], [{"role": "user"}], "a\x00b", b"bytes"])
    def test_no_question_is_an_error(self, told: SyncService, queries: Any) -> None:
        with pytest.raises(InputError):
            told.retrieve(queries, ALICE)

    def test_one_user_finds_nothing_of_another(self, told: SyncService) -> None:
        assert said(told.retrieve("Clara", BOB, top_k=50)["items"]) == ["Clara is my boss at the bank in Porto."]
        assert told.retrieve("Clara", {"user_id": "carol"}, top_k=50)["items"] == []
        own = ids(told.list_memory_items(ALICE)["items"])
        assert set(ids(told.retrieve("Clara boss bank", ALICE, top_k=50)["items"])) == set(own)

    def test_where_and_user_must_agree(self, told: SyncService) -> None:
        with pytest.raises((InputError, ScopeError)):
            told.retrieve("Clara", ALICE, user=BOB)
        assert told.retrieve("Clara", ALICE, user=ALICE)["items"]

    def test_context_is_prompt_text_within_its_budget(self, told: SyncService) -> None:
        text = told.context("Where does Clara work?", ALICE, max_tokens=200)
        assert FACTS[1] in text
        assert len(text) < 800
        assert told.context("Where does Clara work?", {"user_id": "carol"}) == ""

    def test_odd_questions_are_answered(self, told: SyncService) -> None:
        for question in ("?!", "😀", "%_*", "AND OR NOT (", '"', "\\", "a" * 20_000, "\u202e", "的"):
            assert len(told.retrieve(question, ALICE, top_k=12)["items"]) == 12

    def test_salience_is_likeness_times_how_often_and_how_lately(self, alice: Database) -> None:
        items, now = alice.memory_item_repo, datetime.now(UTC)
        made = []
        for days, count in ((0, 0), (30, 0), (30, 3), (0, 6)):
            last = {"last_reinforced_at": (now - timedelta(days=days)).isoformat()}
            extra = {**last, "reinforcement_count": count}
            made.append(items.create_item(memory_type="event", summary="Tea.", embedding=[1.0, 0.0, 0.0], extra=extra))
        items.create_item(memory_type="event", summary="Ink.", embedding=[0.0, 0.0, 1.0], extra=made[-1].extra)
        found = items.vector_search_items([4.0, 3.0, 0.0], 4, ranking="salience")
        assert [one for one, _ in found] == [made[at].id for at in (3, 2, 0, 1)]
        wanted = [0.8 * log(8), 0.8 * log(5) / 2, 0.8 * log(2), 0.8 * log(2) / 2]
        assert [score for _, score in found] == pytest.approx(wanted, abs=1e-3)
        slower = items.vector_search_items(
            [4.0, 3.0, 0.0], 1, {"id": made[2].id}, ranking="salience", recency_decay_days=60
        )
        assert slower[0][1] == pytest.approx(0.8 * log(5) * 0.5**0.5, abs=1e-3)
        made[1].extra = {**made[1].extra, "reinforcement_count": 99}
        assert items.vector_search_items([4.0, 3.0, 0.0], 1, ranking="salience")[0][0] == made[1].id

    def test_a_service_ranks_items_by_salience_where_it_is_asked_to(self, backend: Backend) -> None:
        extra = {"reinforcement_count": 50, "last_reinforced_at": datetime.now(UTC).isoformat()}
        with backend.service(retrieve_config={"item": {"ranking": "salience"}}) as service:
            first, *_ = service.sync.memorize(talk(FACTS[:6]), user=ALICE)["items"]
            service.database.bound(Scope.of(ALICE)).items[first["id"]].extra = extra
            answer = service.sync.retrieve(first["summary"], ALICE, top_k=2)
        assert answer["signals"]["ranking"] == "salience"
        assert answer["items"][0]["id"] == first["id"]
        best, second = answer["items"]
        assert best["score"] == pytest.approx(best["relevance"] * log(52), abs=1e-3)
        assert second["score"] == pytest.approx(second["relevance"] * log(2), abs=1e-3)
        assert "relevance" not in answer["resources"][0]


class MeaningTests(Suite):
    """The same with the real embedder."""

    def test_meaning_is_found_where_words_differ(self, backend: Backend) -> None:
        with backend.service(embedding_config={"provider": "local"}) as service:
            memory = service.sync
            memory.memorize(talk(FACTS), user=ALICE)
            answer = memory.retrieve("Which pet do they own?", ALICE)
            assert FACTS[3] in said(answer["items"][:3])
            assert answer["signals"]["dense"]
            made = service.parts.database.handle.embedder()
            assert made is not None
            assert made.dimension == 384
        if not backend.durable:
            return
        with backend.service(embedding_config={"provider": "local"}) as service:
            again = service.sync.retrieve("Which pet do they own?", ALICE)
            assert again == answer
