"""Documents: how they are kept, by which ids, and how they come back."""

import functools
import uuid
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

from memorizz.enums import MemoryType, RoleType
from memorizz.memory_provider.provider import RecordProvider
from memu.errors import InputError, InputTypeError

from .places import TYPES, bare, embed

LONG, TALK = MemoryType.LONG_TERM_MEMORY, MemoryType.CONVERSATION_MEMORY


class ObjectId:
    """MongoDB's kind of id, as far as anybody can see."""

    def __str__(self) -> str:
        return "65f1c0ffee65f1c0ffee65f1"


# --- ids (rows 5 to 8) ------------------------------------------------------------------------------------------------


def test_row_05_ids_come_back_as_they_were_given(provider: RecordProvider) -> None:
    own = str(uuid.uuid4())
    for one in (own, "profile", "x" * 255, own.upper(), ObjectId(), uuid.UUID(own)):
        stored = provider.store({"_id": one, "name": "N"}, LONG)
        assert stored == str(one)
        found = provider.retrieve_by_id(one, LONG)
        assert found is not None
        assert found["_id"] == found["id"] == stored
    assert len(provider.list_all(LONG)) == 5  # the UUID and its string are one
    made = provider.store({"name": "N"}, LONG)
    assert str(uuid.UUID(made)) == made
    assert provider.store({"id": "by id"}, LONG) == "by id"
    assert provider.store({"id": "both", "_id": "both"}, LONG) == "both"


@pytest.mark.parametrize("ids", [{"_id": "a", "id": "b"}, {"_id": ""}, {"id": "x" * 256}, {"_id": 5}, {"_id": "a\x00"}])
def test_row_05_ids_that_cannot_be_kept_are_refused(provider: RecordProvider, ids: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"id"):
        provider.store(ids, LONG)
    assert provider.list_all(LONG) == []


def test_row_05_one_id_in_two_types_is_two_documents(provider: RecordProvider) -> None:
    provider.store({"_id": "same", "content": "long"}, LONG)
    provider.store({"_id": "same", "content": "talk"}, TALK)
    assert provider.delete_by_id("same", LONG) is True
    assert bare(provider.retrieve_by_id("same", TALK)) == {"content": "talk"}


@pytest.mark.parametrize(
    "bad", ["no such", "", None, 5, 1.5, b"x", "x" * 300, "\x00", "\ud800", object(), str(uuid.UUID(int=5))]
)
def test_row_06_bad_and_missing_ids(provider: RecordProvider, bad: Any) -> None:
    assert provider.retrieve_by_id(bad, LONG) is None
    assert provider.delete_by_id(bad, LONG) is False
    assert provider.update_by_id(bad, {"a": 1}, LONG) is False
    assert provider.retrieve_by_name(bad, LONG) is None
    assert provider.delete_by_name(bad, LONG) is False
    assert provider.retrieve_memagent(bad) is None
    assert provider.delete_memagent(bad) is False


def test_row_07_store_replaces_whole_and_keeps_when_it_was_made(provider: RecordProvider) -> None:
    provider.store({"_id": "a", "name": "first", "x": 1, "embedding": embed("a")}, LONG)
    before = provider.retrieve_by_id("a", LONG)
    provider.store({"_id": "b"}, LONG)
    assert provider.store({"_id": "a", "y": 2}, LONG) == "a"
    after = provider.retrieve_by_id("a", LONG)
    assert before is not None
    assert after is not None
    assert bare(after) == {"y": 2}
    assert after["embedding"] == before["embedding"]
    assert after["created_at"] == before["created_at"]
    assert after["updated_at"] > before["updated_at"]
    assert [one["_id"] for one in provider.list_all(LONG)] == ["b", "a"]
    provider.store({"_id": "c", "created_at": "2020-01-01"}, LONG)
    provider.store({"_id": "c"}, LONG)
    assert provider.list_all(LONG)[2]["created_at"] == "2020-01-01"


def test_row_08_two_documents_may_share_a_name(provider: RecordProvider) -> None:
    for kind in TYPES:
        first, second = provider.store({"name": "same", "n": 1}, kind), provider.store({"name": "same", "n": 2}, kind)
        assert first != second
        assert [one["n"] for one in provider.list_all(kind)] == [2, 1]


