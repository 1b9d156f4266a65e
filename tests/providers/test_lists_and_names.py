"""Documents among others: histories, lists with pages, names, deleting, and arguments that would reach further."""

from datetime import UTC, datetime
from typing import Any

import pytest

from memorizz.enums import MemoryType
from memorizz.memory_provider.provider import RecordProvider
from memu.errors import FilterError, InputError

LONG, TALK = MemoryType.LONG_TERM_MEMORY, MemoryType.CONVERSATION_MEMORY


def test_row_13_history_is_ascending_by_instant(provider: RecordProvider) -> None:
    times = [
        "2024-01-01T12:00:00+02:00",
        "2024-01-01T11:00:00Z",
        datetime(2024, 1, 1, 9, tzinfo=UTC),
        "2024-01-01T10:30:00",
    ]
    for place, time in enumerate(times):
        provider.store(
            {"content": str(place), "timestamp": time, "memory_id": "m", "thread_id": "odd" if place % 2 else "even"},
            TALK,
        )
    for place in range(4, 7):
        provider.store({"content": str(place), "timestamp": "2024-01-01T12:00:00Z", "memory_id": "m"}, TALK)
    provider.store({"content": "other", "memory_id": "m2"}, TALK)
    read = provider.retrieve_conversation_history_ordered_by_timestamp
    assert [one["content"] for one in read("m")] == ["2", "0", "3", "1", "4", "5", "6"]
    assert [one["content"] for one in read("m", limit=3)] == ["4", "5", "6"]
    assert [one["content"] for one in read("m", limit=0)] == []
    assert [one["content"] for one in read("m", thread_id="odd")] == ["3", "1"]
    assert [one["timestamp"] for one in read("m", limit=7)][:3] == [times[2], times[0], times[3]]
    assert read("M") == read("m%") == read("nobody's") == []
    assert "embedding" not in read("m")[0]
    assert read("m", include_embedding=True)[0]["embedding"] is None


def test_row_14_lists_are_newest_first_with_pages(provider: RecordProvider) -> None:
    ids = [provider.store({"n": place}, LONG) for place in range(7)]
    assert [one["_id"] for one in provider.list_all(LONG)] == ids[::-1]
    assert [one["n"] for one in provider.list_all(LONG, limit=3)] == [6, 5, 4]
    assert [one["n"] for one in provider.list_all(LONG, limit=3, offset=2)] == [4, 3, 2]
    assert [one["n"] for one in provider.list_all(LONG, offset=5)] == [1, 0]
    assert provider.list_all(LONG, offset=9) == provider.list_all(LONG, limit=0) == []
    provider.store({"n": "old", "created_at": "1999-01-01"}, LONG)
    assert provider.list_all(LONG)[-1]["n"] == "old"
    for bad in (-1, 1.5, True, "3"):
        with pytest.raises(InputError, match="limit is"):
            provider.list_all(LONG, limit=bad)  # type: ignore[arg-type]


def test_row_15_names(provider: RecordProvider) -> None:
    for n in range(3):
        provider.store({"name": "same", "n": n}, LONG)
    provider.store({"name": "Same", "n": "other"}, LONG)
    found = provider.retrieve_by_name("same", LONG)
    assert found is not None
    assert found["n"] == 2
    assert provider.delete_by_name("same", LONG) is True
    assert [one["n"] for one in provider.list_all(LONG)] == ["other", 1, 0]
    assert provider.delete_by_name("same", LONG, all=True) is True
    assert [one["n"] for one in provider.list_all(LONG)] == ["other"]
    assert provider.delete_by_name("same", LONG, all=True) is False
    assert provider.delete_by_name("same", LONG) is False
    assert provider.retrieve_by_name("%", LONG) is None


def test_row_17_delete_all_of_nothing_is_true(provider: RecordProvider) -> None:
    assert provider.delete_all(LONG) is True
    provider.store({}, LONG)
    provider.store({"_id": "kept"}, TALK)
    assert provider.delete_all("knowledge_base") is True
    assert provider.list_all(LONG) == []
    assert len(provider.list_all(TALK)) == 1


def test_arguments_that_hold_several_values_are_refused(provider: RecordProvider) -> None:
    """The operator injection of other providers: a dict where one value is meant."""
    provider.store({"name": "N", "memory_id": "m", "user_id": "u"}, TALK)
    bad: Any = {"$ne": None}
    calls = [
        lambda: provider.retrieve_by_id(bad, TALK),
        lambda: provider.delete_by_id(bad, TALK),
        lambda: provider.update_by_id(bad, {}, TALK),
        lambda: provider.retrieve_by_name(bad, TALK),
        lambda: provider.delete_by_name(bad, TALK, all=True),
        lambda: provider.list_all(TALK, bad),
        lambda: provider.retrieve_conversation_history_ordered_by_timestamp(bad),
        lambda: provider.retrieve_conversation_history_ordered_by_timestamp("m", user_id=bad),
        lambda: provider.retrieve_conversation_history_ordered_by_timestamp("m", thread_id=bad),
        lambda: provider.retrieve_by_query(None, TALK, memory_id=bad),
        lambda: provider.retrieve_by_query(None, TALK, user_id=bad),
        lambda: provider.retrieve_memory_components_by_query("x", memory_id=bad),
        lambda: provider.store({}, TALK, memory_id=bad),
        lambda: provider.store({"_id": bad}, TALK),
        lambda: provider.retrieve_memagent(bad),
        lambda: provider.delete_memagent(bad, cascade=True),
        lambda: provider.update_memagent_memory_ids(bad, []),
    ]
    for call in calls:
        with pytest.raises(FilterError, match="expected a single value"):
            call()
    assert len(provider.list_all(TALK)) == 1
