"""Knowledge: texts in the long-term memory, kept paragraph by paragraph and found by what they say."""

import re

from memorizz.keeping import checked_provider, name_of, text_of
from memorizz.memory_provider.base import UNSET, MemoryProvider, Owner
from memorizz.memory_provider.ids import new_id
from memorizz.memory_provider.memory_type import MemoryType
from memorizz.memory_provider.results import Document, Results
from memu.errors import InputError

KNOWLEDGE = MemoryType.KNOWLEDGE_BASE
KNOWLEDGE_ID = "knowledge_base_id"
ALL = 2**31 - 1


class KnowledgeBase:
    """Texts of a provider: each has an id, by which its paragraphs belong together.

    Args:
        memory_provider: where they are kept.
    """

    def __init__(self, memory_provider: MemoryProvider) -> None:
        self.memory_provider = checked_provider(memory_provider)

    def ingest_knowledge(self, corpus: str, namespace: str | None = None, *, user_id: str | None = None) -> str:
        """Keep a text, one document for each paragraph, all or none of them, and return the id of the whole.

        Raises:
            InputError: the text is empty.
            ConfigError: there is no model to embed it with.
        """
        parts = paragraphs(text_of(corpus, "corpus"))
        if not parts:
            raise InputError("the corpus is empty: expected a text.")
        if namespace is not None:
            name_of(namespace, "namespace")
        if user_id is not None:
            name_of(user_id, "user_id")
        whole = new_id()
        common: Document = {KNOWLEDGE_ID: whole, "namespace": namespace, "user_id": user_id, "chunk_count": len(parts)}
        documents = [
            {**common, "content": part, "chunk_index": place, "embedding": self.memory_provider.embed_text(part)}
            for place, part in enumerate(parts)
        ]
        self.memory_provider.store_many(documents, KNOWLEDGE)
        return whole

    def retrieve_knowledge(self, knowledge_base_id: str, *, user_id: Owner = UNSET) -> Results:
        """The paragraphs of a text, in their order; none when there is no such text."""
        asked = {KNOWLEDGE_ID: name_of(knowledge_base_id, KNOWLEDGE_ID)}
        found = self.memory_provider.retrieve_by_query(asked, KNOWLEDGE, ALL, user_id=user_id)
        return Results(sorted(found, key=lambda one: one.get("chunk_index", 0)))

    def retrieve_knowledge_by_query(
        self, query: str, namespace: str | None = None, limit: int = 5, *, user_id: Owner = UNSET
    ) -> Results:
        """The paragraphs that are nearest to a text, the best first, of a namespace or of all."""
        asked = text_of(query, "query")
        return self.memory_provider.retrieve_by_query(asked, KNOWLEDGE, limit, namespace=namespace, user_id=user_id)

    def delete_knowledge(self, knowledge_base_id: str, *, user_id: Owner = UNSET) -> bool:
        """Delete the paragraphs of a text; whether there were any."""
        found = self.retrieve_knowledge(knowledge_base_id, user_id=user_id)
        return self.memory_provider.delete_many([one["_id"] for one in found], KNOWLEDGE, user_id=user_id) > 0


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a text: what stands between empty lines."""
    return [part.strip() for part in re.split(r"\n[^\S\n]*\n", text.replace("\r\n", "\n")) if part.strip()]
