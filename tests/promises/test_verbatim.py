"""P7: the words stay, and every item points at the words it came from."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.backends import BACKENDS, SERVERS
from memu.errors import MemuError
from memu.testing import ALICE
from memu.testing.speech import FACTS
from promises.worlds import fresh

CASES = {
    kind: settings(derandomize=True, deadline=None, database=None, max_examples=30 if kind in SERVERS else 60)
    for kind in BACKENDS
}
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)
NOISE = st.sampled_from(["Hi!", "ok", "😀", "\n\n", "…", " \t ", "---", "# ", "- ", "> ", "|a|b|", "“", "Mr. X said: "])
SAID = st.lists(st.sampled_from(FACTS) | NOISE | WORDS, min_size=1, max_size=6).map(" ".join)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"content": SAID, "role": st.sampled_from(["user", "assistant"])},
        optional={
            "name": st.sampled_from(["Anna", "Ben", "Żaneta", "李"]),
            "created_at": st.just("2024-05-08T13:56:00"),
        },
    ),
    min_size=1,
    max_size=6,
)


@pytest.mark.parametrize("kind", BACKENDS, ids=lambda kind: kind.name)
def test_random_conversations_keep_their_words(kind: Any, tmp_path: Path) -> None:
    pointed = 0
    with fresh(kind, tmp_path) as backend, backend.service() as service:
        memory = service.sync

        @CASES[kind]
        @given(MESSAGES)
        def kept(messages: list[dict[str, Any]]) -> None:
            nonlocal pointed
            memory.clear_memory(ALICE)
            try:
                result = memory.memorize(messages, user=ALICE)
            except MemuError:
                assert not any(one["content"].strip() for one in messages)
                return
            resource = result["resource"]["id"]
            text = memory.get_resource_text(resource, user=ALICE)
            told = {one["id"]: one for one in memory.get_resource_messages(resource, user=ALICE)}
            spoken = {str(place): one for place, one in enumerate(messages) if one["content"].strip()}
            assert {place: one["text"] for place, one in told.items()} == {
                place: one["content"] for place, one in spoken.items()
            }
            for item in result["items"]:
                source = item["source"]
                words = text[source["start"] : source["end"]]
                assert words.strip()
                assert item["summary"] == words or item["extra"].get("note"), (item["summary"], words)
                assert source["message_ids"]
                around = [told[one] for one in source["message_ids"]]
                assert min(one["start"] for one in around) <= source["start"]
                assert source["end"] <= max(one["end"] for one in around)
                pointed += 1
            assert memory.memorize(messages, user=ALICE)["status"] == "unchanged"

        kept()
    assert pointed > (50 if kind in SERVERS else 100)


@pytest.mark.parametrize("kind", BACKENDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("modality", ["text", "document"])
def test_random_texts_keep_their_words(kind: Any, modality: str, tmp_path: Path) -> None:
    with fresh(kind, tmp_path) as backend, backend.service() as service:
        memory = service.sync

        @CASES[kind]
        @given(st.lists(SAID | st.just("\n\n# Heading\n\n") | st.just("\n- "), min_size=1, max_size=6).map("\n".join))
        def kept(text: str) -> None:
            memory.clear_memory(ALICE)
            try:
                result = memory.memorize(text, user=ALICE, modality=modality)
            except MemuError:
                return
            held = memory.get_resource_text(result["resource"]["id"], user=ALICE)
            assert held == text
            for item in result["items"]:
                words = held[item["source"]["start"] : item["source"]["end"]]
                assert item["summary"] == words or item["extra"].get("note"), (item["summary"], words)

        kept()
