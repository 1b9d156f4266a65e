"""Agents: documents whose id is the agent's own, read as objects with defaults."""

from collections.abc import Mapping, Sequence
from typing import Any

from memorizz.memory_provider.documents import as_mapping, to_document
from memorizz.memory_provider.ids import given_id, known_id, new_id
from memorizz.memory_provider.memory_type import MemoryType
from memorizz.memory_provider.results import Document
from memorizz.memory_provider.values import is_function
from memorizz.memory_provider.writing import Writer
from memu.backends.base import Condition, Transaction, equals
from memu.backends.repeat import repeated
from memu.errors import InputError, InputTypeError

AGENT_ID = "agent_id"
MEMORY_IDS = "memory_ids"


class MemAgentModel(dict[str, Any]):
    """An agent: a dict whose keys are attributes, too; what was not stored has its default."""

    def __init__(self, /, **stored: Any) -> None:
        defaults: Document = {
            "model": None, "tools": None, "persona": None, "instruction": None, "memory_mode": "general",
            "max_steps": 20, MEMORY_IDS: [], AGENT_ID: None, "tool_access": "private",
        }  # fmt: skip
        super().__init__({**defaults, **stored})
        self[MEMORY_IDS] = self[MEMORY_IDS] or []

    def __getattr__(self, name: str) -> Any:
        """The value of a key."""
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the agent has no {name!r}: it has {', '.join(self)}.") from None

    def __setattr__(self, name: str, value: Any) -> None:
        """Set the value of a key."""
        self[name] = value


class StoredId(str):
    """An id, which also answers for the document of that id: `stored["_id"]`."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> str:
        """The id by `_id` or `id`; letters of it by place."""
        return str(self) if key in ("_id", "id") else super().__getitem__(key)


def agent_document(memagent: Any) -> Document:
    """An agent as a document, whose id is its `agent_id`: its persona and the like as dicts, without its functions.

    Raises:
        InputError: its `agent_id` is none that can be kept, or another than its `_id`; its `memory_ids` are no list of
            strings.
    """
    held = {key: value for key, value in as_mapping(memagent).items() if not is_function(value)}
    agent_id = known_id(held.get(AGENT_ID), AGENT_ID)
    if held.get(AGENT_ID) is not None and agent_id is None:
        raise InputError(f"agent_id is {held[AGENT_ID]!r}: expected a string of 1 to 255 characters.")
    own = given_id(held)
    if None not in (agent_id, own) and agent_id != own:
        raise InputError(f"the agent has two ids, agent_id {agent_id!r} and _id {own!r}: expected one, as agent_id.")
    chosen = agent_id or own
    document = {key: _plain(value) for key, value in held.items() if key not in ("_id", "id")}
    document |= checked_memories(document)
    if chosen is None:
        return {**document, "_id": (made := new_id()), AGENT_ID: made}
    return {**document, "_id": chosen, AGENT_ID: chosen}


def _plain(value: Any) -> Any:
    """Objects that can be dicts are, such as a persona."""
    told = not isinstance(value, type) and any(hasattr(value, name) for name in ("model_dump", "to_dict"))
    return as_mapping(value) if told else value


def memory_ids(given: Any) -> list[str]:
    """A caller's list of memories.

    Raises:
        InputTypeError: it is no list of strings.
    """
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise InputTypeError(f"memory_ids is a {type(given).__name__}: expected a list of strings.")
    if wrong := [type(one).__name__ for one in given if not isinstance(one, str)]:
        raise InputTypeError(f"memory_ids holds a {wrong[0]}: expected a list of strings.")
    return list(given)


def checked_memories(document: Mapping[str, Any]) -> dict[str, list[str]]:
    """The memories that a document of an agent says, checked; nothing when it says none."""
    return {} if document.get(MEMORY_IDS) is None else {MEMORY_IDS: memory_ids(document[MEMORY_IDS])}


@repeated
def delete_with_memories(writer: Writer, key: str) -> bool:
    """Delete an agent by its row and what is in its memories, in one transaction; whether there was one."""
    with writer.alone() as transaction:
        rows = {row["id"]: row for row in transaction.find(MemoryType.MEMAGENT.value)}
        agents = {name: to_document(MemoryType.MEMAGENT, row, include_embedding=False) for name, row in rows.items()}
        agent = agents.pop(key, None)
        if agent is None:
            return False
        erase_memories(writer, transaction, agent, list(agents.values()))
        return writer.erase(transaction, MemoryType.MEMAGENT, equals(id=key)) > 0


def erase_memories(writer: Writer, transaction: Transaction, agent: Document, others: Sequence[Document]) -> None:
    """Delete what is in an agent's memories, in all tables, but for memories that another agent has as well."""
    shared = {name for other in others for name in _memories(other)}
    own = tuple(sorted(set(_memories(agent)) - shared))
    for kind in MemoryType:
        if own and kind is not MemoryType.MEMAGENT:
            writer.erase(transaction, kind, [Condition("memory_id", "in", own)])


def _memories(agent: Document) -> list[str]:
    found = agent.get(MEMORY_IDS)
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
