"""Memories in PostgreSQL, whose pgvector searches them."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import ClassVar

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from memorizz.memory_provider.config import ProviderConfig, made, no_address, number, texts
from memorizz.memory_provider.provider import RecordProvider
from memorizz.memory_provider.schema import SCHEMA
from memorizz.memory_provider.upgrades import MIGRATIONS
from memu.backends.base import RecordStore
from memu.backends.dialects import parse_dsn
from memu.backends.postgres import Postgres
from memu.backends.sql import SqlRecordStore
from memu.errors import ConfigError
from memu.settings import PoolConfig

MOST_COMPARED, LEAST_COMPARED = 20_000, 5_000
MOST_NUMBERS = 5_000 * 1536
"""So many vectors are compared one by one, at least and at most; between those, so many numbers."""


def compared(dimension: int) -> int:
    """How many documents a search compares one by one.

    Where vectors are alike in nothing, an index needs longer than that to find nearly all of the nearest.
    """
    return min(MOST_COMPARED, max(LEAST_COMPARED, MOST_NUMBERS // dimension))


def _setting(name: str, default: str) -> Callable[[], str]:
    return lambda: os.environ.get(f"POSTGRES_{name}") or default


def _port() -> int:
    text = _setting("PORT", "5432")()
    if not text.isdecimal():
        raise ConfigError(f"POSTGRES_PORT is {text!r}: expected a number.")
    return int(text)


@dataclass
class PostgreSQLConfig(ProviderConfig):
    """Where the server is, and who asks. What is not given is taken from the environment.

    Args:
        host: POSTGRES_HOST, or "localhost".
        port: POSTGRES_PORT, or 5432.
        database: POSTGRES_DB, or "memorizz".
        user: POSTGRES_USER, or "postgres".
        password: POSTGRES_PASSWORD, or "password"; shown nowhere.
        url: all of these as one `postgresql://…`, by keyword; then nothing else of them counts.
        pool_size: how many connections are kept, by keyword; twice as many more are made when they are needed.
        connect_timeout: seconds to wait for the server, by keyword.

    The other options are those of `ProviderConfig`, by keyword.
    """

    host: str = field(default_factory=_setting("HOST", "localhost"))
    port: int = field(default_factory=_port)
    database: str = field(default_factory=_setting("DB", "memorizz"))
    user: str = field(default_factory=_setting("USER", "postgres"))
    password: str = field(default_factory=_setting("PASSWORD", "password"), repr=False)
    url: str | None = field(default=None, repr=False, kw_only=True)
    pool_size: int = field(default=5, kw_only=True)
    connect_timeout: float = field(default=10.0, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse an address before a repr could show it."""
        no_address(self, ("host", "port", "database", "user"), "give it as a postgresql://… by keyword, as url=")

    def __repr__(self) -> str:
        """What is used: the url, or its parts; no password."""
        parts = ("host", "port", "database", "user", "password")
        shown = [f"url={_shown(self.url)!r}"] if self.url is not None else []
        for one in fields(self):
            if one.repr and not (self.url is not None and one.name in parts):
                shown.append(f"{one.name}={getattr(self, one.name)!r}")
        return f"{type(self).__name__}({', '.join(shown)})"

    def check(self) -> None:
        super().check()
        names = ("url",) if self.url is not None else ("host", "database", "user", "password")
        texts(self, names)
        if self.url is None:
            number(self.port, "port", least=1, most=65535, whole=True)
        number(self.pool_size, "pool_size", least=1, most=10_000, whole=True)
        number(self.connect_timeout, "connect_timeout", least=0.001, most=86_400)

    def open(self) -> RecordStore:
        """Connect, and make the tables where they are missing.

        Raises:
            ConfigError: an option makes no sense.
            MissingExtra: the driver is not installed.
            StorageUnavailable: the server cannot be reached or refuses the user (a ConnectionError).
            SchemaError: pgvector is missing or too old, or a table of the same name is another one.
        """
        pool = PoolConfig(
            pool_size=self.pool_size, max_overflow=2 * self.pool_size, connect_timeout=self.connect_timeout
        )
        return made(SqlRecordStore(Postgres(self._address(), pool, compared), SCHEMA, MIGRATIONS), "PostgreSQL")

    def _address(self) -> URL:
        if self.url is not None:
            return parse_dsn(self.url, expected="postgresql")
        named = {"host": self.host, "port": self.port, "database": self.database}
        return URL.create("postgresql", username=self.user, password=self.password or None, **named)  # type: ignore[arg-type]


def _shown(url: object) -> str:
    """A url without its password and its options, among which there may be one, too."""
    try:
        parts = make_url(str(url)).set(query={})
    except (ArgumentError, ValueError):
        return "…"
    return "…" if "@" in (parts.host or "") else parts.render_as_string(hide_password=True)  # or a part of it is there


class PostgreSQLProvider(RecordProvider):
    """A memory provider on PostgreSQL with pgvector."""

    config_type: ClassVar[type[ProviderConfig]] = PostgreSQLConfig
