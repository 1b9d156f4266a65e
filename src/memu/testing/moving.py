"""A store on a backend moves to another embedder: all at once, again after a stop, and while others write."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from memu.app.service import MemoryService
from memu.backends.schema import STAGED
from memu.database import reembed as module
from memu.database.core import Database
from memu.database.reembed import reembed
from memu.database.vectors import Recorded
from memu.embedding.base import EmbedderIdentity
from memu.errors import ConflictError, ModelError, VectorError
from memu.testing.backend import Backend, Suite

OLD = Recorded("unknown/3", 3)
"""What the vectors are taken for that are given with a record."""
EAST = [1.0, 0.0, 0.0]
WORDS = ("I keep bees.", "I repair clocks.", "I moved to Lisbon.", "I play chess.", "I own a boat.")


class Letters:
    """How often each class of letters is in a text; `before` is told the number of each call."""

    max_tokens = None

    def __init__(self, dimension: int, before: Callable[[int], object] = lambda _: None) -> None:
        self.identity = EmbedderIdentity(f"letters-{dimension}", dimension, normalized=True)
        self.recorded = Recorded(self.identity.name, dimension, normalized=True)
        self.before = before
        self.calls = 0

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of length one."""
        self.calls += 1
        self.before(self.calls)
        counts = np.ones((len(texts), self.identity.dimension), np.float32)
        for row, text in zip(counts, texts, strict=True):
            for letter in text:
                row[ord(letter) % len(row)] += 1
        lengths: NDArray[np.float32] = np.linalg.norm(counts, axis=1, keepdims=True)
        return counts / lengths


class ReembedTests(Suite):
    """Every record has a vector of one embedder, and the store says of which."""

    @pytest.fixture
    def whole(
        self, service: MemoryService, alice: Database, bob: Database, monkeypatch: pytest.MonkeyPatch
    ) -> Database:
        """The operator's handle on what two people have; it is moved in pages of two."""
        monkeypatch.setattr(module, "PAGE", 2)
        for number, words in enumerate(WORDS):
            alice.create_item(memory_type="event", summary=words, embedding=[1.0, number, 0.0])
        alice.get_or_create_category(name="hobbies", embedding=EAST)
        alice.create_resource(url="a", modality="text", caption="A letter.", embedding=EAST)
        bob.create_item(memory_type="event", summary="I own a cat.", embedding=EAST)
        assert service.database.handle.embedder() == OLD
        return service.database

    def test_all_vectors_and_the_name_change_at_once(self, backend: Backend, whole: Database, alice: Database) -> None:
        embedder = Letters(8)
        done = reembed(whole.handle, embedder)
        assert (done.before, done.after, done.made, done.resumed) == (OLD, embedder.recorded, len(WORDS) + 3, 0)
        assert whole.handle.embedder() == embedder.recorded
        moved(whole, embedder)
        assert backend.rows(whole, STAGED) == []
        bees = next(one.id for one in alice.items.values() if one.summary == WORDS[0])
        vector = embedder.embed([WORDS[0]])[0].tolist()
        ((found, score),) = alice.memory_item_repo.vector_search_items(vector, 1)
        assert found == bees
        assert score == pytest.approx(1.0, abs=1e-5)
        with pytest.raises(VectorError):
            alice.memory_item_repo.vector_search_items(EAST, 1)

    def test_a_move_that_stopped_goes_on_where_it_stopped(
        self, backend: Backend, whole: Database, alice: Database
    ) -> None:
        def stop(call: int) -> None:
            if call == 3:
                raise ModelError("the model has gone.")

        before = vectors(whole)
        with pytest.raises(ModelError, match="has gone"):
            reembed(whole.handle, Letters(8, stop))
        held = len(backend.rows(whole, STAGED))
        assert held == 4
        assert (vectors(whole), whole.handle.embedder()) == (before, OLD)
        alice.create_item(memory_type="event", summary="I sing.", embedding=EAST)
        embedder = Letters(8)
        done = reembed(whole.handle, embedder)
        assert (done.made, done.resumed) == (len(before) + 1 - held, held)
        moved(whole, embedder)
        assert backend.rows(whole, STAGED) == []

    def test_what_others_write_meanwhile_is_moved_too(
        self, backend: Backend, whole: Database, alice: Database, bob: Database
    ) -> None:
        first, second, *_ = alice.items

        def write(call: int) -> None:
            if call == 2:
                bob.create_item(memory_type="event", summary="I sing.", embedding=EAST)
            if call == 3:
                alice.memory_item_repo.update_item(item_id=first, summary="I keep goats.", embedding=EAST)
            if call == 4:
                alice.memory_item_repo.delete_item(second)

        embedder = Letters(8, write)
        reembed(whole.handle, embedder)
        said = {one.summary for one in whole.items.values()}
        assert said == {*WORDS, "I own a cat.", "I sing.", "I keep goats."} - set(WORDS[:2])
        moved(whole, embedder)
        assert backend.rows(whole, STAGED) == []

    def test_two_moves_to_different_embedders_do_not_mix(self, backend: Backend, whole: Database) -> None:
        other = Letters(4)

        def overtake(call: int) -> None:
            if call == 2:
                reembed(whole.handle, other)

        with pytest.raises(ConflictError, match="another process"):
            reembed(whole.handle, Letters(8, overtake))
        moved(whole, other)
        assert backend.rows(whole, STAGED) == []


def vectors(database: Database) -> dict[str, list[float] | None]:
    """The vectors of all records, by their ids."""
    tables = (database.items, database.categories, database.resources)
    return {one.id: one.embedding for table in tables for one in table.values()}


def moved(database: Database, embedder: Letters) -> None:
    """All vectors are those of an embedder; each item has that of its own words."""
    assert database.handle.embedder() == embedder.recorded
    assert {len(vector or []) for vector in vectors(database).values()} == {embedder.recorded.dimension}
    for item in database.items.values():
        assert item.embedding == pytest.approx(embedder.embed([item.summary])[0].tolist(), abs=1e-4)
