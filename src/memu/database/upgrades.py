"""Bringing older stores up to date: our own earlier versions, and the layout that the user/agent documents describe."""

import contextlib
import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from memu.backends.base import RecordStore
from memu.backends.ledger import Migration
from memu.backends.mongo_shape import Step
from memu.backends.schema import CATEGORIES, ITEMS, LINKS, RESOURCES, SCOPES
from memu.backends.tables import LEDGER
from memu.database.backup import backup_file
from memu.database.rows import item_defaults
from memu.errors import SchemaError
from memu.scope import CORE_FIELDS, DEFAULT
from memu.sources.hashing import digest

logger = logging.getLogger("memu.database")

MIGRATIONS = (Migration(1, "first layout", lambda connection: None),)
"""Every change of the tables since the first release, in order."""

STEPS = (Step(1, "first layout", lambda database: None),)
"""The same of MongoDB's collections."""

ASIDE = "before_upgrade_"
OLD_NAMES = {"resources": RESOURCES, "memory_items": ITEMS, "categories": CATEGORIES, "category_items": LINKS}
"""The tables of the user/agent documents, and what they are called today."""


def back_up_old_layout(records: RecordStore) -> Path | None:
    """Copy a database of the old layout into `backups` beside it, before it is upgraded; None when it is not one."""
    path = Path(str(records.describe().get("path", "")))
    if not path.is_file() or not is_old_file(path):
        return None
    kept = backup_file(path, path.parent / "backups")
    logger.info("%s has the layout of an older version: a backup is in %s", path, kept)
    return kept


def is_old_layout(names: Iterable[str]) -> bool:
    """Whether tables are those of the user/agent documents: no ledger, and categories in a table of that name."""
    return LEDGER not in names and {"resources", "memory_items", "categories"} <= set(names)


