"""The tables: one for each memory type, and one for what is known about them."""

from collections.abc import Mapping

from memorizz.memory_provider.memory_type import MemoryType
from memu.backends.tables import Column, Kind, Schema, Table

META = "memorizz_meta"
"""Numbers by name: the dimension of a table's vectors, and how often it was written to."""

DOCUMENT = "document"
METADATA = "metadata"
GIVEN_METADATA = "given_metadata"
"""Metadata as they were given, where the column beside it holds them in another form."""

TIMESTAMP = "timestamp"

STRICT = ("name", "memory_id", "user_id")
"""Keys of every document that must be strings: what is found or kept apart by them must not slip through."""

_NAMES = dict.fromkeys((*STRICT, "agent_id", "thread_id"), Kind.NAME)
_CONTENT = {"content": Kind.TEXT, "namespace": Kind.NAME, "status": Kind.NAME}
_OWN: dict[MemoryType, dict[str, Kind]] = {
    MemoryType.PERSONAS: {
        "role": Kind.NAME,
        "goals": Kind.TEXT,
        "background": Kind.TEXT,
        "persona_id": Kind.NAME,
    },
    MemoryType.TOOLBOX: {"description": Kind.TEXT, "tool_id": Kind.NAME},
    MemoryType.SHORT_TERM_MEMORY: _CONTENT,
    MemoryType.LONG_TERM_MEMORY: {**_CONTENT, "knowledge_base_id": Kind.NAME},
    MemoryType.CONVERSATION_MEMORY: {"content": Kind.TEXT, "role": Kind.NAME, "conversation_id": Kind.NAME},
    MemoryType.WORKFLOW_MEMORY: {"description": Kind.TEXT, "workflow_id": Kind.NAME},
    MemoryType.MEMAGENT: {"instruction": Kind.TEXT, "memory_mode": Kind.NAME},
    MemoryType.SHARED_MEMORY: {"content": Kind.TEXT, "scope": Kind.NAME},
    MemoryType.SUMMARIES: {"content": Kind.TEXT, "summary_id": Kind.NAME},
    MemoryType.SEMANTIC_CACHE: {"cache_key": Kind.NAME, "query_text": Kind.TEXT, "scope": Kind.NAME},
    MemoryType.ENTITY_MEMORY: {"entity_id": Kind.NAME, "entity_type": Kind.NAME},
    MemoryType.TOOL_LOG: {"tool_log_id": Kind.NAME, "tool_name": Kind.NAME},
    MemoryType.SKILLBOX: {"description": Kind.TEXT, "status": Kind.NAME},
}
_TIMED = (MemoryType.CONVERSATION_MEMORY, MemoryType.TOOL_LOG)
_ORDER = ("created_at", "position", "id")
_INDEXES = (("name",), ("memory_id",), ("user_id",), ("agent_id",), _ORDER, ("seq",))


def text_columns(kind: MemoryType) -> Mapping[str, Kind]:
    """The keys that have a column of their own, which holds their value when it is a string that fits."""
    return _COLUMNS[kind]


def time_columns(kind: MemoryType) -> tuple[str, ...]:
    """The keys that every document of a type has a time for."""
    return ("created_at", "updated_at", TIMESTAMP) if kind in _TIMED else ("created_at", "updated_at")


_COLUMNS: dict[MemoryType, Mapping[str, Kind]] = {kind: {**_NAMES, **own} for kind, own in _OWN.items()}


def _table(kind: MemoryType) -> Table:
    own = _COLUMNS[kind]
    indexes = [*_INDEXES]
    if TIMESTAMP in time_columns(kind):
        indexes.append(("memory_id", TIMESTAMP, "position", "id"))
    indexes += [(name,) for name in own if name.endswith("_id") and (name,) not in indexes]
    columns = (
        Column("id", Kind.UUID),
        Column("given_id", Kind.NAME, nullable=True),
        *(Column(name, held, nullable=True) for name, held in own.items()),
        *(Column(name, Kind.TIME) for name in time_columns(kind)),
        Column(METADATA, Kind.JSONB, nullable=True),
        Column(GIVEN_METADATA, Kind.JSON, nullable=True),
        Column("embedding", Kind.VECTOR, nullable=True),
        Column(DOCUMENT, Kind.JSON),
        Column("position", Kind.INTEGER),
        Column("seq", Kind.INTEGER, default=0),
    )
    return Table(kind.value, columns, key=("id",), indexes=tuple(indexes), by_hand=True)


SCHEMA = Schema(
    (
        *(_table(kind) for kind in MemoryType),
        Table(META, (Column("name", Kind.NAME), Column("number", Kind.INTEGER, default=0)), key=("name",)),
    ),
    ledger="memorizz_migrations",
)
"""All tables."""
