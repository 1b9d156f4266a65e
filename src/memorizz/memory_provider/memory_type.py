"""The types of memory, each of which has a table."""

from enum import Enum
from typing import Any

from memu.errors import InputError


class MemoryType(Enum):
    """What a document is; its value names the table. Two names, and two values, mean the long-term memory."""

    PERSONAS = "personas"
    TOOLBOX = "toolbox"
    SHORT_TERM_MEMORY = "short_term_memory"
    LONG_TERM_MEMORY = "long_term_memory"
    KNOWLEDGE_BASE = "long_term_memory"
    CONVERSATION_MEMORY = "conversation_memory"
    WORKFLOW_MEMORY = "workflow_memory"
    MEMAGENT = "agents"
    SHARED_MEMORY = "shared_memory"
    SUMMARIES = "summaries"
    SEMANTIC_CACHE = "semantic_cache"
    ENTITY_MEMORY = "entity_memory"
    TOOL_LOG = "tool_log"
    SKILLBOX = "skillbox"

    @classmethod
    def _missing_(cls, value: object) -> "MemoryType | None":
        """The value that the long-term memory has by its later name."""
        return cls.LONG_TERM_MEMORY if value == "knowledge_base" else None


def memory_type(*given: MemoryType | str | None) -> MemoryType:
    """The first of the given types that is not None, as a member.

    Raises:
        InputError: it is no memory type, or none is given.
    """
    chosen: Any = next((one for one in given if one is not None), None)
    if chosen is None:
        raise InputError("no memory type is given: name one, such as MemoryType.LONG_TERM_MEMORY.")
    try:
        return MemoryType(chosen)
    except (ValueError, TypeError):
        known = ", ".join(one.value for one in MemoryType)
        raise InputError(f"{chosen!r} is not a memory type: expected a MemoryType or one of {known}.") from None