# --- what is in them (rows 9, 10, 18) ---------------------------------------------------------------------------------


class Colour(Enum):
    RED = "red"


def test_row_09_unknown_keys_come_back_flat_in_every_type(provider: RecordProvider) -> None:
    document = {
        "name": "N", "memory_id": "m", "namespace": "ns", "type": "function", "function": {"name": "f", "queries": [1]},
        "outcome": "success", "recall_recency": 0.5, "conversation_id": "c", "thread_id": None,
        "content": {"deep": [[]]}, "naïve 🦊": "ß",
        "metadata": {"a": {"b": [1, 2.0, "x", None, True]}}, "persona_id": "p", "tool_id": "t", "workflow_id": "w",
        "position": "mine", "seq": 3, "document": {"seq": 4}, "given_id": "mine", "": "empty", "a.b": 1,
        "$set": {"x": 1},
        "role": "user", "score": 9, "agent_id": "agent", "big": 2**80, "user_id": None, "status": ["a"],
    }  # fmt: skip
    for kind in TYPES:
        found = provider.retrieve_by_id(provider.store(document, kind), kind)
        assert bare(found) == document


@pytest.mark.parametrize("metadata", [{}, {"$memorizz": "datetime"}, None, "text", [1], {"x": {}}])
def test_row_09_metadata_is_what_it_was(provider: RecordProvider, metadata: Any) -> None:
    assert bare(provider.retrieve_by_id(provider.store({"metadata": metadata}, LONG), LONG)) == {"metadata": metadata}


def test_row_09_times_keep_their_type_anywhere(provider: RecordProvider) -> None:
    zone = timezone(timedelta(hours=-3, minutes=-30))
    document = {
        "at": datetime(2024, 2, 29, 1, 2, 3, 4), "day": date(2024, 2, 29),
        "metadata": {"list": [{"at": datetime(1999, 1, 1, tzinfo=zone)}], "day": date(1, 1, 1)},
        "memory_unit": {"$memorizz": "datetime", "value": "no time"},
    }  # fmt: skip
    found = bare(provider.retrieve_by_id(provider.store(document, LONG), LONG))
    assert found == document
    assert found["metadata"]["list"][0]["at"].utcoffset() == zone.utcoffset(None)
    assert type(found["day"]) is date


def test_row_09_what_json_lacks_is_kept_as_the_nearest(provider: RecordProvider) -> None:
    given = {"t": (1, (2,)), "e": Colour.RED, "role": RoleType.RESEARCHER, "n": np.int64(3), "f": np.float32(0.5)}
    found = bare(provider.retrieve_by_id(provider.store({**given, "a": np.ones(2), "b": np.True_}, LONG), LONG))
    assert found == {"t": [1, [2]], "e": "red", "role": "Researcher", "n": 3, "f": 0.5, "a": [1.0, 1.0], "b": True}


@pytest.mark.parametrize(
    ("bad", "kind", "named"),
    [
        ({"a": float("nan")}, InputError, "a is nan"),
        ({"a": [{"b": float("inf")}]}, InputError, r"a\[0\]\.b is inf"),
        ({"a": "x\x00y"}, InputError, "a holds a NUL byte at character 1"),
        ({"name": "\x00"}, InputError, "name holds a NUL"),
        ({"metadata": {"k": ["\ud800"]}}, InputError, "lone surrogate"),
        ({"metadata": {"k\x00": 1}}, InputError, "NUL"),
        ({"a\x00": 1}, InputError, "NUL"),
        ({5: 1}, InputTypeError, "the key 5"),
        ({"a": {5: 1}}, InputTypeError, "the key 5"),
        ({"a": {1, 2}}, InputTypeError, "a is a set"),
        ({"a": b"x"}, InputTypeError, "a is a bytes"),
        ({"a": object()}, InputTypeError, "a is a object"),
        ({"name": "x" * 256}, InputError, "name has 256 characters"),
        ({"name": 5}, InputTypeError, "name is of type int"),
        ({"user_id": 5}, InputTypeError, "user_id is of type int"),
        ({"user_id": {"$ne": None}}, InputTypeError, "user_id is of type dict"),
        ({"memory_id": ["m"]}, InputTypeError, "memory_id is of type list"),
        ("text", InputTypeError, "the document is a str"),
        (5, InputTypeError, "the document is a int"),
    ],
)
def test_row_09_what_cannot_be_kept_is_refused_by_name(
    provider: RecordProvider, bad: Any, kind: type[Exception], named: str
) -> None:
    with pytest.raises(kind, match=named):
        provider.store(bad, LONG)
    assert provider.list_all(LONG) == []


