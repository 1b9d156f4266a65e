"""Column types: the same Python value from every dialect."""

from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import JSON, BigInteger, Boolean, DateTime, Dialect, Integer, String, Text, TypeDecorator
from sqlalchemy.types import TypeEngine

from memu.backends.tables import Kind


class UtcTime(TypeDecorator[datetime]):
    """An instant with microseconds; kept as UTC without a zone, given back as an aware UTC datetime."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Naive times are taken as UTC."""
        if value is None or value.tzinfo is None:
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """Every time that is read is aware."""
        return None if value is None else value.replace(tzinfo=UTC)


class JsonVector(TypeDecorator[list[float]]):
    """An embedding as JSON text: `[0.1, -0.25, …]`; numbers come back as they went in."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Takes a list of floats or a numpy array (whose float32 numbers are written in their shortest form)."""
        return None if value is None else orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()

    def process_result_value(self, value: Any | None, dialect: Dialect) -> list[float] | None:
        """A list of floats, or None."""
        return None if value is None else orjson.loads(value)


def column_type(kind: Kind) -> TypeEngine[Any]:
    """The SQL type of a kind; SQLite has no lengths, its text columns are TEXT as its documents say."""
    text: dict[Kind, int] = {Kind.ID: 36, Kind.HASH: 64, Kind.NAME: 255, Kind.URL: 2048}
    if kind in text:
        return String(text[kind]).with_variant(Text(), "sqlite")
    others: dict[Kind, TypeEngine[Any]] = {
        Kind.TEXT: Text(),
        Kind.JSON: JSON(none_as_null=True),
        Kind.VECTOR: JsonVector(),
        Kind.TIME: UtcTime(),
        Kind.INTEGER: BigInteger().with_variant(Integer(), "sqlite"),
        Kind.BOOLEAN: Boolean(),
    }
    return others[kind]
