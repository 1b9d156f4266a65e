"""Opening stores: one per database and process, however many services and handles use it."""

import atexit
import logging
import os
import threading
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakValueDictionary

from pydantic import BaseModel

from memu.backends.base import Origin, RecordStore
from memu.backends.dialects import EXAMPLES, Dialect, parse_dsn, shown
from memu.backends.mongo import MongoDatabase
from memu.backends.mysql import MySQL
from memu.backends.postgres import Postgres
from memu.backends.schema import SCOPES, build_schema
from memu.backends.server import Server
from memu.backends.sql import SqlRecordStore
from memu.backends.sqlite import SQLite
from memu.backends.tables import Schema
from memu.database.core import Database
from memu.database.fields import FIELDS
from memu.database.mirror import Mirror
from memu.database.store import Store
from memu.database.upgrades import MIGRATIONS, STEPS, adopt, back_up_old_layout
from memu.errors import ConfigError, SchemaError
from memu.recall.text import analyzer
from memu.scope import CORE_FIELDS
from memu.settings import DatabaseConfig, MetadataStoreConfig

logger = logging.getLogger("memu.database")

DEFAULT_INDEX_BUDGET = 512 * 1024 * 1024
LONGEST_FIELD = 48
DEFAULT_SQLITE = "sqlite:///memu.db"
SERVERS: dict[str, tuple[str, type[Server]]] = {"postgres": ("postgresql", Postgres), "mysql": ("mysql", MySQL)}
"""The providers that are SQL servers: what their DSNs begin with, and their dialect."""
DOCUMENTS = "mongodb"


class _Origin(Origin, Protocol):
    """A database that a store may be opened on."""

    @property
    def most_scope_fields(self) -> int | None: ...

    def stored_key(self, table: str) -> tuple[str, ...]: ...


_open: dict[tuple[object, ...], Store] = {}
_lock = threading.Lock()
"""Held for a look at what is open, never while a database is spoken to."""
_turns: WeakValueDictionary[Hashable, threading.Lock] = WeakValueDictionary()
"""By database: those who open one wait for each other, and no server that is slow to answer holds up the others."""


def _after_fork() -> None:
    """A child process opens stores of its own: connections and threads of the parent's are not its to use or close."""
    for store in _open.values():
        atexit.unregister(store.finish)
    _open.clear()
    _turns.clear()
    _lock.release()


os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_after_fork)


def open_database(
    config: DatabaseConfig,
    user_model: type[BaseModel] | None = None,
    *,
    index_budget: int = DEFAULT_INDEX_BUDGET,
    language: str = "english",
) -> Database:
    """Open the database that `config` names, over all users; tables are made, migrated or checked as it says.

    A file is opened once per process: handles on it share connections, indexes and mirror. Every handle must be closed.

    Raises:
        ConfigError: a provider that this version cannot open, a DSN that is none, no stemmer for the language, or
            scope fields that are new to a file which this process has open without them.
        StorageError: the database cannot be opened, or its tables are not as they should be.
    """
    fields = scope_fields(user_model)
    analyzer(language)
    origin, open_store = _origin(config.metadata_store)
    with _turn(origin.identity):
        schema = _schema(origin, fields)
        key = (*_recipe(config, origin, schema), language) if origin.identity else None
        store = _share(key) if key else None
        if store is None:
            store = _new_store(open_store(schema), config, index_budget, language)
            store.release, store.users = partial(release, store), 1
            if key:
                _keep(key, store)
    return Database(store, known_fields=fields)


def _turn(identity: Hashable) -> AbstractContextManager[Any]:
    if identity is None:
        return nullcontext()
    with _lock:
        return _turns.setdefault(identity, threading.Lock())


def _share(key: tuple[object, ...]) -> Store | None:
    """One more user of a store that is open."""
    with _lock:
        store = _open.get(key)
        if store is not None:
            store.users += 1
        return store


def _keep(key: tuple[object, ...], store: Store) -> None:
    """Let others share a store, until its last user lets go or the program ends."""
    with _lock:
        _open[key] = store
    atexit.register(store.finish)


def _open_on(identity: Hashable) -> list[Store]:
    """The stores that are open on a database."""
    with _lock:
        return [store for key, store in _open.items() if identity is not None and key[0] == identity]


def holds_store(settings: MetadataStoreConfig) -> bool:
    """Whether a database has the tables of a store; nothing is made there."""
    origin, _ = _origin(settings)
    return bool(_open_on(origin.identity) or origin.stored_key(SCOPES))


def release(store: Store) -> None:
    """Give back one handle; the last one closes the store."""
    with _lock:
        store.users -= 1
        if store.users > 0:
            return
        for key in [key for key, held in _open.items() if held is store]:
            del _open[key]
    atexit.unregister(store.finish)
    store.close()


def is_open(path: Path) -> bool:
    """Whether this process has a database file open."""
    with _lock:
        return any(key[0] == path.resolve() for key in _open)


def scope_fields(user_model: type[BaseModel] | None) -> tuple[str, ...]:
    """The scope fields of a user model; each becomes a column, and a name that filters know.

    Raises:
        ConfigError: a field is called like a column or another field, cannot name a column, or is not a string.
    """
    if user_model is None:
        return CORE_FIELDS
    taken = _taken_names()
    for name, field in user_model.model_fields.items():
        if name.casefold() in taken and name not in CORE_FIELDS:
            raise ConfigError(f"the user model's field {name!r} is the name of a stored column: choose another.")
        if not name.isascii() or "__" in name or len(name) > LONGEST_FIELD:
            raise ConfigError(
                f"the user model's field {name!r} cannot name a column: expected up to {LONGEST_FIELD} letters, digits "
                "and single underscores."
            )
        if isinstance(field.annotation, type) and not issubclass(field.annotation, str):
            raise ConfigError(f"the user model's field {name!r} is of type {field.annotation.__name__}: expected str.")
        taken = taken | {name.casefold()}
    return tuple(user_model.model_fields)


