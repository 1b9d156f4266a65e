"""Numbered migrations and their record: a step and its entry are one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from memu.errors import SchemaError

LEDGER = sa.Table(
    "schema_migrations",
    sa.MetaData(),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("applied_at", sa.String(32), nullable=False),
)


@dataclass(frozen=True, slots=True)
class Migration:
    """One step from the form before it; `apply` is not run on a new store, and must be repeatable.

    It is done once in a store's life, unless it was broken off on a server that commits every statement by itself.
    """

    version: int
    name: str
    apply: Callable[[Connection], None]


def current_version(connection: Connection) -> int | None:
    """The version of the newest step that was applied; None when the store has no ledger."""
    if not sa.inspect(connection).has_table(LEDGER.name):
        return None
    return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(LEDGER.c.version), 0))).scalar_one())


def check_version(connection: Connection, migrations: Sequence[Migration]) -> int:
    """The store's version; SchemaError when a newer release made it."""
    version = current_version(connection) or 0
    newest = max((step.version for step in migrations), default=0)
    if version > newest:
        raise SchemaError(
            f"the store was made by a newer version of memu (schema {version}, this one knows up to {newest}): "
            "upgrade memu, or open a backup from before the upgrade."
        )
    return version


def upgrade(
    connection: Connection, migrations: Sequence[Migration], create_tables: Callable[[Connection], None]
) -> list[str]:
    """Bring the store to the newest version and return the names of the steps that ran.

    A new store is made in today's form and needs no step; an existing one runs the steps that it has not had, in
    order, each with its entry, and then has its tables mended. Where a server commits every statement by itself, the
    entries of a new store come last and all at once: one that was broken off before is still a new one.
    """
    version = check_version(connection, migrations)
    due = [step for step in sorted(migrations, key=lambda step: step.version) if step.version > version]
    if not version:
        create_tables(connection)
        LEDGER.create(connection, checkfirst=True)
        _record(connection, due)
        return []
    for step in due:
        step.apply(connection)
        _record(connection, [step])
    create_tables(connection)
    return [step.name for step in due]


def _record(connection: Connection, steps: Sequence[Migration]) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    if steps:
        entries = [{"version": step.version, "name": step.name, "applied_at": now} for step in steps]
        connection.execute(sa.insert(LEDGER).values(entries))
