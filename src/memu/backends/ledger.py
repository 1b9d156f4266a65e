"""Numbered migrations and their record: a step and its entry are one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from memu.errors import SchemaError


@dataclass(frozen=True, slots=True)
class Migration:
    """One step from the form before it; `apply` is not run on a new store, and must be repeatable.

    It is done once in a store's life, unless it was broken off on a server that commits every statement by itself.
    """

    version: int
    name: str
    apply: Callable[[Connection], None]


class Ledger:
    """The table that a store's steps are entered in; several stores in one database have one each.

    Attributes:
        newest: the version that this release knows; 0 for a store without steps.
    """

    def __init__(self, name: str, migrations: Sequence[Migration] = ()) -> None:
        self.migrations = sorted(migrations, key=lambda step: step.version)
        self.newest = max((step.version for step in migrations), default=0)
        self.table = sa.Table(
            name,
            sa.MetaData(),
            sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("name", sa.String(255), nullable=False),
            sa.Column("applied_at", sa.String(32), nullable=False),
        )

    def current_version(self, connection: Connection) -> int | None:
        """The version of the newest step that was applied; None when the store has no ledger."""
        if not sa.inspect(connection).has_table(self.table.name):
            return None
        newest = sa.func.coalesce(sa.func.max(self.table.c.version), 0)
        return int(connection.execute(sa.select(newest)).scalar_one())

    def check_version(self, connection: Connection) -> int:
        """The store's version; SchemaError when a newer release made it."""
        version = self.current_version(connection) or 0
        if version > self.newest:
            raise SchemaError(
                f"the store was made by a newer version of memu (schema {version}, this one knows up to "
                f"{self.newest}): upgrade memu, or open a backup from before the upgrade."
            )
        return version

    def upgrade(self, connection: Connection, create_tables: Callable[[Connection], None]) -> list[str]:
        """Bring the store to the newest version and return the names of the steps that ran.

        A new store is made in today's form and needs no step; an existing one runs the steps that it has not had, in
        order, each with its entry, and then has its tables mended. Where a server commits every statement by itself,
        the entries of a new store come last and all at once: one that was broken off before is still a new one.
        """
        version = self.check_version(connection)
        due = [step for step in self.migrations if step.version > version]
        if not version:
            create_tables(connection)
            self.table.create(connection, checkfirst=True)
            self._record(connection, due)
            return []
        for step in due:
            step.apply(connection)
            self._record(connection, [step])
        create_tables(connection)
        return [step.name for step in due]

    def _record(self, connection: Connection, steps: Sequence[Migration]) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        if steps:
            entries = [{"version": step.version, "name": step.name, "applied_at": now} for step in steps]
            connection.execute(sa.insert(self.table).values(entries))
