"""What a memory provider does, whatever it keeps the documents in."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any, Final

from memorizz.memory_provider.agents import MemAgentModel, agent_document
from memorizz.memory_provider.memory_type import MemoryType
from memorizz.memory_provider.results import Document, Results
from memu.errors import ConfigError, InputTypeError

TypeName = MemoryType | str
"""A memory type, or its value."""


class Unset(Enum):
    """The argument that was not given, where None has a meaning of its own."""

    UNSET = "not given"


UNSET: Final = Unset.UNSET
Owner = str | Unset | None
"""Whose rows, or of which memory: not given, all; None, those of nobody; a name, that user's."""


class MemoryProvider(ABC):
    """Documents by memory type: kept, found by their vectors and values, changed and deleted.

    A document is a dict with string keys. It comes back with `_id` and `id`, the same string, and with `created_at` and
    `updated_at`; all else is as it was given. `embedding` is left out unless `include_embedding` asks for it.

    In every read `user_id` has three states: not given, all rows are read; None, those without a user; a name, that
    user's (of the knowledge base, the toolbox and the skillbox also those of nobody). `update_by_id` and the deletes by
    id and by name take it as well: a user's name reaches that user's documents only, never those of nobody.

    A provider of your own must have the methods that are abstract; the others have a default.

    An id that is malformed or names nothing gives None or False; a database that cannot be reached raises
    ConnectionError. Any filter value, id or name that is a dict or a list where one value is meant raises FilterError.
    """

    @abstractmethod
    def store(
        self,
        data: Any = None,
        memory_store_type: TypeName | None = None,
        memory_id: str | None = None,
        memory_unit: Any = None,
    ) -> str:
        """Keep a document and return its id; one of the same `_id` (or `id`) is replaced, in one step.

        Args:
            data: the document: a dict, a pydantic model, or an object with `to_dict`.
            memory_store_type: what it is.
            memory_id: the memory that it belongs to, when the document does not say.
            memory_unit: another name for `data`.

        Raises:
            InputError: the document holds something that JSON cannot, a time that names no instant, or two ids that
                differ; or the one that it would replace has another `user_id` or `memory_id`.
            VectorError: its embedding is no vector, or of another dimension than the table's.
        """

    def store_many(
        self, rows: Iterable[Any], memory_store_type: TypeName | None = None, *, memory_id: str | None = None
    ) -> list[str]:
        """Keep several documents of one type; their ids, in order. The providers here do it in one step."""
        return [self.store(row, memory_store_type, memory_id) for row in rows]

    @abstractmethod
    def retrieve_by_query(
        self,
        query: Any,
        memory_store_type: TypeName | None = None,
        limit: int | None = None,
        memory_id: str | None = None,
        memory_type: TypeName | None = None,
        *,
        user_id: Owner = UNSET,
        thread_id: str | None = None,
        namespace: str | None = None,
        agent_id: str | None = None,
        knowledge_base_ids: Sequence[str] | None = None,
        statuses: Sequence[str] | None = None,
        include_embedding: bool = False,
    ) -> Results:
        """The documents that are nearest to a query, or the newest that meet its filters.

        Args:
            query: a text; a vector; a dict with `embedding`, or with `query` or `text`, whose other keys are filters
                (and `limit`); a dict of filters only; or None for any. A filter names a key of the document, or
                `metadata.key`, and a value; a dot in any other key is a character of it. None asks for documents
                without it, a list for any of its values.
            memory_store_type: what is searched.
            limit: the most documents; 1 when neither this nor the query says.
            memory_id: only documents of this memory.
            memory_type: another name for `memory_store_type`, which it overrules.
            user_id: whose documents, see the class.
            thread_id: only documents of this thread.
            namespace: only documents of this namespace.
            agent_id: only documents of this agent.
            knowledge_base_ids: only documents of one of these knowledge bases.
            statuses: only documents with one of these as `status`.
            include_embedding: whether `embedding` is among the keys.

        Returns:
            At most `limit` documents; with a query vector each has `score`, the cosine similarity, and `distance`,
            1 - `score`: the best first, ties by id. If so many with an embedding meet the filters, so many come.

        Raises:
            FilterError: a filter's value is one that cannot be compared.
            InputError: `embedding`, `query` or `text` is there and None.
            VectorError: the query's vector is of another dimension than the table's.
        """

    @abstractmethod
    def retrieve_by_id(
        self, id: Any, memory_store_type: TypeName, *, include_embedding: bool | None = None, user_id: Owner = UNSET
    ) -> Document | None:
        """The document of an id; its embedding comes along for types that hold content, unless it is said."""

    @abstractmethod
    def retrieve_by_name(
        self, name: str, memory_store_type: TypeName, *, include_embedding: bool = False, user_id: Owner = UNSET
    ) -> Document | None:
        """The newest document of a name."""

    @abstractmethod
    def delete_by_id(self, id: Any, memory_store_type: TypeName, *, user_id: Owner = UNSET) -> bool:
        """Delete a document; whether there was one."""

    @abstractmethod
    def delete_by_name(
        self, name: str, memory_store_type: TypeName, *, all: bool = False, user_id: Owner = UNSET
    ) -> bool:
        """Delete the newest document of a name, or all of them; whether there was one."""

    @abstractmethod
    def delete_all(self, memory_store_type: TypeName) -> bool:
        """Delete every document of a type, and forget the dimension of its vectors; True."""

    @abstractmethod
    def list_all(
        self,
        memory_store_type: TypeName,
        user_id: Owner = UNSET,
        *,
        limit: int | None = None,
        offset: int = 0,
        include_embedding: bool = False,
    ) -> Results:
        """All documents of a type, the newest first, or a page of them."""

    @abstractmethod
    def retrieve_conversation_history_ordered_by_timestamp(
        self,
        memory_id: str,
        memory_type: TypeName | None = None,
        limit: int | None = None,
        user_id: Owner = UNSET,
        thread_id: str | None = None,
        *,
        include_embedding: bool = False,
    ) -> Results:
        """What was said in a memory, the oldest first; with a limit the newest so many of it.

        `thread_id` asks for one conversation: the messages that have it as `thread_id` or as `conversation_id`.
        """

    @abstractmethod
    def update_by_id(self, id: Any, data: Any, memory_store_type: TypeName, *, user_id: Owner = UNSET) -> bool:
        """Set some keys of a document, in one step; whether there was one.

        Raises:
            InputError: the id, the user or the memory would change: delete the document and store another.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of every connection; idempotent. Later calls raise ClosedError."""

    @abstractmethod
    def store_memagent(self, memagent: Any) -> str:
        """Keep an agent: one of the same `agent_id` is replaced. Returns the id, which also answers `["_id"]`."""

    def retrieve_memagent(self, agent_id: str) -> MemAgentModel | None:
        """An agent by its id."""
        found = self.retrieve_by_id(agent_id, MemoryType.MEMAGENT)
        return None if found is None else MemAgentModel(**found)

    def update_memagent(self, memagent: Any) -> bool:
        """Set what the given agent holds; whether there was one of its `agent_id`."""
        document = agent_document(memagent)
        return self.update_by_id(document["_id"], document, MemoryType.MEMAGENT)

    @abstractmethod
    def list_memagents(self) -> list[MemAgentModel]:
        """All agents, the newest first."""

    @abstractmethod
    def delete_memagent(self, agent_id: str, cascade: bool = False) -> bool:
        """Delete an agent; whether there was one.

        Args:
            agent_id: the agent.
            cascade: also delete what is in its memories, in all tables and in one step, except for memories that
                another agent has as well.

        Raises:
            NotFoundError: there is no such agent, and `cascade` was asked for.
        """

    @abstractmethod
    def update_memagent_memory_ids(self, agent_id: str, memory_ids: Sequence[str]) -> bool:
        """Say which memories an agent has; whether there was one of that id."""

    @abstractmethod
    def delete_memagent_memory_ids(self, agent_id: str) -> bool:
        """Let an agent have no memories; whether there was one of that id."""

    def retrieve_memory_components_by_query(
        self,
        query: str | None = None,
        query_embedding: Sequence[float] | None = None,
        memory_id: str | None = None,
        memory_type: TypeName | None = None,
        limit: int = 5,
        *,
        user_id: Owner = UNSET,
    ) -> Results:
        """What was said that is nearest to a text or, when one is given, to its vector."""
        asked = query if query_embedding is None else {"embedding": query_embedding}
        kind = MemoryType.CONVERSATION_MEMORY if memory_type is None else memory_type
        return self.retrieve_by_query(asked, kind, limit, memory_id, user_id=user_id)

    def retrieve_memory_units_by_query(
        self,
        query: str | None = None,
        query_embedding: Sequence[float] | None = None,
        memory_id: str | None = None,
        memory_type: TypeName | None = None,
        limit: int = 5,
        *,
        user_id: Owner = UNSET,
    ) -> Results:
        """The later name of `retrieve_memory_components_by_query`."""
        return self.retrieve_memory_components_by_query(
            query, query_embedding, memory_id, memory_type, limit, user_id=user_id
        )

    def delete_many(self, ids: Sequence[str], memory_store_type: TypeName, *, user_id: Owner = UNSET) -> int:
        """Delete several documents of one type; how many there were. The providers here do it in one step."""
        return sum(self.delete_by_id(one, memory_store_type, user_id=user_id) for one in ids)

    def delete_scope(
        self, *, memory_id: Owner = UNSET, user_id: Owner = UNSET, agent_ids: Sequence[str] | None = None
    ) -> dict[str, int]:
        """Delete the documents of every type that are of a memory, a user and any of some agents, in one step.

        Args:
            memory_id: only documents of this memory; None, those of no memory.
            user_id: only this user's; None, those of nobody.
            agent_ids: only documents whose `agent_id` is one of these.

        Returns:
            How many there were, by the values of the memory types.

        Raises:
            InputError: nothing is given; `delete_all` empties a type.
            NotImplementedError: the provider cannot do so.
        """
        raise NotImplementedError(f"{type(self).__name__} deletes no scopes: override delete_scope.")

    def delete_memory_units(self, memory_id: str) -> dict[str, int]:
        """Delete the documents of every type that are of a memory, in one step; how many there were, by type."""
        if not isinstance(memory_id, str):
            raise InputTypeError(f"memory_id is of type {type(memory_id).__name__}: expected a string.")
        return self.delete_scope(memory_id=memory_id)

    def embed_text(self, text: str) -> list[float]:
        """The vector of a text, as queries that are texts are searched with; for documents that texts should find.

        Raises:
            ConfigError: there is no model to embed a text with.
            InputError: the text is empty.
        """
        raise ConfigError(f"{type(self).__name__} embeds no texts: override embed_text, or give vectors.")

    def supports_entity_memory(self) -> bool:
        """Whether entities can be kept; False unless a provider says so."""
        return False