def test_row_09_nesting_without_end_is_refused(provider: RecordProvider) -> None:
    endless: dict[str, Any] = {}
    endless["a"] = endless
    with pytest.raises(InputError, match="deeper than 100"):
        provider.store(endless, LONG)


def test_row_10_the_given_document_is_not_changed_and_functions_are_left_out(provider: RecordProvider) -> None:
    inner = {"call": len, "b": [1, print]}
    document = {"name": "tool", "function": test_row_10_the_given_document_is_not_changed_and_functions_are_left_out,
                "inner": inner, "embedding": embed("tool"), "metadata": {"f": max}}  # fmt: skip
    before = {**document}
    stored = provider.store(document, MemoryType.TOOLBOX, memory_id="m")
    assert document == before
    assert inner == {"call": len, "b": [1, print]}
    found = bare(provider.retrieve_by_id(stored, MemoryType.TOOLBOX))
    assert found == {"name": "tool", "inner": {"b": [1]}, "metadata": {}, "memory_id": "m"}


class Callable:
    """Data, for all that it can be called."""

    def __call__(self) -> None: ...


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"a": Callable(), "c": 1}, "a is a Callable: expected"),
        ({"b": int}, "b is a type: expected"),
        ({"model": BaseModel}, "model is a ModelMetaclass: expected"),
        ({"inner": {"list": [1, Callable()]}}, r"inner\.list\[1\] is a Callable"),
        ({"metadata": {"kind": Colour}}, r"metadata\.kind is a EnumType"),
    ],
)
def test_row_10_what_can_be_called_and_is_no_function_is_refused(
    provider: RecordProvider, given: dict[str, Any], named: str
) -> None:
    agents = MemoryType.MEMAGENT
    provider.store({"agent_id": "g"}, agents)
    before = provider.list_all(agents)
    for call in (
        lambda: provider.store(given, LONG),
        lambda: provider.store_many([{}, given], LONG),
        lambda: provider.store_memagent({"agent_id": "h", **given}),
        lambda: provider.store_memagent(SimpleNamespace(agent_id="h", **given)),
        lambda: provider.update_by_id("g", given, agents),
    ):
        with pytest.raises(InputTypeError, match=named):
            call()
    assert (provider.list_all(LONG), provider.list_all(agents)) == ([], before)


def test_row_10_functions_of_every_kind_are_left_out(provider: RecordProvider) -> None:
    functions = [len, "x".upper, str.upper, "x".__len__, functools.partial(len, "x"), functools.cache(len), lambda: 0]
    given = {"n": 1, "tools": functions, **{f"f{n}": one for n, one in enumerate(functions)}}
    assert bare(provider.retrieve_by_id(provider.store(given, LONG), LONG)) == {"n": 1, "tools": []}
    agent = provider.retrieve_memagent(provider.store_memagent({"agent_id": "g", **given}))
    assert (agent["n"], agent["tools"], "f0" in agent) == (1, [], False)


class Unit(BaseModel):
    role: str = "user"
    content: str = "hello"
    memory_type: MemoryType = TALK


def test_row_10_models_and_objects_are_documents(provider: RecordProvider) -> None:
    stored = provider.store(memory_unit=Unit(), memory_id="m")
    found = bare(provider.retrieve_by_id(stored, TALK))
    assert found == {"role": "user", "content": "hello", "memory_type": "conversation_memory", "memory_id": "m"}
    persona = SimpleNamespace(to_dict=lambda: {"name": "P", "role": RoleType.GENERAL})
    assert bare(provider.retrieve_by_id(provider.store(persona, "personas"), "personas"))["role"] == "General"
    with pytest.raises(InputError, match="no document"):
        provider.store(None, LONG)


