"""Bringing tables of earlier releases up to date."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSON, JSONB
from sqlalchemy.engine import Connection

from memorizz.memory_provider.memory_type import MemoryType
from memorizz.memory_provider.schema import GIVEN_METADATA, METADATA
from memorizz.memory_provider.values import normal
from memu.backends.ledger import Migration


def _metadata_to_jsonb(connection: Connection) -> None:
    """Metadata that are `json` become `jsonb`; where that changes their form, they also stay as they were."""
    for kind in MemoryType:
        held = {column["name"]: column["type"] for column in sa.inspect(connection).get_columns(kind.value)}
        if isinstance(held[METADATA], JSON) and not isinstance(held[METADATA], JSONB):
            _to_jsonb(connection, kind.value)


def _to_jsonb(connection: Connection, name: str) -> None:
    table = sa.table(name, sa.column("id"), sa.column(METADATA, JSONB), sa.column(GIVEN_METADATA, JSON))
    now, given = table.c[METADATA], table.c[GIVEN_METADATA]
    changes = sa.cast(sa.cast(now, JSONB), sa.Text) != sa.cast(now, sa.Text)
    # The server reads a double above 2**53 by its shortest digits, which are those of another number.
    large = sa.select(table.c.id, given).where(sa.cast(given, sa.Text).regexp_match("[0-9]e[+][0-9]"))
    connection.exec_driver_sql(f"ALTER TABLE {name} ADD COLUMN IF NOT EXISTS {GIVEN_METADATA} json")
    connection.execute(sa.update(table).where(changes).values({given: now}))
    connection.exec_driver_sql(f"ALTER TABLE {name} ALTER COLUMN {METADATA} TYPE jsonb USING {METADATA}::jsonb")
    for key, value in connection.execute(large).all():
        connection.execute(sa.update(table).where(table.c.id == key).values({now: normal(value)}))


MIGRATIONS = (
    Migration(1, "the first form", lambda _connection: None),
    Migration(2, "metadata as jsonb", _metadata_to_jsonb),
)
"""Every change of the tables, in order."""
