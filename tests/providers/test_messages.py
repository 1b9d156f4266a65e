"""Messages: a history in a provider, of objects that come back as they were."""

from datetime import UTC, datetime
from typing import Any

import pytest

from memorizz import ConversationMemoryUnit, MemoryType, RoleType
from memorizz.memory_provider.provider import RecordProvider
from memu.errors import InputError, VectorError

TALK = MemoryType.CONVERSATION_MEMORY


def test_messages_are_a_history(provider: RecordProvider) -> None:
    for minute, (role, content) in enumerate([("user", "Hi"), ("assistant", "Hello"), ("user", "Bye")]):
        moment = datetime(2025, 3, 1, 9, 10 - minute, tzinfo=UTC)
        ConversationMemoryUnit(role, content, moment, "m1", "t1").store(provider)  # type: ignore[arg-type]
    ConversationMemoryUnit("user", "Elsewhere", memory_id="m2").store(provider)
    history = provider.retrieve_conversation_history_ordered_by_timestamp("m1", thread_id="t1")
    units = [ConversationMemoryUnit.from_dict(one) for one in history]
    assert [unit.content for unit in units] == ["Bye", "Hello", "Hi"]
    assert units[0].timestamp == "2025-03-01T09:08:00+00:00"
    assert {unit.conversation_id for unit in units} == {unit.thread_id for unit in units} == {"t1"}
    assert provider.retrieve_memory_components_by_query("Hello", memory_id="m1", limit=1)["content"] == "Hello"


@pytest.mark.parametrize("kind", [TALK, MemoryType.SHORT_TERM_MEMORY])
def test_a_history_knows_a_conversation_by_either_name(provider: RecordProvider, kind: MemoryType) -> None:
    threads: list[dict[str, str]] = [
        {"conversation_id": "c"}, {"thread_id": "c"}, {"conversation_id": "other"}, {"conversation_id": "c"},
        {"conversation_id": "c", "thread_id": "c"}, {}, {"thread_id": "t", "conversation_id": "c"},
    ]  # fmt: skip
    for hour, names in enumerate(threads):
        time = {"created_at": f"2025-03-01T{20 - hour:02}:00:00Z"}
        time |= {"timestamp": time["created_at"]} if kind is TALK else {}
        provider.store({"_id": str(hour), "memory_id": "m", "user_id": "u", **names, **time}, kind)
    provider.store({"_id": "elsewhere", "memory_id": "n", "conversation_id": "c"}, kind)
    provider.store({"_id": "bob's", "memory_id": "m", "user_id": "bob", "conversation_id": "c"}, kind)
    ask = provider.retrieve_conversation_history_ordered_by_timestamp
    for limit in (0, 1, 2, 4, 5, None):
        found = [one["_id"] for one in ask("m", kind, limit, "u", "c")]
        assert found == ["6", "4", "3", "1", "0"][None if limit is None else 5 - limit :]
    assert [one["_id"] for one in ask("m", kind, thread_id="t")] == ["6"]
    assert [one["_id"] for one in ask("m", kind, user_id="u")] == [str(hour) for hour in reversed(range(7))]
    assert ask("m", kind, thread_id="nobody's") == []


def test_messages_of_one_instant_stay_in_their_order(provider: RecordProvider) -> None:
    for n in range(8):
        name = ("thread_id", "conversation_id")[n % 2]
        provider.store({"_id": str(n), "memory_id": "m", name: "c", "timestamp": "2025-03-01"}, TALK)
    for asked in ({}, {"thread_id": "c"}):
        history = provider.retrieve_conversation_history_ordered_by_timestamp("m", **asked)
        assert [one["_id"] for one in history] == list("01234567")


def test_a_message_comes_back_and_stores_again_as_itself(provider: RecordProvider) -> None:
    unit = ConversationMemoryUnit(
        RoleType.ASSISTANT,  # type: ignore[arg-type]
        "Hi",
        memory_id="m1",
        thread_id="t",
        recall_recency=0.5,
        associated_conversation_ids=["a", "b"],
    )
    assert unit.role == "Virtual Assistant"
    assert datetime.fromisoformat(unit.timestamp).tzinfo is UTC
    assert unit.store(provider) == unit.id
    found = ConversationMemoryUnit.from_dict(provider.retrieve_by_id(unit.id, TALK))
    assert found == unit
    unit.content = "Ho"
    assert unit.store(provider) == found.id
    assert len(provider.list_all(TALK)) == 1
    assert ConversationMemoryUnit.from_dict(unit.to_dict()) == unit


def test_a_message_without_words_is_kept(provider: RecordProvider) -> None:
    unit = ConversationMemoryUnit("assistant", " \n", memory_id="m1")
    unit.store(provider)
    assert unit.embedding is None
    history = provider.retrieve_conversation_history_ordered_by_timestamp("m1")
    assert ConversationMemoryUnit.from_dict(history[0]) == unit


def test_both_names_of_a_conversation_may_differ() -> None:
    unit = ConversationMemoryUnit("user", "hi", conversation_id="c", thread_id="t")
    assert (unit.conversation_id, unit.thread_id) == ("c", "t")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"role": None}, "role is a NoneType"),
        ({"content": 5}, "content is a int: expected a string"),
        ({"timestamp": "noon"}, "timestamp is 'noon': expected an ISO string"),
        ({"memory_id": ""}, "memory_id is ''"),
        ({"associated_conversation_ids": "abc"}, "associated_conversation_ids is no list of strings"),
        ({"associated_conversation_ids": [1]}, "associated_conversation_ids is no list of strings"),
        ({"associated_conversation_ids": 5}, "associated_conversation_ids is no list of strings"),
    ],
)
def test_wrong_messages_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ConversationMemoryUnit(**{"role": "user", "content": "hi", **arguments})


def test_a_message_with_another_dimension_is_refused(provider: RecordProvider) -> None:
    ConversationMemoryUnit("user", "hi").store(provider)
    with pytest.raises(VectorError, match="dimension"):
        ConversationMemoryUnit("user", "hi", embedding=[1.0, 2.0]).store(provider)
    assert len(provider.list_all(TALK)) == 1