def is_old_file(path: Path) -> bool:
    """Whether a database file has the layout of the user/agent documents; it is only read."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    except sqlite3.DatabaseError:
        return False  # locked, damaged, or no database: opening it says which
    return is_old_layout([name for (name,) in tables])


@contextmanager
def adopt(connection: Connection, tables: Mapping[str, sa.Table]) -> Iterator[None]:
    """Around the making of tables: bring along what is there in an older form, or without a newer scope field."""
    inspector = sa.inspect(connection)
    existing = set(inspector.get_table_names())
    if {"resources", "memory_items", "categories"} <= existing:
        aside, copy = {name: today for name, today in OLD_NAMES.items() if name in existing}, _old_row
    elif RESOURCES in existing and _lacks_scope(inspector, tables):
        aside, copy = {name: name for name in tables if name in existing and name != "memu_meta"}, _same_row
    else:
        yield
        return
    _refuse_strangers(inspector, aside)
    connection.exec_driver_sql("DROP VIEW IF EXISTS categories") if "categories" not in aside else None
    for name in aside:
        _move_aside(connection, inspector, name)
    yield
    order = [name for today in tables for name, target in aside.items() if target == today]
    connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
    for name in order:
        _copy(connection, ASIDE + name, tables[aside[name]], copy)
    if copy is _old_row:
        _settle_orphans(connection, tables)
        _open_scopes(connection, tables)
    for name in reversed(order):
        connection.exec_driver_sql(f'DROP TABLE "{ASIDE}{name}"')
    logger.info("upgraded the tables %s", ", ".join(order))


def _lacks_scope(inspector: Any, tables: Mapping[str, sa.Table]) -> bool:
    held = {column["name"] for column in inspector.get_columns(RESOURCES)}
    wanted = {column.name for column in tables[SCOPES].columns} - {"seq", "epoch"}
    return not wanted <= held


def _refuse_strangers(inspector: Any, aside: Mapping[str, str]) -> None:
    for name in aside:
        columns = {column["name"] for column in inspector.get_columns(name)}
        if not {"user_id", "agent_id"} <= columns:
            raise SchemaError(
                f"the table {name} has no user_id and agent_id: this is not a store of memu. It was left as it is."
            )


def _move_aside(connection: Connection, inspector: Any, name: str) -> None:
    # Index names are unique in the whole file, so the new table could not be made beside the old one's.
    for index in inspector.get_indexes(name):
        connection.exec_driver_sql(f'DROP INDEX "{index["name"]}"')
    connection.exec_driver_sql(f'ALTER TABLE "{name}" RENAME TO "{ASIDE}{name}"')


def _copy(
    connection: Connection, source: str, target: sa.Table, convert: Callable[[sa.Table, dict[str, Any]], dict[str, Any]]
) -> None:
    cursor = connection.exec_driver_sql(f'SELECT * FROM "{source}" ORDER BY rowid')  # noqa: S608 - a name of ours
    while rows := cursor.mappings().fetchmany(500):
        connection.execute(sa.insert(target), [convert(target, dict(row)) for row in rows])


def _same_row(target: sa.Table, row: dict[str, Any]) -> dict[str, Any]:
    """A row of an earlier version: raw values become what the column types expect; new scope fields are "default"."""
    return {
        column.name: _processed(column, row[column.name]) if column.name in row else _default(column)
        for column in target.columns
    }


def _processed(column: sa.Column[Any], raw: Any) -> Any:
    from sqlalchemy.dialects.sqlite import dialect

    sqlite = dialect()
    processor = column.type.dialect_impl(sqlite).result_processor(sqlite, None)
    return processor(raw) if processor and raw is not None else raw


def _default(column: sa.Column[Any]) -> Any:
    default: Any = column.default
    return default.arg if default is not None and default.is_scalar else None


def _old_row(target: sa.Table, row: dict[str, Any]) -> dict[str, Any]:
    """A row of the user/agent layout: times were seconds since 1970, embeddings stood in vectors.json."""
    created = _time(row.get("created_at"))
    common = {**{name: row.get(name) or DEFAULT for name in CORE_FIELDS}, "created_at": created, "updated_at": created}
    if target.name == RESOURCES:
        kept = {name: row[name] for name in ("id", "url", "modality", "local_path", "caption")}
        return {**common, **kept, "url_hash": digest(row["url"]), "version": 1, "metadata": {}, "extra": {}, "seq": 1}
    if target.name == ITEMS:
        kept = {name: row[name] for name in ("id", "resource_id", "memory_type", "summary")}
        return {**common, **item_defaults(), **kept, "seq": 1}
    if target.name == CATEGORIES:
        kept = {name: row[name] for name in ("id", "name", "description", "summary")}
        return {**common, **kept, "stale": False, "extra": {}, "seq": 1}
    identity = digest(row["item_id"], row["category_id"])[:32]
    return {**common, "id": identity, "item_id": row["item_id"], "category_id": row["category_id"]}


def _time(value: Any) -> datetime:
    try:
        return datetime.fromtimestamp(float(value or 0), UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        raise SchemaError(
            f"the old store holds the time {value!r}: expected seconds since 1970. It was left as it is; mend that row."
        ) from None


def _settle_orphans(connection: Connection, tables: Mapping[str, sa.Table]) -> None:
    """Rows that name rows which their owner does not hold: older code declared foreign keys and never enforced them."""
    items, links = tables[ITEMS], tables[LINKS]
    homeless = sa.and_(items.c.resource_id.is_not(None), ~_held(tables[RESOURCES], items, "resource_id"))
    for user, agent, item, resource in connection.execute(
        sa.select(items.c.user_id, items.c.agent_id, items.c.id, items.c.resource_id).where(homeless)
    ).all():
        same = (items.c.user_id == user) & (items.c.agent_id == agent) & (items.c.id == item)
        kept = {"resource_id": None, "extra": {"origin_resource_id": resource}}
        connection.execute(sa.update(items).where(same).values(kept))
        logger.warning("item %s named the resource %s, which is not there: it is kept without it", item, resource)
    whole = _held(items, links, "item_id") & _held(tables[CATEGORIES], links, "category_id")
    if gone := connection.execute(sa.delete(links).where(~whole)).rowcount:
        logger.warning("%d links of items or categories that are not there were left behind", gone)


def _held(target: sa.Table, source: sa.Table, column: str) -> sa.ColumnElement[bool]:
    """Whether the row that `source.column` names is there, with the same owner."""
    owner = [target.c[name] == source.c[name] for name in CORE_FIELDS]
    return sa.exists().where(target.c.id == source.c[column], *owner)


def _open_scopes(connection: Connection, tables: Mapping[str, sa.Table]) -> None:
    """Give every owner that was found a change counter, so that indexes and the mirror see the rows."""
    owners: set[tuple[str, ...]] = set()
    names = [column.name for column in tables[SCOPES].primary_key.columns]
    for table in (tables[RESOURCES], tables[ITEMS], tables[CATEGORIES]):
        owners |= {tuple(row) for row in connection.execute(sa.select(*(table.c[name] for name in names)).distinct())}
    rows = [
        {**dict(zip(names, owner, strict=True)), "seq": 1, "epoch": digest(*owner)[:36]} for owner in sorted(owners)
    ]
    if rows:
        connection.execute(sa.insert(tables[SCOPES]), rows)
