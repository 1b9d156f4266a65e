"""The provider: every method once, over whatever record store its config opens."""

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from typing import Any, ClassVar, Self, TypeVar

from memorizz.memory_provider.agents import (
    AGENT_ID,
    MEMORY_IDS,
    MemAgentModel,
    StoredId,
    agent_document,
    checked_memories,
    delete_with_memories,
    memory_ids,
)
from memorizz.memory_provider.aio import AsyncMemoryProvider
from memorizz.memory_provider.base import UNSET, MemoryProvider, Owner, TypeName
from memorizz.memory_provider.config import Opened, Opening, ProviderConfig, checked_config, taken_down
from memorizz.memory_provider.documents import BARE, EMBEDDING, Given, as_mapping, changed, vector_of
from memorizz.memory_provider.filters import conditions, of_owner
from memorizz.memory_provider.ids import known_id, refuse_many, row_id
from memorizz.memory_provider.memory_type import MemoryType, memory_type
from memorizz.memory_provider.queries import Query, checked_limit, read_query, scope
from memorizz.memory_provider.reading import NEWEST_FIRST, Reading
from memorizz.memory_provider.residents import Found
from memorizz.memory_provider.results import Document, Results
from memu.backends.base import Condition, Row, Transaction, equals
from memu.backends.filters import matches
from memu.errors import InputError, InputTypeError, NotFoundError

logger = logging.getLogger("memorizz.memory_provider")

Answer = TypeVar("Answer")

AGENTS = MemoryType.MEMAGENT
THREAD_NAMES = ("thread_id", "conversation_id")
"""The keys that say of which conversation a message is: the later name and the earlier one."""

TRIES = 4
"""How often a search is made, when rows that it found were deleted or changed before they could be read."""


