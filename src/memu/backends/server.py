"""What database servers share: pools, sessions, and errors that name the host and never the password."""

import socket
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence, Set
from functools import partial
from importlib import import_module
from typing import Any, ClassVar, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError

from memu import errors
from memu.backends.dialects import ENCODED, EXAMPLES, Dialect, Fault, shown, words
from memu.backends.types import LongText
from memu.settings import PoolConfig

T = TypeVar("T")


class Server(Dialect):
    """A database server, reached over a pool of connections."""

    driver: ClassVar[str]
    """The SQLAlchemy driver of a DSN that names none."""
    modules: ClassVar[Mapping[str, str]]
    """The Python module of each driver that is known here."""
    extra: ClassVar[str]
    """The extra that installs the default driver."""
    port: ClassVar[int]
    catalogue: ClassVar[str]
    """Reads the table, column, type and collation of every column that is there."""
    kept_as: ClassVar[Mapping[type, str]]
    """What the type of a column must begin with in the server's words, where a narrower one would take the values."""

    def __init__(self, url: URL, pool: PoolConfig | None = None) -> None:
        if "+" not in url.drivername:
            url = url.set(drivername=f"{url.drivername}+{self.driver}")
        super().__init__(url)
        self.pool = pool or PoolConfig()

    def connect(self) -> Engine:
        """A pool; its connections are made when they are first needed, and begin transactions on our word only."""
        self._require_driver()
        if unknown := sorted(set(self.url.query) - self.options()):
            raise self._unread(f"does not take what the dsn has among its options, {', '.join(unknown)}")
        make = partial(
            sa.create_engine,
            self.url,
            isolation_level="AUTOCOMMIT",
            pool_size=self.pool.pool_size,
            max_overflow=self.pool.max_overflow,
            pool_timeout=self.pool.pool_timeout,
            pool_recycle=self.pool.pool_recycle,
            connect_args=self.connect_args(),
        )
        engine = self._read(make)
        sa.event.listen(engine, "do_connect", self._reach)
        return engine

    def options(self) -> Set[str]:
        """The options of a DSN that the driver may take."""
        return self.url.query.keys()

    def _reach(self, dialect: sa.Dialect, _record: Any, given: Sequence[Any], options: Mapping[str, Any]) -> Any:
        """A connection, as SQLAlchemy makes it."""
        return self._read(partial(dialect.connect, *given, **options))

    def _read(self, make: Callable[[], T]) -> T:
        """What is made of the DSN.

        Raises:
            ConfigError: the driver trips over an option, which it says in its own ways.
        """
        try:
            return make()
        except (AttributeError, LookupError, OSError, TypeError, ValueError) as error:
            if isinstance(error, OSError) and not self.url.query:  # with options it is a file that one of them names
                raise
            kind = type(error).__name__
        # Out of the block: the driver's words may hold a piece of the DSN, and would come along as the context.
        raise self._unread(f"cannot read the dsn ({kind}; its options: {', '.join(sorted(self.url.query)) or 'none'})")

    def _unread(self, fault: str) -> errors.ConfigError:
        expected = f"expected one such as {EXAMPLES[self.url.get_backend_name()]}, with options of that driver"
        return errors.ConfigError(f"the driver of {self.name} {fault}: {expected}; {ENCODED}.")

    def connect_args(self) -> dict[str, Any]:
        """Further arguments of the driver's `connect`."""
        return {}

    @property
    @abstractmethod
    def collation(self) -> str:
        """The collation that compares byte for byte."""

    def unfit_columns(self, connection: Connection, tables: Mapping[str, sa.Table]) -> dict[tuple[str, str], str]:
        """Columns that would take other texts for the same, or keep less of a value than was given."""
        found = {}
        for table, name, kind, collation in connection.exec_driver_sql(self.catalogue):
            column = tables[table].columns.get(name) if table in tables else None
            expected = self.kept_as.get(type(column.type), "") if column is not None else ""
            if not str(kind).startswith(expected):
                found[table, name] = f"is of type {kind}, expected {expected}"
            elif column is not None and isinstance(column.type, sa.String | LongText) and collation != self.collation:
                what = collation or "the collation of the database"
                found[table, name] = f"is compared by {what}, expected {self.collation}"
        return found

    def _require_driver(self) -> None:
        driver = self.url.get_driver_name()
        if driver not in self.modules:
            known = ", ".join(f"{self.name}+{name}://" for name in self.modules)
            raise errors.ConfigError(f"the dsn names the driver {driver!r}: expected one of {known}.")
        try:
            import_module(self.modules[driver])
        except ImportError as error:
            remedy = f"pip install 'memu[{self.extra}]'"
            if driver != self.driver:
                remedy = f"install it, or use {self.driver} ({remedy}) by a dsn that begins with {self.name}://"
            raise errors.MissingExtra(
                f"the driver of {self.name}, {driver}, is not installed ({error}): {remedy}."
            ) from None

    @property
    def place(self) -> str:
        """Host or socket, port and database."""
        asked = [_option(self.url, name) for name in ("host", "unix_socket")]
        host = self.url.host or next(filter(None, asked), "localhost")
        return f"{host}:{self.url.port or _option(self.url, 'port') or self.port}/{self.url.database or ''}"

    def describe(self) -> dict[str, Any]:
        """The provider and the DSN, without its password or anything like one."""
        return {"provider": self.name, "dsn": shown(self.url), "pool": self.pool.model_dump()}

    def translate(self, error: DBAPIError) -> errors.MemuError:
        """A connection that was lost while a transaction was on its way is an outage, whatever the driver calls it."""
        if error.connection_invalidated and self.reason(error) is None:
            return errors.StorageUnavailable(f"{self.place}: the connection was lost ({words(error)}). {ASK}")
        return super().translate(error)

    def unreachable(self, error: DBAPIError) -> Fault:
        """The fault of a server that cannot be reached."""
        return errors.StorageUnavailable, f"{self.place} cannot be reached: {words(error)}. {ASK}"

    def refused(self) -> Fault:
        """The fault of a user whom the server does not know; the server's words hold no password."""
        user = self.url.username or ""
        return errors.StorageUnavailable, f"{self.place} refused the user {user!r}: check the name and the password."


def _option(url: URL, name: str) -> str:
    """An option of a DSN that may be given several times; "" for none."""
    value = url.query.get(name, "")
    return value if isinstance(value, str) else ",".join(value)


def end_silence(connection: socket.socket) -> None:
    """Let a connection end whose other side has gone without a word: by itself it would be waited for without end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in SILENCE.items():
        option = getattr(socket, name, None)  # not every system has all of them
        if option is not None and connection.family != getattr(socket, "AF_UNIX", None):
            connection.setsockopt(socket.IPPROTO_TCP, option, value)


SILENCE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 60_000}
"""Seconds without a word before the other side is asked, between questions, how many; milliseconds for what is sent."""

ASK = "Is the server running, and the dsn's host and port right?"
