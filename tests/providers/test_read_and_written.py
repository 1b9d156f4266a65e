"""Documents that are read, changed and stored again: what comes along, what is new, and what is no document."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from memorizz import ConversationMemoryUnit
from memorizz.memory_provider import MemoryType
from memorizz.memory_provider.provider import RecordProvider
from memorizz.memory_provider.results import Results
from memu.errors import FilterError, InputError, InputTypeError, VectorError

from .places import embed

LONG, TOOLS, TALK = MemoryType.LONG_TERM_MEMORY, MemoryType.TOOLBOX, MemoryType.CONVERSATION_MEMORY


@pytest.mark.parametrize("kind", [LONG, TOOLS])
def test_a_vector_stays_when_none_is_said(provider: RecordProvider, kind: MemoryType) -> None:
    provider.store({"_id": "a", "content": "x", "embedding": [1, 0]}, kind)
    for read in (
        lambda: provider.retrieve_by_query([1, 0], kind)[0],
        lambda: provider.list_all(kind)[0],
        lambda: provider.retrieve_by_id("a", kind),
    ):
        found = read()
        provider.store({**found, "content": "y"}, kind)
        provider.store_many([found], kind)
        assert provider.retrieve_by_query([1, 0], kind)["_id"] == "a"
    held = provider.retrieve_by_id("a", kind, include_embedding=True)
    assert held["embedding"] == [1, 0]
    assert not {"score", "distance"} & set(held)
    provider.store({"_id": "a", "embedding": None}, kind)
    assert provider.retrieve_by_id("a", kind, include_embedding=True)["embedding"] is None


def test_what_a_search_said_is_not_kept(provider: RecordProvider) -> None:
    provider.store({"_id": "a", "embedding": [1, 0]}, LONG)
    found = provider.retrieve_by_query([3, 1], LONG)[0]
    assert provider.update_by_id("a", json.loads(json.dumps(found, default=str)), LONG)
    assert "score" not in provider.retrieve_by_id("a", LONG)
    own = {"_id": "b", "score": 0.5, "distance": 3.0}
    provider.store(own, LONG)
    provider.store({"_id": "c", "score": 1}, LONG)
    assert own.items() <= provider.retrieve_by_id("b", LONG).items()
    assert provider.retrieve_by_id("c", LONG)["score"] == 1


def test_times_that_were_read_say_nothing_new(provider: RecordProvider) -> None:
    made = datetime(2020, 1, 1, tzinfo=UTC)
    provider.store({"_id": "a", "created_at": "2020-01-01", "updated_at": made}, LONG)
    for again in (lambda one: one, lambda one: json.loads(json.dumps(one, default=str))):
        before = provider.retrieve_by_id("a", LONG)
        provider.store(again(before), LONG)
        stored = provider.retrieve_by_id("a", LONG)
        assert stored["updated_at"] > before["updated_at"]
        assert stored["created_at"] == "2020-01-01"
        assert provider.update_by_id("a", again(stored), LONG)
        assert provider.retrieve_by_id("a", LONG)["updated_at"] > stored["updated_at"]
    provider.store({"_id": "a", "updated_at": made}, LONG)
    assert provider.retrieve_by_id("a", LONG)["updated_at"] == made


@pytest.mark.parametrize(
    "given",
    [Results([{"a": 1}, {"a": 2}]), Results(), len, lambda: None, ValueError("x"), json, MemoryType.PERSONAS, [1], {1}],
    ids=lambda given: type(given).__name__,
)
def test_what_is_no_document_is_refused(provider: RecordProvider, given: Any) -> None:
    with pytest.raises(InputTypeError, match="the document is a"):
        provider.store(given, LONG)
    assert provider.list_all(LONG) == []


def test_what_a_query_found_is_written_as_its_one_document(provider: RecordProvider) -> None:
    provider.store({"_id": "a", "content": "x", "embedding": [1, 0]}, LONG)
    provider.store({"_id": "b", "content": "y", "embedding": [0, 1]}, LONG)
    found = provider.retrieve_by_query([1, 0], LONG)
    found[0]["content"] = "new"
    assert provider.update_by_id(found["_id"], found, LONG) is True
    assert provider.retrieve_by_id("a", LONG)["content"] == "new"
    found[0]["content"] = "newer"
    assert provider.store(found, LONG) == "a"
    assert {"content": "newer", "embedding": [1, 0]}.items() <= provider.retrieve_by_id("a", LONG).items()
    assert "score" not in provider.retrieve_by_id("a", LONG)
    agent = provider.store_memagent({"agent_id": "g", "instruction": "one"})
    assert provider.store_memagent(provider.retrieve_by_query({"_id": agent}, MemoryType.MEMAGENT)) == "g"
    both = provider.retrieve_by_query([1, 0], LONG, limit=2)
    for write in (lambda: provider.store(both, LONG), lambda: provider.update_by_id("a", both, LONG)):
        with pytest.raises(InputTypeError, match="the document is a list of 2: expected one"):
            write()


def test_results_copy_and_values(provider: RecordProvider) -> None:
    provider.store({"_id": "a", "content": "x"}, LONG)
    found = provider.retrieve_by_query(None, LONG)
    assert list(found.values()) == list(found[0].values()) == list(dict(found.items()).values())
    other = found.copy()
    assert isinstance(other, Results)
    assert other == found
    other[0]["content"] = "y"
    assert found["content"] == "x"
    assert list(Results().values()) == []
    assert Results().copy() == []


def test_an_object_whose_to_dict_gives_no_dict_is_read_by_its_attributes(provider: RecordProvider) -> None:
    provider.store(SimpleNamespace(_id="a", to_dict=lambda: [1], n=1), LONG)
    assert provider.retrieve_by_id("a", LONG)["n"] == 1


def test_an_update_of_nothing_leaves_the_dimension_open(provider: RecordProvider) -> None:
    assert provider.update_by_id("a", {"embedding": [1, 2, 3]}, LONG) is False
    provider.store({"_id": "a", "embedding": [1, 2]}, LONG)
    with pytest.raises(VectorError, match="3 dimensions"):
        provider.update_by_id("a", {"embedding": [1, 2, 3]}, LONG)


class NoTime(datetime):
    """As pandas has one for a missing time."""

    def isoformat(self, *_: Any, **__: Any) -> str:
        return "NaT"

    __str__ = isoformat


def test_a_time_that_is_none_is_refused(provider: RecordProvider) -> None:
    none = NoTime(2024, 1, 1)
    for given in ({"when": none}, {"created_at": none}, {"metadata": {"when": [none]}}):
        with pytest.raises(InputError, match="is 'NaT': expected a time"):
            provider.store(given, LONG)
    with pytest.raises(FilterError, match=r"filter 'created_at' is .*: expected a time"):
        provider.retrieve_by_query({"created_at": none}, LONG)
    assert provider.list_all(LONG) == []


# --- messages ---------------------------------------------------------------------------------------------------------


def test_an_edited_message_is_found_by_what_it_says_now(provider: RecordProvider) -> None:
    unit = ConversationMemoryUnit("user", "aaaa", memory_id="m")
    unit.store(provider)
    unit.content = "zzzz"
    unit.store(provider)
    assert unit.embedding == embed("zzzz")
    read = ConversationMemoryUnit.from_dict(provider.retrieve_by_id(unit.id, TALK))
    read.content = "qqqq"
    read.store(provider)
    assert provider.retrieve_by_id(unit.id, TALK)["embedding"] == embed("qqqq")
    read.content = " "
    read.store(provider)
    assert provider.retrieve_by_id(unit.id, TALK)["embedding"] is None
    own = ConversationMemoryUnit("user", "a", embedding=embed("mine"))
    own.store(provider)
    assert provider.retrieve_by_id(own.id, TALK)["embedding"] == embed("mine")
    own.content, own.embedding = "b", embed("again mine")
    own.store(provider)
    assert provider.retrieve_by_id(own.id, TALK)["embedding"] == embed("again mine")


def test_a_message_keeps_what_it_does_not_know(provider: RecordProvider) -> None:
    given = {
        "_id": "a", "role": "user", "content": "hi", "user_id": "u", "agent_id": "g", "metadata": {"k": [1]},
        "mood": "good", "embedding": embed("hi"), "created_at": "2020-01-01",
    }  # fmt: skip
    provider.store(given, TALK)
    for read in (
        provider.retrieve_by_query({"query": "hi", "_id": "a"}, TALK)[0],
        provider.retrieve_by_id("a", TALK),
        provider.list_all(TALK)[0],
    ):
        unit = ConversationMemoryUnit.from_dict(read)
        assert (unit.user_id, unit.metadata, unit.extra["mood"]) == ("u", {"k": [1]}, "good")
        before = provider.retrieve_by_id("a", TALK)
        unit.store(provider)
        stored = provider.retrieve_by_id("a", TALK)
        assert given.items() <= stored.items()
        assert not {"score", "distance", "extra"} & set(stored)
        assert stored["updated_at"] > before["updated_at"]


# --- what changes between a search and the reading of what it found -----------------------------------------------


@pytest.mark.parametrize("change", ["deleted", "moved", "bare"])
def test_rows_that_change_while_they_are_sought(
    provider: RecordProvider, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(6):
        provider.store({"_id": str(n), "tag": "x", "embedding": [6, n]}, LONG)
    search, left = provider._store.search, ["0", "1"]
    nearest = search.nearest

    def interrupted(*arguments: Any) -> Any:
        found = nearest(*arguments)
        if left:
            name = left.pop()
            if change == "deleted":
                provider.delete_by_id(name, LONG)
            else:
                provider.update_by_id(name, {"tag": "y"} if change == "moved" else {"embedding": None}, LONG)
        return found

    monkeypatch.setattr(search, "nearest", interrupted)
    found = provider.retrieve_by_query({"embedding": [1, 0], "tag": "x"}, LONG, limit=3)
    assert [one["_id"] for one in found] == ["2", "3", "4"]
    assert not left


def test_ties_at_the_cut_go_by_the_id_that_is_shown(provider: RecordProvider) -> None:
    names = [f"{n:02}" for n in range(40)]
    provider.store_many([{"_id": name, "embedding": [1, 1]} for name in reversed(names)], LONG)
    provider.store({"_id": "zz", "embedding": [1, 0.9]}, LONG)
    for limit in (1, 2, 7, 39, 40, 41, 50):
        found = provider.retrieve_by_query([1, 1], LONG, limit=limit)
        assert [one["_id"] for one in found] == [*names, "zz"][:limit]
    assert all(-1 <= one["score"] <= 1 for one in found)
    assert provider.retrieve_by_query([1, 1], LONG, limit=0) == []
    assert len(provider.retrieve_by_query([1, 1], LONG, limit=10**30)) == 41
    assert len(provider.retrieve_by_query(None, LONG, limit=10**30)) == 41
    assert provider.list_all(LONG, limit=10**30, offset=10**30) == []