def test_row_18_times_are_always_there_and_as_given(provider: RecordProvider) -> None:
    start = datetime.now(UTC)
    found = provider.retrieve_by_id(provider.store({"content": "x"}, TALK), TALK)
    assert found is not None
    for name in ("created_at", "updated_at", "timestamp"):
        assert start - timedelta(seconds=1) <= found[name] <= datetime.now(UTC)
        assert found[name].tzinfo is not None
    for one in (
        "2024-05-31T18:00:00Z",
        "2024-05-31T18:00:00.5+02:00",
        datetime(2024, 5, 31),
        1717178400.25,
        np.int64(1717178400),
    ):
        given = {"content": "x", "timestamp": one, "created_at": one, "updated_at": one}
        found = provider.retrieve_by_id(provider.store(given, TALK), TALK)
        assert found is not None
        assert {name: found[name] for name in given} == given
    assert "timestamp" not in (provider.list_all(LONG) or [provider.retrieve_by_id(provider.store({}, LONG), LONG)])[0]


@pytest.mark.parametrize("key", ["created_at", "updated_at", "timestamp"])
@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ("yesterday", "is 'yesterday': expected a time: a datetime, an ISO string, or seconds since 1970[.]"),
        ("Wed, 21 Oct 2015 07:28:00 GMT", "is 'Wed, 21 Oct 2015 07:28:00 GMT': expected a time"),
        (1750000003000, "is 1750000003000: .*; this number is in milliseconds: divide it by 1000"),
        (1750000003000.5, "in milliseconds"),
        (1750000003000000, r"seconds since 1970[.]"),
        (10**30, "is 10{30}: expected a time"),
        (10**308, "is a number of more than 308 digits"),
        (True, "is True: expected a time"),
        ("", "is '': expected a time"),
        ({"$date": 5}, "expected a time"),
        (date(2024, 5, 31), "expected a time"),
    ],
)
def test_row_18_what_names_no_instant_is_refused(provider: RecordProvider, key: str, bad: Any, told: str) -> None:
    provider.store({"_id": "a", "content": "x"}, TALK)
    before = provider.list_all(TALK)
    for call in (
        lambda: provider.store({key: bad}, TALK),
        lambda: provider.store_many([{}, {key: bad}], TALK),
        lambda: provider.update_by_id("a", {key: bad}, TALK),
    ):
        with pytest.raises(InputError, match=f"^{key} {told}" if told.startswith("is") else f"^{key} is .*{told}"):
            call()
    assert provider.list_all(TALK) == before
    provider.store({"_id": "b", key: None}, TALK)
    assert provider.retrieve_by_id("b", TALK)[key].tzinfo is not None


# --- updates (row 16) -------------------------------------------------------------------------------------------------


def test_row_16_an_update_merges(provider: RecordProvider) -> None:
    document = {"_id": "a", "name": "N", "content": "c", "x": {"y": 1}, "metadata": {"k": 1}, "embedding": embed("a"),
                "timestamp": "2024-01-01", "user_id": "u", "memory_id": "m"}  # fmt: skip
    provider.store(document, TALK)
    before = provider.retrieve_by_id("a", TALK)
    assert provider.update_by_id("a", {"content": 5, "x": None, "new": datetime(2024, 1, 1)}, TALK) is True
    after = provider.retrieve_by_id("a", TALK)
    assert before is not None
    assert after is not None
    assert after == {**before, "content": 5, "x": None, "new": datetime(2024, 1, 1), "updated_at": after["updated_at"]}
    assert after["updated_at"] > before["updated_at"]
    assert provider.update_by_id("a", {}, TALK) is True
    assert provider.update_by_id("a", {"content": 5}, TALK) is True  # the same again
    assert provider.update_by_id("a", {"embedding": embed("other")}, TALK) is True
    newest = provider.retrieve_by_id("a", TALK)
    assert newest is not None
    assert newest["timestamp"] == "2024-01-01"
    assert newest["embedding"] == embed("other")
    assert provider.update_by_id("a", {"embedding": None, "updated_at": "2024-01-02"}, TALK) is True
    last = provider.retrieve_by_id("a", TALK)
    assert last is not None
    assert (last["embedding"], last["updated_at"]) == (None, "2024-01-02")


