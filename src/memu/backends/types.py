"""Column types: the same Python value from every dialect."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import orjson
from sqlalchemy import JSON, BigInteger, Boolean, DateTime, Dialect, Integer, Numeric, String, Text, TypeDecorator, Uuid
from sqlalchemy.types import TypeEngine, UserDefinedType

from memu.backends.tables import LENGTHS, Kind

LARGEST_EXACT = 2**53
"""From here on a double stands for several integers."""

LONGEST_MYSQL_TEXT = 2**32 - 1
"""The length that makes MySQL's text a LONGTEXT; plain TEXT ends at 64 KiB."""


class UtcTime(TypeDecorator[datetime]):
    """An instant with microseconds, in UTC; where the server's type knows no zone it is kept without one."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Microseconds must be asked for on MySQL, and zones on PostgreSQL."""
        if dialect.name in ("mysql", "mariadb"):
            from sqlalchemy.dialects.mysql import DATETIME

            return dialect.type_descriptor(DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Naive times are taken as UTC."""
        if value is None:
            return None
        aware = _in_utc(value)
        return aware if dialect.name == "postgresql" else aware.replace(tzinfo=None)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """Every time that is read is aware."""
        return None if value is None else _in_utc(value)


def _in_utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class PgVector(UserDefinedType[str]):
    """pgvector's type, which takes and gives JSON's form of a list of numbers."""

    cache_ok = True

    def __init__(self, dimension: Any = None, *, half: bool = False) -> None:
        """Without a dimension for columns: the store's first vector decides it, and an index holds the others to it."""
        self.dimension = dimension
        self.half = half

    def get_col_spec(self, **_: Any) -> str:
        """As SQL spells it."""
        name = "HALFVEC" if self.half else "VECTOR"
        return f"{name}({int(self.dimension)})" if self.dimension else name


class JsonVector(TypeDecorator[list[float]]):
    """An embedding as JSON text: `[0.1, -0.25, …]`; numbers come back as they went in (pgvector keeps 32 bits)."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """PostgreSQL searches it; the other servers keep it as text."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(PgVector())
        return dialect.type_descriptor(_text(dialect))

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Takes a list of floats or a numpy array (whose float32 numbers are written in their shortest form)."""
        if value is not None and dialect.name == "postgresql":
            value = np.asarray(value, dtype=np.float32)  # rounded here, as everybody who compares it will
        return None if value is None else orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()

    def process_result_value(self, value: Any | None, dialect: Dialect) -> list[float] | None:
        """A list of floats, or None."""
        if value is None:
            return None
        numbers: list[float] = orjson.loads(value)
        # pgvector writes 1.0 as 1.
        return [float(number) for number in numbers] if dialect.name == "postgresql" else numbers


class Json(TypeDecorator[Any]):
    """JSON as it was written: MySQL's own type would sort keys, and MariaDB's refuses what is nested deep."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text on MySQL and MariaDB, whose functions read it as JSON all the same."""
        return dialect.type_descriptor(_text(dialect) if _is_mysql(dialect) else JSON(none_as_null=True))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """SQLAlchemy's own type writes it elsewhere."""
        if value is None or not _is_mysql(dialect):
            return value
        return json.dumps(value, ensure_ascii=False, allow_nan=False)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """SQLAlchemy's own type reads it elsewhere."""
        return json.loads(value) if value is not None and _is_mysql(dialect) else value


class Jsonb(Json):
    """JSON in the form in which PostgreSQL searches it; it keeps neither the order of keys nor how a number is written.

    A number is kept by its digits: a whole one must come as an int, since 1.5e+18 is those of one double in many.
    """

    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Elsewhere it is kept as all JSON is."""
        if dialect.name != "postgresql":
            return super().load_dialect_impl(dialect)
        from sqlalchemy.dialects.postgresql import JSONB

        return dialect.type_descriptor(JSONB(none_as_null=True))


def _is_mysql(dialect: Dialect) -> bool:
    return dialect.name in ("mysql", "mariadb")


def _text(dialect: Dialect) -> TypeEngine[Any]:
    return Text(LONGEST_MYSQL_TEXT) if _is_mysql(dialect) else Text()


class ExactNumber(TypeDecorator[Any]):
    """A number of JSON with all its digits: of a double, an integer above 2**53 would be its neighbours, too."""

    impl = Numeric
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> Decimal | None:
        """A whole number as it is; a double as it is stored, or by its value where that is a whole number."""
        if value is None:
            return None
        return Decimal(int(value)) if isinstance(value, int) or abs(value) >= LARGEST_EXACT else Decimal(repr(value))


class LongText(TypeDecorator[str]):
    """Text of any length."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """LONGTEXT on MySQL."""
        return dialect.type_descriptor(_text(dialect))


def column_type(kind: Kind) -> TypeEngine[Any]:
    """The SQL type of a kind; SQLite has no lengths, its text columns are TEXT as its documents say."""
    if kind in LENGTHS:
        text = String(LENGTHS[kind])
        if kind is Kind.UUID:
            return Uuid(as_uuid=False).with_variant(Text(), "sqlite").with_variant(text, "mysql", "mariadb")
        return text.with_variant(Text(), "sqlite").with_variant(String(LENGTHS[kind], collation="C"), "postgresql")
    others: dict[Kind, TypeEngine[Any]] = {
        Kind.TEXT: LongText().with_variant(Text(collation="C"), "postgresql"),
        Kind.JSON: Json(),
        Kind.JSONB: Jsonb(),
        Kind.VECTOR: JsonVector(),
        Kind.TIME: UtcTime(),
        Kind.INTEGER: BigInteger().with_variant(Integer(), "sqlite"),
        Kind.BOOLEAN: Boolean(),
    }
    return others[kind]
