"""P4: names, ids, URLs and filter values compare byte for byte everywhere; the longest are kept or refused."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.backends import BACKENDS, SERVERS, MariaDBBackend, MySQLBackend, PostgresBackend, ServerBackend
from memu.app.service import MemoryService
from memu.backends.schema import ITEMS
from memu.errors import InputError
from memu.scope import Scope
from memu.testing import ALICE, Backend
from memu.testing.speech import FACTS, said, talk
from promises.worlds import fresh

LOOKALIKES = [
    "alice",
    "Alice",
    "ALICE",
    "àlice",
    "alicé",
    "alice\u0301",
    "alice.",
    "alice..",
    ".alice",
    "../alice",
    "alice/",
    "al\u200bice",
    "аlice",  # the first letter is Cyrillic
    "ａｌｉｃｅ",
    "😀",
    "🦊",
    "👩‍🚀",
    "👩",
    "straße",
    "strasse",
    "i",
    "İ",
    "ı",
    "0",
    "00",
    "%",
    "_",
    "*",
    "default",
    "null",
    "None",
    "x" * 255,
    "x" * 254,
    "x" * 254 + "y",
    "😀" * 255,
]


@pytest.mark.parametrize("kind", BACKENDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("field", ["user_id", "agent_id"])
def test_names_that_look_alike_are_different_people(kind: type[Backend], field: str, tmp_path: Path) -> None:
    with fresh(kind, tmp_path) as backend, backend.service() as service:
        memory = service.sync
        for place, name in enumerate(LOOKALIKES):
            made = memory.memorize(f"My number is {place} and my boat is number {place}.", user={field: name})
            assert made["status"] == "created", name
        for place, name in enumerate(LOOKALIKES):
            own = [f"My number is {place} and my boat is number {place}."]
            assert [item["summary"] for item in memory.list_memory_items({field: name})["items"]] == own
            found = memory.retrieve("What is the number of my boat?", {field: name}, top_k=100)["items"]
            assert [item["summary"] for item in found] == own
            assert len(memory.list_resources({field: name})["resources"]) == 1
        memory.forget(user={field: "alice"})
        for name in LOOKALIKES[1:]:
            assert len(memory.list_memory_items({field: name})["items"]) == 1, name


@pytest.mark.parametrize("kind", BACKENDS, ids=lambda kind: kind.name)
def test_random_calls_of_many_users(kind: type[Backend], tmp_path: Path) -> None:
    draw = random.Random(11)
    people = [{"user_id": user, "agent_id": agent} for user in ("ann", "Ann", "ânn") for agent in ("a", "A")]
    with fresh(kind, tmp_path) as backend, backend.service(retrieve_config={"index_budget_mb": 1}) as service:
        memory = service.sync
        for step in range(45 if kind in SERVERS else 90):
            who = draw.randrange(len(people))
            person, mark = people[who], f"person{who}"
            own = memory.list_memory_items(person)["items"]
            match draw.randrange(7):
                case 0 | 1:
                    memory.memorize([{"role": "user", "content": f"The boat {step} of {mark} is blue."}], user=person)
                case 2:
                    memory.create_memory_item(
                        memory_type="tool",
                        memory_content=f"Boat {step} of {mark}.",
                        memory_categories=["boats"],
                        user=person,
                    )
                case 3 if own:
                    chosen = draw.choice(own)["id"]
                    memory.update_memory_item(memory_id=chosen, memory_content=f"Boat of {mark}.", user=person)
                case 4 if own:
                    memory.delete_memory_item(memory_id=draw.choice(own)["id"], user=person)
                case 5 if len(own) > (4 if kind in SERVERS else 8):
                    memory.clear_memory(person) if step % 2 else memory.forget(user=person)
            for other, someone in enumerate(people):
                answer = memory.retrieve("Which boat is blue?", someone, top_k=500)
                listed = memory.list_memory_items(someone)["items"]
                assert sorted(one["id"] for one in answer["items"]) == sorted(one["id"] for one in listed)
                for record in (*listed, *answer["items"]):
                    assert f"person{other}" in record["summary"]
                for tier in ("items", "categories", "resources"):
                    assert all({name: one[name] for name in someone} == someone for one in answer[tier])


APART = [
    *(
        "sea",
        "Sea",
        "SEA",
        "séa",
        "se\u0301a",
        "sèa",
        "ｓｅａ",
        "sea ",
        "sea  ",
        " sea",
        "sea\u00a0",
        "se\u200ba",
        "ѕea",
    ),
    *("😀", "🦊", "👩‍🚀", "👩", "straße", "strasse", "STRASSE", "ß", "ss", "ſs", "i", "I", "İ", "ı", "i\u0307"),
    *("K", "\u212a", "ﬁ", "fi", "Æ", "AE", "ø", "o", "ñ", "n", "%", "_", "a%", "a_", "1", "01", "①", "null", "true"),
]
"""Names of which some collation takes each one for another."""

STORES = [(kind, None) for kind in BACKENDS] + [(kind, "utf8mb4_unicode_ci") for kind in (MariaDBBackend, MySQLBackend)]


@pytest.fixture(params=STORES, ids=lambda param: f"{param[0].name}-{param[1] or 'default'}")
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MemoryService]:
    """A service on a fresh store; the database of some servers was made with a collation that tells little apart."""
    kind, collation = request.param
    with fresh(kind, tmp_path) as backend:
        if isinstance(backend, ServerBackend) and collation:
            backend.driver.cursor().execute(f"ALTER DATABASE CHARACTER SET utf8mb4 COLLATE {collation}")
        with backend.service() as made:
            yield made


def _of(number: int) -> str:
    return f"My boat has the number {number}."


def test_categories_that_look_alike(service: MemoryService) -> None:
    memory, alice = service.sync, service.database.bound(Scope.of(ALICE))
    made = {name: alice.get_or_create_category(name=name).id for name in APART}
    assert len(set(made.values())) == len(APART)
    for place, name in enumerate(APART):
        assert alice.get_or_create_category(name=name).id == made[name]
        found = alice.memory_category_repo.by_name(name)
        assert found is not None
        assert (found.id, found.name) == (made[name], name)
        memory.create_memory_item(
            memory_type="tool", memory_content=_of(place), memory_categories=[name], user=ALICE, propagate=False
        )
    for place, name in enumerate(APART):
        where = {**ALICE, "category": name}
        assert said(memory.list_memory_items(where)["items"]) == [_of(place)]
        assert said(memory.retrieve("Which number has my boat?", where, top_k=100)["items"]) == [_of(place)]
        assert len(memory.list_memory_items({**ALICE, "category__ne": name})["items"]) == len(APART) - 1
        assert [one["id"] for one in memory.list_memory_categories({**ALICE, "name": name})["categories"]] == [
            made[name]
        ]
    half = APART[::2]
    assert len(memory.list_memory_items({**ALICE, "category__in": half})["items"]) == len(half)
    memory.clear_memory({**ALICE, "category": "sea"})
    assert said(memory.list_memory_items(ALICE)["items"]) == [_of(place) for place in range(1, len(APART))]


def test_resources_whose_urls_look_alike(service: MemoryService) -> None:
    memory, alice = service.sync, service.database.bound(Scope.of(ALICE))
    urls = [f"https://example.org/{name}" for name in APART]
    made = {url: alice.create_resource(url=url, modality="text", caption=url).id for url in urls}
    assert len(set(made.values())) == len(urls)
    for place, url in enumerate(urls):
        alice.create_item(memory_type="tool", summary=_of(place), resource_id=made[url])
    for place, url in enumerate(urls):
        assert [one["id"] for one in memory.list_resources({**ALICE, "url": url})["resources"]] == [made[url]]
        assert said(memory.list_memory_items({**ALICE, "resource": url})["items"]) == [_of(place)]
        assert len(memory.list_memory_items({**ALICE, "resource__ne": url})["items"]) == len(urls) - 1
    gone = memory.delete_resource(urls[0], user=ALICE)
    assert ([one["id"] for one in gone["deleted_resources"]], gone["deleted_items"]) == ([made[urls[0]]], 1)
    assert len(memory.list_resources(ALICE)["resources"]) == len(urls) - 1


def test_speakers_and_metadata_that_look_alike(service: MemoryService) -> None:
    memory, alice = service.sync, service.database.bound(Scope.of(ALICE))
    for place, name in enumerate(APART):
        data = {"value": name, f"key {name}": place, "deep": {"value": name}}
        alice.memory_item_repo.create_item(memory_type="tool", summary=_of(place), speaker=name, metadata=data)
    for place, name in enumerate(APART):
        for where in (
            {"speaker": name},
            {"speaker__in": [name]},
            {"metadata.value": name},
            {"metadata.deep.value": name},
            {"metadata.value__in": [name, "nothing"]},
            {f"metadata.key {name}": place},
            {"metadata.value__gte": name, "metadata.value__lte": name},
        ):
            assert said(memory.list_memory_items({**ALICE, **where})["items"]) == [_of(place)], where
        where = {**ALICE, "speaker": name, "metadata.value": name}
        assert said(memory.retrieve("Which number has my boat?", where, top_k=100)["items"]) == [_of(place)]
        assert len(memory.list_memory_items({**ALICE, "speaker__ne": name})["items"]) == len(APART) - 1
        assert len(memory.list_memory_items({**ALICE, "metadata.value__ne": name})["items"]) == len(APART) - 1


def test_ids_that_look_alike(service: MemoryService) -> None:
    memory, alice = service.sync, service.database.bound(Scope.of(ALICE))
    alice.create_item(memory_type="tool", summary="x")
    with service.parts.database.handle.records.transaction() as transaction:
        (row,) = transaction.find(ITEMS)
        transaction.put(ITEMS, [{**row, "id": name, "summary": _of(place)} for place, name in enumerate(APART)])
    for place, name in enumerate(APART):
        assert memory.get_memory_item(name, user=ALICE)["summary"] == _of(place)
        assert said(memory.list_memory_items({**ALICE, "id": name})["items"]) == [_of(place)]
        memory.update_memory_item(memory_id=name, memory_content=f"{_of(place)} It is new.", user=ALICE)
        assert len(alice.memory_item_repo.history(name)) == 1
    memory.delete_memory_item(memory_id="sea", user=ALICE)
    assert len(memory.list_memory_items({**ALICE, "id__in": APART})["items"]) == len(APART) - 1


def _long(seed: int) -> str:
    """A name of the greatest length whose bytes no server can pack closer."""
    draw = random.Random(seed)
    return "".join(chr(draw.randrange(0x1F300, 0x1F5FF)) for _ in range(255))


@pytest.mark.parametrize("kind", BACKENDS, ids=lambda kind: kind.name)
def test_the_longest_names(kind: type[Backend], tmp_path: Path) -> None:
    """User, agent, speaker and URL of the greatest length are kept everywhere.

    A category's name stands in one index with user and agent; PostgreSQL's take some 2,700 bytes, so that of three
    names of 1,020 bytes the third is refused.
    """
    person, long = {"user_id": _long(1), "agent_id": _long(2)}, _long(3)
    other = {**person, "agent_id": person["agent_id"][:-1] + "x"}
    with fresh(kind, tmp_path) as backend, backend.service() as service:
        memory, database = service.sync, service.database.bound(Scope.of(person))
        kept = memory.memorize(talk(FACTS[:3], long), user=person)
        memory.memorize(talk(FACTS[3:5]), user=other)
        database.create_resource(url="https://example.org/" + "🦊" * 2028, modality="text")
        assert said(memory.list_memory_items({**person, "speaker": long})["items"]) == list(FACTS[:3])
        changed = memory.update_memory_item(
            memory_id=kept["items"][0]["id"], memory_content="Owns a boat.", memory_categories=[long[:100]], user=person
        )["memory_item"]
        assert changed["categories"] == [long[:100]]
        before = backend.dump(service.parts.database)
        calls: list[Any] = [
            lambda: database.get_or_create_category(name=long),
            lambda: memory.create_memory_item(
                memory_type="tool", memory_content="Has a bicycle.", memory_categories=[long], user=person
            ),
            lambda: memory.update_memory_item(
                memory_id=kept["items"][1]["id"], memory_content="Has a car.", memory_categories=[long], user=person
            ),
            lambda: database.memory_category_repo.update_category(
                category_id=next(iter(database.categories)), name=long[::-1]
            ),
        ]
        for call in calls:
            if kind is PostgresBackend:
                with pytest.raises(InputError, match="index") as refusal:
                    call()
                assert long not in str(refusal.value)
                assert backend.dump(service.parts.database) == before
            else:
                call()
        if kind is not PostgresBackend:
            assert said(memory.list_memory_items({**person, "category": long})["items"]) == [
                "Has a car.",
                "Has a bicycle.",
            ]
        memory.delete_memory_item(memory_id=kept["items"][2]["id"], user=person)
        memory.forget(user=person)
        assert memory.list_memory_items(person)["items"] == []
        assert said(memory.list_memory_items(other)["items"]) == list(FACTS[3:5])
