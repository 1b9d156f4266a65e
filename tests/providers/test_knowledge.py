"""Knowledge: kept in a provider part by part, found, and deleted whole."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memorizz import KnowledgeBase, MemoryType
from memorizz.knowledge_base import paragraphs
from memorizz.memory_provider.provider import RecordProvider
from memu.errors import InputError, VectorError

LONG = MemoryType.LONG_TERM_MEMORY
CORPUS = "  First one,\r\nof two lines.\r\n\r\n \t\n\nSecond zzzz.\n\n"


def test_knowledge_comes_back_in_order(provider: RecordProvider) -> None:
    knowledge = KnowledgeBase(provider)
    one, other = knowledge.ingest_knowledge(CORPUS, "a"), knowledge.ingest_knowledge("Third zzzz.", "b")
    found = knowledge.retrieve_knowledge(one)
    assert [part["content"] for part in found] == ["First one,\nof two lines.", "Second zzzz."]
    assert [(part["chunk_index"], part["chunk_count"]) for part in found] == [(0, 2), (1, 2)]
    assert {part["knowledge_base_id"] for part in found} == {one}
    assert knowledge.retrieve_knowledge_by_query("Second zzzz.")["content"] == "Second zzzz."
    assert [part["content"] for part in knowledge.retrieve_knowledge_by_query("zzzz", "b")] == ["Third zzzz."]
    assert len(knowledge.retrieve_knowledge_by_query("zzzz", limit=2)) == 2
    assert knowledge.delete_knowledge(one) is True
    assert knowledge.delete_knowledge(one) is False
    assert knowledge.retrieve_knowledge(one) == []
    assert len(knowledge.retrieve_knowledge(other)) == 1


def test_knowledge_is_kept_whole_or_not_at_all(provider: RecordProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    knowledge = KnowledgeBase(provider)
    monkeypatch.setattr(provider, "embed_text", lambda text: [1.0] * (2 if text == "c" else 3))
    with pytest.raises(VectorError, match="dimension"):
        knowledge.ingest_knowledge("a\n\nb\n\nc")
    assert provider.list_all(LONG) == []
    assert len(knowledge.retrieve_knowledge(knowledge.ingest_knowledge("a\n\nb"))) == 2


def test_knowledge_is_deleted_whole_or_not_at_all(provider: RecordProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    knowledge, writer, done = KnowledgeBase(provider), provider._store.writer, []
    whole = knowledge.ingest_knowledge("a\n\nb\n\nc")
    real = writer.erase

    def fails(*given: Any) -> int:
        done.append(real(*given))
        raise OSError("gone")

    monkeypatch.setattr(writer, "erase", fails)
    with pytest.raises(OSError, match="gone"):
        knowledge.delete_knowledge(whole)
    monkeypatch.undo()
    assert (done, len(knowledge.retrieve_knowledge(whole))) == ([3], 3)
    assert knowledge.delete_knowledge(whole) is True


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((" \n\n ",), "the corpus is empty: expected a text"),
        ((5,), "corpus is a int"),
        (("a", ""), "namespace is ''"),
    ],
)
def test_wrong_knowledge_is_refused(provider: RecordProvider, arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        KnowledgeBase(provider).ingest_knowledge(*arguments)
    assert provider.list_all(LONG) == []


@given(st.lists(st.text("ab \n", min_size=1)))
def test_paragraphs_lose_no_word(parts: list[str]) -> None:
    text = "\n\n".join(parts)
    assert " ".join(paragraphs(text)).split() == text.split()
    assert all(part.strip() == part and part for part in paragraphs(text))
