"""References to items: in texts, in the summaries of categories, and followed by `retrieve`."""

from collections.abc import Iterator
from typing import Any

import pytest

from memu import MemoryService
from memu.extract.model_summaries import CITE, Material, SummariesAnswer, read_summaries, summaries_prompt
from memu.settings import MemorizeConfig
from memu.testing.speech import FACTS, talk
from memu.utils.references import (
    build_item_reference_map,
    extract_references,
    fetch_referenced_items,
    format_references_as_citations,
    keep_references,
    strip_references,
)

NO_VECTORS = {"provider": "none"}
FAKE = "I keep my [ref:00000000] bees in Lisbon."


def service(**settings: Any) -> MemoryService:
    return MemoryService(user_id="ida", embedding_config=NO_VECTORS, **settings)


@pytest.fixture
def memory() -> Iterator[MemoryService]:
    settings = {"item": {"use_category_references": True, "top_k": 1}, "category": {"top_k": 3}}
    with service(memorize_config={"enable_item_references": True}, retrieve_config=settings) as memory:
        memory.sync.memorize(talk([*FACTS, FAKE]))
        yield memory


def summaries(memory: MemoryService) -> dict[str, str]:
    found = memory.sync.list_memory_categories()["categories"]
    return {one["name"]: one["summary"] for one in found if one["summary"]}


def test_references_of_a_text() -> None:
    text = "[ref:aaaa1111] Rye. [ref:bbbb2222, aaaa1111]\nTea [ref:x.y]. [ref:] [ref:a b] [REF:c]"
    assert extract_references(text) == ["aaaa1111", "bbbb2222", "x.y"]
    assert extract_references(None) == []
    assert strip_references(text) == "Rye.\nTea. [ref:] [ref:a b] [REF:c]"
    assert keep_references("Rye. [ref:a,b] Tea. [ref:c]", {"a": "A"}) == "Rye. [ref:A] Tea."
    assert format_references_as_citations("Rye [ref:a,b]. Tea [ref:a].", {"a": "Said Ida"}) == (
        "Rye [1][2]. Tea [1].\n\n[1] Said Ida\n[2] b"
    )
    assert format_references_as_citations("Rye.") == "Rye."


def test_long_blanks_take_no_time() -> None:
    text = " " * 200_000 + "[ref:a" + " " * 200_000
    assert strip_references(text) == text


def test_short_references_are_as_long_as_they_must_be() -> None:
    ids = ["aaaaaaaa-1", "aaaaaaaa-22", "bbbbbbbbbb", "cc", "aaaaaaaa-2"]
    made = build_item_reference_map({"id": one} for one in ids)
    assert made == {
        "aaaaaaaa-1": "aaaaaaaa-1",
        "aaaaaaaa-2": "aaaaaaaa-2",
        "aaaaaaaa-22": "aaaaaaaa-22",
        "bbbbbbbbbb": "bbbbbbbb",
        "cc": "cc",
    }
    assert build_item_reference_map([{"id": "bbbbbbbbbb"}]) == {"bbbbbbbbbb": "bbbbbbbb"}


def test_summaries_cite_and_stripped_are_the_plain_ones(memory: MemoryService) -> None:
    with service() as plain:
        plain.sync.memorize(talk([*FACTS, FAKE.replace(" [ref:00000000]", "")]))
        assert {name: strip_references(text) for name, text in summaries(memory).items()} == summaries(plain)
    for text in summaries(memory).values():
        items = fetch_referenced_items(text, memory.database)
        assert len(items) == len(text.splitlines())
        for item, line in zip(items.values(), text.splitlines(), strict=True):
            assert strip_references(item.summary) in line


def test_what_is_deleted_is_cited_no_more(memory: MemoryService) -> None:
    cited = [one for text in summaries(memory).values() for one in extract_references(text)]
    memory.sync.delete_memory_item(memory_id=cited[0])
    assert not any(cited[0] in text for text in summaries(memory).values())


def test_retrieve_follows_the_citations_of_found_categories(memory: MemoryService) -> None:
    answer = memory.sync.retrieve("Which plans for Iceland in summer?")
    found, *cited = answer["items"]
    assert "cited_by" not in found
    assert (len(cited), answer["signals"]["cited_items"]) == (1, 1)
    names = {one["name"]: one["summary"] for one in answer["categories"]}
    assert all(cited[0]["id"] in names[name] for name in cited[0]["cited_by"])
    none = memory.sync.retrieve("Which plans for Iceland in summer?", {"speaker": "nobody"})
    assert (none["items"], none["signals"]["cited_items"]) == ([], 0)
    above = cited[0]["score"] + 0.01
    assert len(memory.sync.retrieve("Which plans for Iceland in summer?", min_score=above)["items"]) == 1


def test_references_are_no_words_to_search_for(memory: MemoryService) -> None:
    assert memory.sync.retrieve("ref", min_score=0.01)["categories"] == []


def test_a_model_cites_only_what_it_was_shown() -> None:
    settings = MemorizeConfig(enable_item_references=True)
    material = Material("goals", None, ["I plan a trip. [ref:aaaa1111]"], {"aaaa1111": "aaaa1111-long"})
    told = str(summaries_prompt(settings, [material]))
    assert CITE.partition(", such")[0] in told
    assert "[ref:aaaa1111]" in told
    answer = SummariesAnswer.model_validate(
        {"summaries": [{"category": "Goals", "summary": "A trip. [ref:aaaa1111] More. [ref:ffff0000]"}]}
    )
    assert read_summaries(settings, [material], answer) == {"goals": "A trip. [ref:aaaa1111-long] More."}
