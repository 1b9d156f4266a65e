"""Memories in MongoDB; their vectors are compared in this process."""

from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from memorizz.memory_provider.config import ProviderConfig, made, no_address, number, texts
from memorizz.memory_provider.provider import RecordProvider
from memorizz.memory_provider.schema import SCHEMA
from memu.backends.base import RecordStore
from memu.backends.mongo import MongoDatabase
from memu.backends.mongo_shape import Step
from memu.errors import ConfigError
from memu.settings import PoolConfig

STEPS = (Step(1, "the first form", lambda _database: None),)


@dataclass
class MongoDBConfig(ProviderConfig):
    """Which server, and which database on it.

    Args:
        uri: `mongodb://user:password@host:27017`, and options; shown nowhere, since it may hold a password.
        db_name: the database; without it the one that the uri names, unless that is "admin", or "memorizz".
        pool_size: how many connections are made at most, by keyword.
        connect_timeout: seconds to wait for the server, by keyword.

    The other options are those of `ProviderConfig`, by keyword.
    """

    uri: str = field(default="mongodb://localhost:27017", repr=False)
    db_name: str = ""
    pool_size: int = field(default=15, kw_only=True)
    connect_timeout: float = field(default=10.0, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse an address before a repr could show it, and choose the database."""
        no_address(self, ("db_name",), "give it as uri=")
        if self.db_name == "" and isinstance(self.uri, str):
            self.db_name = _database(self.uri)

    def check(self) -> None:
        super().check()
        texts(self, ("uri", "db_name"))
        number(self.pool_size, "pool_size", least=1, most=10_000, whole=True)
        number(self.connect_timeout, "connect_timeout", least=0.001, most=86_400)

    def open(self) -> RecordStore:
        """Connect, and make the collections where they are missing.

        Raises:
            ConfigError: the uri is none, or an option makes no sense.
            MissingExtra: the driver is not installed.
            StorageUnavailable: the server cannot be reached or refuses the user (a ConnectionError).
        """
        pool = PoolConfig(pool_size=self.pool_size, max_overflow=0, connect_timeout=self.connect_timeout)
        return made(MongoDatabase(self._address(), pool).open(SCHEMA, STEPS), "MongoDB")

    def _address(self) -> str:
        """The uri with the database in it; who connects is still known where the uri says, or in `admin`."""
        try:
            parts = urlsplit(self.uri)
        except ValueError:
            raise ConfigError("the uri cannot be read: expected mongodb://user:password@host:27017.") from None
        options = parse_qs(parts.query, keep_blank_values=True)
        if "@" in parts.netloc and "authSource" not in options:
            options["authSource"] = [parts.path.removeprefix("/") or "admin"]
        named = parts._replace(path=f"/{quote(self.db_name, safe='')}", query=urlencode(options, doseq=True))
        return named.geturl()


def _database(uri: str) -> str:
    """The database for a uri: the one that it names, unless that is the one where users stand."""
    try:
        named = unquote(urlsplit(uri).path.removeprefix("/"))
    except ValueError:
        named = ""
    return "memorizz" if named in ("", "admin") else named


class MongoDBProvider(RecordProvider):
    """A memory provider on MongoDB."""

    config_type: ClassVar[type[ProviderConfig]] = MongoDBConfig
