"""The database object on a backend: repositories, live records, mappings, vectors, and what survives reopening."""

from typing import Any

import numpy as np
import pytest

from memu.app.sync import SyncService
from memu.backends.schema import CATEGORIES, ITEMS, LINKS, RESOURCES
from memu.database.core import Database
from memu.errors import InputError, MemuError, NotFoundError, ScopeError, VectorError
from memu.scope import Scope
from memu.testing.backend import ALICE, BOB, Backend, Suite, ids
from memu.testing.speech import FACTS, talk

EAST, NORTH = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]


class DatabaseTests(Suite):
    """The store object, for one scope and for all."""

    def test_records_are_live(self, backend: Backend, alice: Database) -> None:
        resource = alice.create_resource(url="notes.md", modality="document", caption="old")
        item = alice.create_item(memory_type="event", summary="Was in Rome.", embedding=EAST)
        category = alice.get_or_create_category(name="travel")
        resource.caption = "new"
        item.summary = "Was in Oslo."
        item.metadata = {"seen": True}
        category.summary = "Oslo"
        alice.items[item.id].embedding = NORTH
        assert _one(backend, alice, RESOURCES)["caption"] == "new"
        assert _one(backend, alice, ITEMS)["summary"] == "Was in Oslo."
        assert _one(backend, alice, CATEGORIES)["summary"] == "Oslo"
        again = alice.items[item.id]
        assert (again.embedding, again.metadata) == (NORTH, {"seen": True})
        assert again.updated_at > again.created_at

    @pytest.mark.parametrize(
        ("name", "value"),
        [("id", "x"), ("user_id", "bob"), ("resource_id", "x"), ("embedding", [0.0]), ("embedding", [float("nan")])],
    )
    def test_a_refused_assignment_changes_nothing(
        self, backend: Backend, alice: Database, name: str, value: Any
    ) -> None:
        item = alice.create_item(memory_type="event", summary="Was in Rome.", embedding=EAST)
        before = backend.dump(alice)
        with pytest.raises(InputError):
            setattr(item, name, value)
        assert getattr(item, name) == getattr(alice.items[item.id], name)
        assert backend.dump(alice) == before

    def test_a_record_that_was_deleted_cannot_be_changed(self, alice: Database) -> None:
        item = alice.create_item(memory_type="event", summary="Was in Rome.")
        alice.memory_item_repo.delete_item(item.id)
        with pytest.raises(NotFoundError):
            item.summary = "Was in Oslo."
        assert item.summary == "Was in Rome."

    def test_mappings(self, alice: Database) -> None:
        made = [alice.create_item(memory_type="tool", summary=f"Owns {n} boats.") for n in range(3)]
        assert list(alice.items) == [item.id for item in made]
        assert dict(alice.items.items()) == {item.id: item for item in made}
        assert made[0].id in alice.items
        assert alice.items.get("nobody") is None
        with pytest.raises(KeyError):
            alice.items["nobody"]

    def test_links(self, backend: Backend, alice: Database, bob: Database) -> None:
        item = alice.create_item(memory_type="tool", summary="Owns a boat.")
        first, second = (alice.get_or_create_category(name=name) for name in ("sea", "things"))
        link = alice.link_item_category(item.id, first.id)
        assert alice.link_item_category(item.id, first.id).id == link.id
        alice.link_item_category(item.id, second.id)
        assert [one.category_id for one in alice.relations] == [first.id, second.id]
        assert alice.relations[link.id].item_id == item.id
        alice.category_item_repo.unlink_item_category(item.id, first.id)
        alice.category_item_repo.unlink_item_category(item.id, first.id)
        assert [one.category_id for one in alice.category_item_repo.get_item_categories(item.id)] == [second.id]
        for pair in ((item.id, "nowhere"), ("nobody", second.id)):
            with pytest.raises(NotFoundError):
                alice.link_item_category(*pair)
        foreign = bob.get_or_create_category(name="sea")
        with pytest.raises(NotFoundError):
            alice.link_item_category(item.id, foreign.id)
        assert len(backend.rows(alice, LINKS)) == 1
        assert backend.faults(alice) == []

    def test_a_resource_is_one_for_each_url(self, alice: Database, bob: Database) -> None:
        first = alice.create_resource(url="a.md", modality="document")
        again = alice.create_resource(url="a.md", modality="document", caption="told", embedding=EAST)
        other = alice.create_resource(url="A.md", modality="document")
        foreign = bob.create_resource(url="a.md", modality="document")
        assert again.id == first.id
        assert alice.resources[first.id].caption == "told"
        assert len({first.id, other.id, foreign.id}) == 3

    def test_a_category_is_one_for_each_name(self, alice: Database, bob: Database) -> None:
        names = ["sea", "Sea", "séa", "se\u0301a", "sea😀", "sea🦊"]
        made = {alice.get_or_create_category(name=name).id for name in names}
        assert len(made) == len(names)
        assert {alice.get_or_create_category(name=name).id for name in names} == made
        assert bob.get_or_create_category(name="sea").id not in made

    def test_an_item_of_an_unknown_resource_keeps_its_origin(self, alice: Database, bob: Database) -> None:
        foreign = bob.create_resource(url="a.md", modality="document")
        item = alice.create_item(memory_type="event", summary="Was in Rome.", resource_id=foreign.id)
        assert item.resource_id is None
        assert alice.items[item.id].extra == {"origin_resource_id": foreign.id}

    def test_nearest_vectors(self, alice: Database, bob: Database) -> None:
        made = [
            alice.create_item(memory_type="tool", summary=f"Direction {n}.", embedding=vector)
            for n, vector in enumerate([EAST, NORTH, [3.0, 3.0, 0.0], None])
        ]
        bob.create_item(memory_type="tool", summary="Bob's direction.", embedding=EAST)
        found = alice.memory_item_repo.vector_search_items([2.0, 0.0, 0.0], 9)
        assert [one for one, _ in found] == [made[0].id, made[2].id, made[1].id]
        np.testing.assert_allclose([score for _, score in found], [1.0, 0.5**0.5, 0.0], atol=1e-6)

    @pytest.mark.parametrize(
        "vector", [[], [0.0, 0.0, 0.0], [float("nan"), 1, 1], [float("inf"), 1, 1], [1.0, 2.0], "abc", ["a"], {"a": 1}]
    )
    def test_a_bad_vector_is_refused(self, backend: Backend, alice: Database, vector: Any) -> None:
        item = alice.create_item(memory_type="tool", summary="Owns a boat.", embedding=EAST)
        before = backend.dump(alice)
        for call in (
            lambda: alice.create_item(memory_type="tool", summary="x", embedding=vector),
            lambda: alice.create_resource(url="x", modality="text", embedding=vector),
            lambda: alice.get_or_create_category(name="x", embedding=vector),
            lambda: alice.memory_item_repo.update_item(item_id=item.id, embedding=vector),
            lambda: alice.memory_item_repo.vector_search_items(vector, 1),
            lambda: alice.memory_item_repo.vector_search_items(vector, 1, {"no such field": 1}),
        ):
            with pytest.raises(VectorError):
                call()
        assert backend.dump(alice) == before

    def test_the_operators_handle_sees_all_and_writes_for_the_named(
        self, backend: Backend, memory: SyncService
    ) -> None:
        whole = memory.parts.database
        for user in (ALICE, BOB):
            memory.memorize(talk(FACTS[:2]), user=user)
        mine = whole.create_item(memory_type="tool", summary="Owns a boat.", user_id="alice", agent_id="helper")
        assert {item.user_id for item in whole.items.values()} == {"alice", "bob"}
        assert [item.user_id for item in whole.memory_item_repo.list_items({"user_id": "bob"}).values()] == ["bob"] * 2
        assert mine.id in whole.bound(Scope.of(ALICE)).items
        assert mine.id not in whole.bound(Scope.of(BOB)).items

    def test_a_bound_handle_writes_for_nobody_else(self, backend: Backend, alice: Database) -> None:
        before = backend.dump(alice)
        with pytest.raises(ScopeError):
            alice.create_item(memory_type="tool", summary="x", user_id="bob")
        with pytest.raises(ScopeError):
            alice.memory_item_repo.create_item(memory_type="tool", summary="x", user_data={"user_id": "bob"})
        with pytest.raises(ScopeError):
            alice.memory_item_repo.list_items({"user_id": "bob"})
        assert backend.dump(alice) == before

    def test_everything_is_there_after_reopening(self, backend: Backend) -> None:
        if not backend.durable:
            return  # a store in RAM is gone when it is closed, as it says
        with backend.service() as service:
            memory = service.sync
            memory.memorize(talk(FACTS), user=ALICE, metadata={"k": "ü"})
            memory.memorize(talk(FACTS[:2]), user=BOB)
            item = memory.create_memory_item(memory_type="tool", memory_content="Owns a boat.", user=ALICE)
            memory.delete_memory_item(memory_id=item["memory_item"]["id"], user=ALICE)
            before = _state(memory)
            rows = backend.dump(service.parts.database)
        with backend.service() as service:
            assert _state(service.sync) == before
            assert backend.dump(service.parts.database) == rows
            assert backend.faults(service.parts.database) == []
            assert service.sync.memorize(talk(FACTS), user=ALICE)["status"] == "unchanged"

    def test_two_services_see_each_other(self, backend: Backend) -> None:
        if not backend.durable:
            return  # a store in RAM is one service's own
        with backend.service(**ALICE) as first, backend.service() as second:
            made = first.sync.memorize(talk(FACTS[:3]))
            assert ids(second.sync.retrieve(FACTS[0], ALICE)["items"])[0] == made["items"][0]["id"]
            second.sync.delete_memory_item(memory_id=made["items"][0]["id"], user=ALICE)
            assert made["items"][0]["id"] not in ids(first.sync.retrieve(FACTS[0])["items"])

    def test_a_closed_service_says_so(self, backend: Backend) -> None:
        service = backend.service()
        service.close()
        service.close()
        with pytest.raises(MemuError, match="closed"):
            service.sync.list_memory_items()


def _one(backend: Backend, database: Database, table: str) -> dict[str, Any]:
    (row,) = backend.rows(database, table)
    return row


def _state(memory: SyncService) -> list[Any]:
    return [
        call(user)
        for user in (ALICE, BOB)
        for call in (memory.list_memory_items, memory.list_memory_categories, memory.list_resources)
    ] + [memory.retrieve("Where does Clara work?", ALICE, top_k=20)]