@cache
def _taken_names() -> frozenset[str]:
    """Names of columns and of filters, which a scope field would hide."""
    columns = {column.name for table in build_schema().tables for column in table.columns}
    return frozenset(columns | {field.name for fields in FIELDS.values() for field in fields})


def _origin(settings: MetadataStoreConfig) -> tuple[_Origin, Callable[[Schema], RecordStore]]:
    """The database that the settings name, and how to open a store on it."""
    if settings.provider == DOCUMENTS:
        database = MongoDatabase(_dsn(settings, DOCUMENTS), settings.pool)
        return database, lambda schema: database.open(schema, STEPS)
    dialect = _dialect(settings)
    bring_along = None if settings.provider in SERVERS else adopt
    return dialect, lambda schema: SqlRecordStore(dialect, schema, MIGRATIONS, bring_along)


def _dsn(settings: MetadataStoreConfig, kind: str) -> str:
    if settings.dsn is None:
        raise ConfigError(f"the provider {settings.provider!r} needs a dsn, such as {EXAMPLES[kind]}.")
    return settings.dsn


def shown_dsn(dsn: str) -> str:
    """A DSN of any provider without its password, or anything like one."""
    if dsn.startswith(DOCUMENTS):
        return MongoDatabase(dsn).shown()
    return shown(parse_dsn(dsn, expected=("sqlite", *(kind for kind, _ in SERVERS.values()))))


def _dialect(settings: MetadataStoreConfig) -> Dialect:
    """How to speak to the SQL database that the settings name."""
    provider = settings.provider
    if provider == "inmemory":
        return SQLite(parse_dsn("sqlite://", expected="sqlite"))
    if provider == "sqlite":
        dsn = settings.dsn or DEFAULT_SQLITE
        return SQLite(parse_dsn(dsn, expected="sqlite"), creates=settings.ddl_mode == "create")
    kind, dialect = SERVERS[provider]
    return dialect(parse_dsn(_dsn(settings, kind), expected=kind), settings.pool)


def _schema(origin: _Origin, fields: Sequence[str]) -> Schema:
    """The tables for the scope fields of a user model, and for those that the database has beyond them.

    Such a field still parts the owners, and its place among the others names their folders.
    """
    _refuse_too_many_fields(origin, fields)
    held = _open_on(origin.identity)
    schema = build_schema((*(held[0].scope_fields if held else origin.stored_key(SCOPES)), *fields))
    _refuse_new_fields(origin, held, schema.scope_fields)
    return schema


def _recipe(config: DatabaseConfig, origin: _Origin, schema: Schema) -> tuple[object, ...]:
    """What handles have in common that share a store."""
    index = config.vector_index.provider if config.vector_index else None
    return origin.identity, _mirror_path(config), config.metadata_store.ddl_mode, index, schema.scope_fields


def _refuse_too_many_fields(origin: _Origin, fields: Sequence[str]) -> None:
    """Every key begins with the scope, and some servers' keys are short."""
    most, further = origin.most_scope_fields, [name for name in fields if name not in CORE_FIELDS]
    if most is not None and len(CORE_FIELDS) + len(further) > most:
        raise ConfigError(
            f"the user model's field {further[0]!r} is one too many for {origin.name}, whose keys have room for "
            f"{' and '.join(CORE_FIELDS)} only: keep it in metadata, or use another provider."
        )


def _refuse_new_fields(origin: Origin, held: Sequence[Store], fields: Sequence[str]) -> None:
    """A handle that is open knows the fields that the store had then: it would read and erase across new ones."""
    for store in held:
        if new := [name for name in fields if name not in store.scope_fields]:
            raise ConfigError(
                f"{origin.place} is open in this process without the scope field {new[0]!r}: close every service and "
                "database handle on it before it is opened with a user model that has more fields."
            )


def _mirror_path(config: DatabaseConfig) -> Path | None:
    return config.mirror_path.expanduser().absolute() if config.mirror_path else None


def _require_indexes(store: Store) -> None:
    if missing := store.unindexed():
        raise SchemaError(
            f"the index of the vectors of {', '.join(missing)} is missing. "
            'Open the store once with ddl_mode="create" to make it.'
        )


def _new_store(records: RecordStore, config: DatabaseConfig, index_budget: int, language: str) -> Store:
    try:
        path = _mirror_path(config)
        mirror = Mirror(path) if path else None
        exact = config.vector_index is not None and config.vector_index.provider != "pgvector"
        store = Store(records, index_budget=index_budget, language=language, mirror=mirror, exact=exact)
        if config.metadata_store.ddl_mode == "validate":
            records.validate()
            _require_indexes(store)
        elif not (records.is_current() and store.store_id):
            back_up_old_layout(records)
            records.create()
            store.identity()
        if config.metadata_store.ddl_mode == "create" and store.unindexed():
            store.index_vectors()
        if store.mirror:
            store.mirror.opened(records)
    except BaseException:
        records.close()
        raise
    return store