class RecordProvider(MemoryProvider):
    """A provider over a record store. A subclass names its config; what it does in `__init__` is its own affair.

    The store is opened when the provider is made or, for subclasses that do not call `super().__init__`, when it is
    first used: by the config among the subclass's own arguments. What is handed to `super().__init__` counts before
    that.
    """

    config_type: ClassVar[type[ProviderConfig]]
    _opening: Opening

    def __new__(cls, *given: Any, **named: Any) -> Self:
        """Take the config down, for subclasses that hand none to `__init__` here; whether it is sound shows later."""
        provider = super().__new__(cls)
        provider._opening = Opening(partial(taken_down, cls.config_type, given, named))
        return provider

    def __init__(self, config: Any = None) -> None:
        """Open the store, and make its tables where they are missing.

        Args:
            config: an instance of `config_type`, or a dict of its arguments; its defaults when it is not given.

        Raises:
            InputTypeError: the config is of another kind.
            StorageUnavailable: the database cannot be reached (a ConnectionError).
            SchemaError: its tables are not as they should be.
        """
        if config is not None or not self._opening.is_known:
            chosen = checked_config(self.config_type, config)
            self._opening = Opening(lambda: chosen)
        _ = self._store

    @property
    def config(self) -> ProviderConfig:
        """What the provider was made with."""
        return self._opening.config

    @cached_property
    def aio(self) -> AsyncMemoryProvider:
        """The same methods as coroutines."""
        return AsyncMemoryProvider(self)

    @property
    def _store(self) -> Opened:
        return self._opening.opened

    def _read(
        self,
        kind: MemoryType,
        owner: Sequence[Condition],
        read: Callable[[Reading], Answer],
        *,
        include_embedding: bool = False,
        several: bool = False,
    ) -> Answer:
        """What one question finds in a table, or several on one state of it."""

        def asked(reader: Transaction) -> Answer:
            return read(Reading(reader, kind, owner, include_embedding=include_embedding))

        if not several:
            return self._store.records.glance(asked)
        with self._store.records.reader() as reader:
            return asked(reader)

    # --- documents ----------------------------------------------------------------------------------------------------

    def store(
        self,
        data: Any = None,
        memory_store_type: TypeName | None = None,
        memory_id: str | None = None,
        memory_unit: Any = None,
    ) -> str:
        source = data if data is not None else memory_unit
        given = _given(source, memory_type(memory_store_type, getattr(source, "memory_type", None)), memory_id)
        dimension = None if given.vector is None else len(given.vector)
        self._store.writer.write(given.kind, given.key, given.row, dimension=dimension, new=given.is_new)
        logger.debug("stored %s in %s", given.key, given.kind.value)
        return given.id

    def store_many(
        self, rows: Iterable[Any], memory_store_type: TypeName | None = None, *, memory_id: str | None = None
    ) -> list[str]:
        kind = memory_type(memory_store_type)
        given = [_given(row, kind, memory_id) for row in rows]
        if given:
            self._store.writer.write_many(kind, given)
        logger.debug("stored %d documents in %s", len(given), kind.value)
        return [one.id for one in given]

    def update_by_id(self, id: Any, data: Any, memory_store_type: TypeName, *, user_id: Owner = UNSET) -> bool:
        kind, known = memory_type(memory_store_type), known_id(id)
        owner = of_owner(kind, user_id, shared=False)
        if known is None:
            return False
        changes = as_mapping(data)
        if kind is AGENTS:
            changes |= checked_memories(changes)
            if changes.get(AGENT_ID, known) != known:
                raise InputError("an update cannot change agent_id, which is the id: store another agent.")
        vector = vector_of(changes.get(EMBEDDING))

        def change(held: Row | None) -> Row | None:
            return changed(kind, held, changes) if held is not None and matches(held, owner) else None

        dimension = None if vector is None else len(vector)
        return self._store.writer.write(kind, row_id(kind, known), change, dimension=dimension)

    def retrieve_by_id(
        self, id: Any, memory_store_type: TypeName, *, include_embedding: bool | None = None, user_id: Owner = UNSET
    ) -> Document | None:
        kind, known = memory_type(memory_store_type), known_id(id)
        wanted = kind not in BARE if include_embedding is None else include_embedding
        where = None if known is None else equals(id=row_id(kind, known))
        return self._first(kind, where, user_id, include_embedding=wanted)

    def retrieve_by_name(
        self, name: str, memory_store_type: TypeName, *, include_embedding: bool = False, user_id: Owner = UNSET
    ) -> Document | None:
        known = known_id(name, "name")
        where = None if known is None else equals(name=known)
        return self._first(memory_type(memory_store_type), where, user_id, include_embedding=include_embedding)

    def _first(
        self, kind: MemoryType, where: list[Condition] | None, user_id: Owner, *, include_embedding: bool
    ) -> Document | None:
        """The newest document that meets conditions; none meets None."""
        owner = of_owner(kind, user_id)
        if where is None:
            return None
        conditions = [*where, *owner]
        return self._read(kind, owner, lambda reading: reading.first(conditions), include_embedding=include_embedding)

    def delete_by_id(self, id: Any, memory_store_type: TypeName, *, user_id: Owner = UNSET) -> bool:
        kind, known = memory_type(memory_store_type), known_id(id)
        owner = of_owner(kind, user_id, shared=False)
        return known is not None and self._store.writer.delete(kind, row_id(kind, known), owner)

    def delete_by_name(
        self, name: str, memory_store_type: TypeName, *, all: bool = False, user_id: Owner = UNSET
    ) -> bool:
        kind, known = memory_type(memory_store_type), known_id(name, "name")
        owner = of_owner(kind, user_id, shared=False)
        if known is None:
            return False
        where = [*equals(name=known), *owner]
        if all:
            return self._store.writer.delete_where(kind, where) > 0
        return self._store.writer.delete_first(kind, where, NEWEST_FIRST)

    def delete_many(self, ids: Sequence[str], memory_store_type: TypeName, *, user_id: Owner = UNSET) -> int:
        kind = memory_type(memory_store_type)
        where = [*conditions(kind, {"_id": list(ids)}), *of_owner(kind, user_id, shared=False)]
        return self._store.writer.delete_where(kind, where)

    def delete_scope(
        self, *, memory_id: Owner = UNSET, user_id: Owner = UNSET, agent_ids: Sequence[str] | None = None
    ) -> dict[str, int]:
        asked = scope(memory_id, user_id, agent_ids)
        deleted = self._store.writer.delete_everywhere(lambda kind: conditions(kind, asked))
        return {kind.value: number for kind, number in deleted.items()}

    def delete_all(self, memory_store_type: TypeName) -> bool:
        self._store.writer.clear(memory_type(memory_store_type))
        return True

    def list_all(
        self,
        memory_store_type: TypeName,
        user_id: Owner = UNSET,
        *,
        limit: int | None = None,
        offset: int = 0,
        include_embedding: bool = False,
    ) -> Results:
        kind = memory_type(memory_store_type)
        owner = of_owner(kind, user_id)
        most, first = None if limit is None else checked_limit(limit, 0), checked_limit(offset, 0)
        return self._read(
            kind,
            owner,
            lambda reading: reading.newest(owner, most, first),
            include_embedding=include_embedding,
            several=first > 0,
        )

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
        kind = _type(memory_type, MemoryType.CONVERSATION_MEMORY)
        if not isinstance(refuse_many(memory_id, "memory_id"), str):
            raise InputTypeError(f"memory_id is of type {type(memory_id).__name__}: expected a string.")
        thread = refuse_many(thread_id, "thread_id")
        threads = [{}] if thread is None else [{name: thread} for name in THREAD_NAMES]
        owner, most = of_owner(kind, user_id), None if limit is None else checked_limit(limit, 0)
        either = [[*owner, *conditions(kind, {"memory_id": memory_id, **one})] for one in threads]
        return self._read(
            kind,
            owner,
            lambda reading: reading.history(either, most),
            include_embedding=include_embedding,
            several=len(either) > 1,
        )

    # --- queries ------------------------------------------------------------------------------------------------------

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
        further = {
            "memory_id": memory_id, "thread_id": thread_id, "namespace": namespace, AGENT_ID: agent_id,
            "knowledge_base_ids": knowledge_base_ids, "statuses": statuses,
        }  # fmt: skip
        asked = read_query(query, _type(memory_type, memory_store_type), limit, user_id, further)
        logger.debug("query of %s, limit %d, by likeness: %s", asked.kind.value, asked.limit, asked.by_likeness)
        if asked.by_likeness:
            return self._nearest(asked, include_embedding=include_embedding)
        return self._read(
            asked.kind,
            asked.owner,
            lambda reading: reading.newest(asked.where, asked.limit),
            include_embedding=include_embedding,
        )

    def _nearest(self, asked: Query, *, include_embedding: bool) -> Results:
        store, kind = self._store, asked.kind
        known = store.records.glance(lambda reader: store.dimensions.known(reader, kind))
        if known is None and asked.text is not None:
            _warn_of_no_vectors(kind, store.records.glance(lambda reader: reader.count(kind.value)))
            return Results()
        vector = asked.vector if asked.text is None else store.embed(asked.text)
        assert vector is not None  # noqa: S101 - one of the two is given
        store.dimensions.agree(kind, known, len(vector), searched=True)
        results = Results()
        for _ in range(TRIES):
            found = store.search.first(kind, vector, asked.where, asked.limit)
            results = self._read(
                kind, asked.owner, partial(_ranked, found, asked.where), include_embedding=include_embedding
            )
            if len(results) == len(found):
                break
        return results

    def embed_text(self, text: str) -> list[float]:
        if not isinstance(text, str):
            raise InputTypeError(f"the text is a {type(text).__name__}: expected a string.")
        vector: list[float] = self._store.embed(text).tolist()
        return vector

    # --- agents -------------------------------------------------------------------------------------------------------

    def store_memagent(self, memagent: Any) -> StoredId:
        return StoredId(self.store(memagent, AGENTS))

    def list_memagents(self) -> list[MemAgentModel]:
        return [MemAgentModel(**found) for found in self.list_all(AGENTS)]

    def update_memagent_memory_ids(self, agent_id: str, memory_ids: Sequence[str]) -> bool:
        return self.update_by_id(agent_id, {MEMORY_IDS: _names(memory_ids)}, AGENTS)

    def delete_memagent_memory_ids(self, agent_id: str) -> bool:
        return self.update_by_id(agent_id, {MEMORY_IDS: []}, AGENTS)

    def delete_memagent(self, agent_id: str, cascade: bool = False) -> bool:
        known = known_id(agent_id, AGENT_ID)
        if not cascade:
            return self.delete_by_id(known, AGENTS)
        if known is None or not delete_with_memories(self._store.writer, row_id(AGENTS, known)):
            raise NotFoundError(f"there is no agent {agent_id!r}: nothing was deleted.")
        return True

    def supports_entity_memory(self) -> bool:
        return True

    # --- its life -----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        self._opening.close()
        if (made := self.__dict__.get("aio")) is not None:
            made.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.config!r})"


_type, _names = memory_type, memory_ids
"""By other names where a documented argument has theirs."""


def _given(source: Any, kind: MemoryType, memory_id: str | None) -> Given:
    """A caller's document, read and checked."""
    if source is None:
        raise InputError("no document is given: expected data, such as a dict.")
    document = agent_document(source) if kind is AGENTS else as_mapping(source)
    if memory_id is not None:
        own = document.setdefault("memory_id", None)
        document["memory_id"] = refuse_many(memory_id, "memory_id")
        if own not in (None, memory_id):
            raise InputError(f"memory_id is {own!r} in the document and {memory_id!r} in the call: expected one.")
    return Given.of(kind, document)


def _ranked(found: Sequence[Found], where: Sequence[Condition], reading: Reading) -> Results:
    return reading.ranked(found, where)


def _warn_of_no_vectors(kind: MemoryType, rows: int) -> None:
    if rows:
        logger.warning(
            "a text was searched in %s, none of whose %d documents has an embedding: store them with one.",
            kind.value,
            rows,
        )
