"""memU's own tables, for any scope fields of the user model."""

from collections.abc import Iterable

from memu.backends.tables import Column, Kind, Reference, Schema, Table
from memu.scope import CORE_FIELDS, DEFAULT

RESOURCES = "resources"
TEXTS = "resource_texts"
ITEMS = "memory_items"
CATEGORIES = "memory_categories"
LINKS = "category_items"
HISTORY = "item_history"
SCOPES = "scopes"
TOMBSTONES = "tombstones"
META = "memu_meta"
STAGED = "staged_embeddings"
OPERATIONS = "operations"
IMAGES = "operation_rows"

SEARCHED = (ITEMS, CATEGORIES, RESOURCES)
"""Tables with an embedding, a change sequence and a search index."""

_TIMES = (Column("created_at", Kind.TIME), Column("updated_at", Kind.TIME))
_SEQ = Column("seq", Kind.INTEGER, default=0)
_EXTRA = Column("extra", Kind.JSON, default={})
_METADATA = Column("metadata", Kind.JSON, default={})
_EMBEDDING = Column("embedding", Kind.VECTOR, nullable=True)


_TABLES = (
    Table(
        RESOURCES,
        (
            Column("id", Kind.ID),
            Column("url", Kind.URL),
            Column("url_hash", Kind.HASH),
            Column("version", Kind.INTEGER, default=1),
            Column("modality", Kind.WORD),
            Column("local_path", Kind.TEXT),
            Column("caption", Kind.TEXT, nullable=True),
            _EMBEDDING,
            Column("content_hash", Kind.HASH, nullable=True),
            Column("superseded_by", Kind.ID, nullable=True),
            _METADATA,
            _EXTRA,
            *_TIMES,
            _SEQ,
        ),
        key=("id",),
        uniques=(("url_hash", "version"),),
        indexes=(("created_at", "id"), ("content_hash",), ("seq",)),
    ),
    Table(
        TEXTS,
        (Column("id", Kind.ID), Column("text", Kind.TEXT), Column("messages", Kind.JSON)),
        key=("id",),
        references=(Reference(("id",), RESOURCES, ("id",)),),
    ),
    Table(
        ITEMS,
        (
            Column("id", Kind.ID),
            Column("resource_id", Kind.ID, nullable=True),
            Column("memory_type", Kind.WORD),
            Column("summary", Kind.TEXT),
            _EMBEDDING,
            Column("speaker", Kind.NAME, nullable=True),
            Column("said_at", Kind.TIME, nullable=True),
            Column("happened_at", Kind.TIME, nullable=True),
            Column("message_ids", Kind.JSON, default=[]),
            Column("source_start", Kind.INTEGER, nullable=True),
            Column("source_end", Kind.INTEGER, nullable=True),
            Column("content_hash", Kind.HASH, nullable=True),
            Column("valid_from", Kind.TIME, nullable=True),
            Column("valid_to", Kind.TIME, nullable=True),
            Column("superseded_by", Kind.ID, nullable=True),
            Column("fact", Kind.JSON, default={}),
            Column("fact_key", Kind.HASH, nullable=True),
            Column("text_hash", Kind.HASH, nullable=True),
            _METADATA,
            _EXTRA,
            *_TIMES,
            _SEQ,
        ),
        key=("id",),
        indexes=(
            ("created_at", "id"),
            ("resource_id",),
            ("seq",),
            ("memory_type", "created_at"),
            ("fact_key",),
            ("text_hash",),
            ("superseded_by",),
        ),
        references=(Reference(("resource_id",), RESOURCES, ("id",)),),
    ),
    Table(
        CATEGORIES,
        (
            Column("id", Kind.ID),
            Column("name", Kind.NAME),
            Column("description", Kind.TEXT),
            _EMBEDDING,
            Column("summary", Kind.TEXT, nullable=True),
            Column("stale", Kind.BOOLEAN, default=False),
            _EXTRA,
            *_TIMES,
            _SEQ,
        ),
        key=("id",),
        uniques=(("name",),),
        indexes=(("created_at", "id"), ("seq",)),
    ),
    Table(
        LINKS,
        (Column("id", Kind.ID), Column("item_id", Kind.ID), Column("category_id", Kind.ID), *_TIMES),
        key=("id",),
        uniques=(("item_id", "category_id"),),
        indexes=(("category_id", "item_id"), ("created_at", "id")),
        references=(Reference(("item_id",), ITEMS, ("id",)), Reference(("category_id",), CATEGORIES, ("id",))),
    ),
    Table(
        HISTORY,
        (
            Column("id", Kind.ID),
            Column("item_id", Kind.ID),
            Column("event", Kind.WORD),
            Column("before", Kind.JSON),
            Column("created_at", Kind.TIME),
        ),
        key=("id",),
        indexes=(("item_id", "created_at"),),
        references=(Reference(("item_id",), ITEMS, ("id",)),),
    ),
    Table(
        OPERATIONS,
        (
            Column("id", Kind.ID),
            Column("kind", Kind.WORD),
            Column("position", Kind.INTEGER),
            Column("detail", Kind.JSON, default={}),
            Column("undoes", Kind.ID, nullable=True),
            Column("undone_by", Kind.ID, nullable=True),
            Column("created_at", Kind.TIME),
        ),
        key=("id",),
        indexes=(("position",),),
    ),
    Table(
        IMAGES,
        (
            Column("id", Kind.ID),
            Column("operation_id", Kind.ID),
            Column("kind", Kind.WORD),
            Column("row_id", Kind.ID),
            Column("removed", Kind.BOOLEAN, default=False),
            Column("row_seq", Kind.INTEGER, default=0),
            Column("before", Kind.JSON),
        ),
        key=("id",),
        indexes=(("operation_id",), ("row_id",)),
        references=(Reference(("operation_id",), OPERATIONS, ("id",)),),
    ),
    Table(SCOPES, (_SEQ, Column("epoch", Kind.ID)), key=()),
    Table(
        TOMBSTONES,
        (Column("kind", Kind.WORD), Column("id", Kind.ID), _SEQ),
        key=("kind", "id"),
        indexes=(("seq",),),
    ),
    Table(STAGED, (Column("kind", Kind.WORD), Column("id", Kind.ID), _SEQ, _EMBEDDING), key=("kind", "id")),
)
"""The tables of one scope; `build_schema` puts the scope columns before every column list, key and index."""

_META = Table(META, (Column("name", Kind.NAME), Column("value", Kind.JSON)), key=("name",))


def build_schema(scope_fields: Iterable[str] = CORE_FIELDS) -> Schema:
    """All tables, for scope fields that always begin with user and agent."""
    scope = tuple(dict.fromkeys((*CORE_FIELDS, *scope_fields)))
    return Schema((*(_scoped(table, scope) for table in _TABLES), _META), scope)


def _scoped(table: Table, scope: tuple[str, ...]) -> Table:
    return Table(
        name=table.name,
        columns=(*(Column(name, Kind.NAME, default=DEFAULT) for name in scope), *table.columns),
        key=(*scope, *table.key),
        uniques=tuple((*scope, *names) for names in table.uniques),
        indexes=tuple((*scope, *names) for names in table.indexes),
        references=tuple(
            Reference((*scope, *one.columns), one.table, (*scope, *one.target)) for one in table.references
        ),
    )