@pytest.mark.parametrize(
    "change",
    [
        {"_id": "b"},
        {"id": "b"},
        {"user_id": "bob"},
        {"user_id": None},
        {"memory_id": "other"},
        {"memory_id": {"$ne": None}},
    ],
)
def test_row_16_an_update_moves_nothing_to_others(provider: RecordProvider, change: dict[str, Any]) -> None:
    provider.store({"_id": "a", "user_id": "alice", "memory_id": "m"}, LONG)
    with pytest.raises(InputError, match=r"cannot change|memory_id is of type dict"):
        provider.update_by_id("a", {**change, "x": 1}, LONG)
    same = {"_id": "a", "id": "a", "user_id": "alice", "memory_id": "m"}
    assert provider.update_by_id("a", {**same, "x": 2}, LONG) is True
    assert bare(provider.retrieve_by_id("a", LONG)) == {"user_id": "alice", "memory_id": "m", "x": 2}


@pytest.mark.parametrize("held", [{"user_id": "ann", "memory_id": "m"}, {"user_id": "ann"}, {"memory_id": "m"}, {}])
@pytest.mark.parametrize("kind", [LONG, TALK, MemoryType.TOOLBOX, MemoryType.MEMAGENT])
def test_storing_takes_no_document_of_another_over(
    provider: RecordProvider, kind: MemoryType, held: dict[str, Any]
) -> None:
    own = "agent_id" if kind is MemoryType.MEMAGENT else "_id"
    provider.store({own: "a", "instruction": "ann's", "embedding": [0.3, 0.4], **held}, kind)
    before = provider.retrieve_by_id("a", kind, include_embedding=True)
    for change in ({"user_id": "mal"}, {"memory_id": "other"}, {"user_id": None}, {"memory_id": None}, {"user_id": ""}):
        taken = {own: "a", "instruction": "mal's", **held, **change}
        if all(taken.get(key) == held.get(key) for key in ("user_id", "memory_id")):
            continue  # it is the same user's
        for call in (
            lambda taken=taken: provider.store(taken, kind),
            lambda taken=taken: provider.store_many([{"instruction": "another"}, taken], kind),
        ):
            with pytest.raises(InputError, match=r"cannot change (user|memory)_id, which says whose the document is"):
                call()
        assert provider.list_all(kind, include_embedding=True) == [before]
    provider.store({own: "a", "instruction": "new", **held}, kind)
    assert provider.store_many([provider.retrieve_by_id("a", kind)], kind) == ["a"]
    assert provider.retrieve_by_id("a", kind)["instruction"] == "new"


# --- several at once --------------------------------------------------------------------------------------------------


def test_many_documents_are_kept_in_one_step(provider: RecordProvider) -> None:
    provider.store({"_id": "a", "n": "old", "memory_id": "m"}, LONG)
    before = provider.retrieve_by_id("a", LONG)
    given = [{"_id": "a", "n": 1}, {"n": 2, "embedding": [1, 2]}, {"_id": "b", "n": 3}, {"_id": "b", "n": 4}]
    stored = provider.store_many(iter(given), LONG, memory_id="m")
    assert [stored[0], *stored[2:]] == ["a", "b", "b"]
    assert [one["n"] for one in provider.list_all(LONG)] == [4, 2, 1]
    assert {one["memory_id"] for one in provider.list_all(LONG)} == {"m"}
    after = provider.retrieve_by_id("a", LONG)
    assert before is not None
    assert after is not None
    assert after["created_at"] == before["created_at"]
    assert provider.store_many([], LONG) == []
    for bad in ({"embedding": [1, 2, 3]}, {"embedding": []}, {"x": float("nan")}, None):
        with pytest.raises(InputError):
            provider.store_many([{"n": "new"}, bad], LONG)
    assert len(provider.list_all(LONG)) == 3
    assert provider.retrieve_by_query([1, 2], LONG)["n"] == 2
    with pytest.raises(InputError, match="cannot change user_id"):
        provider.store_many([{"_id": "c", "user_id": "ann"}, {"_id": "c", "user_id": "mal"}], LONG)
    assert len(provider.list_all(LONG)) == 3
