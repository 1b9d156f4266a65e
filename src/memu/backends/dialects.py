"""What differs between SQL servers: how to connect and begin, how writers take turns, what an error means."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from hashlib import sha256
from typing import Any, ClassVar

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from memu import errors
from memu.backends.base import ALONE, Capability, Where

BUSY_SECONDS = 30.0
"""How long a writer waits for another one before StorageBusy."""

MAKING = "schema"
"""The lock of who makes or migrates the tables."""

MADE = 'tables are made when a store is opened, unless ddl_mode is "validate".'
"""What to know where a table is missing."""

BY_HAND = "by_hand"
"""The note on a table whose rows may also come by hand."""

Fault = tuple[type[errors.MemuError], str]
"""The error of ours for one of a driver's, and what it says."""


def parse_dsn(dsn: str, *, expected: str | Sequence[str]) -> URL:
    """Read a DSN; the error of one that cannot be read never repeats it, since it may hold a password.

    Raises:
        ConfigError: the DSN is not an SQLAlchemy URL, or names another kind of database than `expected`.
    """
    kinds = (expected,) if isinstance(expected, str) else tuple(expected)
    try:
        url = make_url(dsn)
    except (ArgumentError, ValueError):  # the latter, with a piece of the DSN in it, for a port that is no number
        raise errors.ConfigError(
            f"the dsn is not a database URL: expected {kinds[0]}://…, such as {EXAMPLES[kinds[0]]} (not shown: it may "
            "hold a password)."
        ) from None
    kind, plus, driver = url.drivername.partition("+")
    url = url.set(drivername=ALIASES.get(kind, kind) + plus + driver)
    several = bool(url.username) and dsn.count("@") > 1 and "@" in dsn.partition("?")[2]
    if several or "@" in (url.host or ""):
        raise errors.ConfigError(
            f"the dsn has more than one @: {ENCODED}, also in its options (not shown: it may be a piece of the "
            "password)."
        )
    if url.get_backend_name() not in kinds:
        raise errors.ConfigError(f"the dsn names {url.get_backend_name()!r}: the provider expects {kinds[0]}://…")
    return url


ALIASES = {"postgres": "postgresql", "mariadb": "mysql"}
"""Other names of the same kind of database."""

ENCODED = "a ?, /, @ or : in the user's name or password must be percent-encoded, such as %40 for an @"

EXAMPLES = {
    "sqlite": "sqlite:///memu.db",
    "postgresql": "postgresql://user:password@localhost:5432/memu",
    "mysql": "mysql://user:password@localhost:3306/memu",
    "mongodb": "mongodb://user:password@localhost:27017/memu",
}
"""A DSN of each kind, to be shown where another cannot be read."""

SECRET = ("pass", "secret", "key", "token")
"""What an option of a DSN that must not be shown has in its name."""


def shown(url: URL) -> str:
    """A DSN without its password, or anything like one."""
    hidden = {name: "hidden" for name in url.query if any(part in name.casefold() for part in SECRET)}
    return url.update_query_dict(hidden).render_as_string(hide_password=True)


class Dialect(ABC):
    """Defaults for every SQL server; a subclass overrides what differs, and says why."""

    name = "sql"
    capabilities = Capability.DURABLE | Capability.SHARED | Capability.PARALLEL
    json_types: ClassVar[Mapping[type, tuple[str, ...]]]
    """What the server calls the types of JSON that None, a bool, a str and a float are kept in."""

    most_scope_fields: ClassVar[int | None] = None
    """How many scope fields the server's keys have room for, user and agent among them; None for any number."""

    nulls_first = True
    """Whether the server's own ascending order begins with NULL, as everybody here expects it to."""

    leaves_before_fork = False
    """Whether no connection may be open at a fork, since the driver knows of others' locks by its own memory."""

    def __init__(self, url: URL) -> None:
        self.url = url

    @abstractmethod
    def connect(self) -> Engine:
        """Make the connection pool."""

    @abstractmethod
    def connected(self, connection: Any) -> None:
        """Give a driver's connection that was just made its settings."""

    @abstractmethod
    def begin(self, connection: Connection, *, writes: bool, lock: str) -> None:
        """Begin a transaction: one that reads sees one state; one that writes has had its turn at `lock`."""

    @abstractmethod
    def insert(self, table: sa.Table, conflict: str) -> Any:
        """An INSERT that skips or replaces on an existing key."""

    @abstractmethod
    def json_type(self, column: Any, path: tuple[str, ...]) -> Any:
        """The name of the type of what stands at a path of a JSON column; that of nothing at all is null's."""

    @abstractmethod
    def json_value(self, column: Any, path: tuple[str, ...], kind: type) -> Any:
        """What stands at a path, read as a bool, a str or a float; asked only where `json_type` says that it is one."""

    def json_met(
        self, column: Any, path: tuple[str, ...], kind: type, compare: Callable[[Any], sa.ColumnElement[bool]]
    ) -> sa.ColumnElement[bool]:
        """Whether what stands at a path compares; asked only where `json_type` says that it is of the kind."""
        return compare(self.json_value(column, path, kind))

    @abstractmethod
    def reason(self, error: DBAPIError) -> Fault | None:
        """What a driver's error means; None for one that is not known."""

    def engine(self) -> Engine:
        """The connection pool, whose connections and transactions begin as this dialect says."""

        def begin(connection: Connection) -> None:
            options = connection.get_execution_options()
            if not options.get("memu_bare"):  # one statement is a state by itself
                lock = options.get("memu_lock", ALONE)
                self.begin(connection, writes=options.get("memu_writes", False), lock=lock)

        engine = self.connect()
        sa.event.listen(engine, "connect", lambda connection, _record: self.connected(connection))
        sa.event.listen(engine, "begin", begin)
        return engine

    @property
    def identity(self) -> Hashable:
        """What stores on the same database have in common; None where no two are on the same."""
        return sha256(self.url.render_as_string(hide_password=False).encode()).hexdigest()

    @property
    def place(self) -> str:
        """Where the store is, as errors say it: never a password."""
        return str(self.url.database or self.name)

    def stored_key(self, table: str) -> tuple[str, ...]:
        """The primary key of a table as it is in the database, in its order; empty when there is no such table."""
        engine = self.engine()
        try:
            with self.translated(), engine.connect() as connection:
                found = sa.inspect(connection)
                return tuple(found.get_pk_constraint(table)["constrained_columns"]) if found.has_table(table) else ()
        finally:
            engine.dispose()

    def turn(self, *, writes: bool) -> AbstractContextManager[Any]:
        """What a transaction of this process waits for before it takes a connection; servers keep order themselves."""
        return nullcontext()

    def disconnect(self, engine: Engine) -> None:
        """Before a fork: close the connections, also those in use, so far as they are given back."""
        engine.dispose()

    def renew(self) -> None:  # noqa: B027 - to connect again is all that most servers need
        """In a forked child, before it connects."""

    def ended(self, connection: Connection) -> None:  # noqa: B027 - most locks go with their transaction
        """After a transaction: let go of what does not go with it."""

    def prepare(self, connection: Connection, tables: Mapping[str, sa.Table]) -> None:  # noqa: B027 - see `turn`
        """Before the tables are made or compared: what the server must have, and what it settles about them."""

    def missing(self, connection: Connection) -> list[str]:
        """What `prepare` would see to, in words, so far as it has not been done."""
        return []

    def fix_dimension(self, connection: Connection, table: sa.Table, dimension: int | None) -> None:  # noqa: B027
        """The vectors of a table are of this dimension from now on, or of any with None; most servers do not mind."""

    def has_dimension(self, connection: Connection, table: sa.Table, dimension: int) -> bool:
        """Whether `fix_dimension` would have nothing to do."""
        return True

    def unfit_columns(self, connection: Connection, tables: Mapping[str, sa.Table]) -> dict[tuple[str, str], str]:
        """What is wrong with a (table, column), in words, that only the server's own catalogue tells."""
        return {}

    def nearest(
        self,
        connection: Connection,
        tables: Mapping[str, sa.Table],
        name: str,
        vector: NDArray[np.float32],
        where: Where,
        limit: int | None,
    ) -> list[tuple[str, float]]:
        """See `RecordStore.nearest`; the connection is in no transaction."""
        raise NotImplementedError(f"{self.name} searches no vectors")

    def settle(self, engine: Engine) -> str | None:
        """Nothing to do where the server keeps its own files."""
        return None

    def erase_traces(self, engine: Engine) -> None:  # noqa: B027 - to do nothing is what most servers need
        """Nothing to do where the server keeps its own files."""

    def faults(self, connection: Connection) -> list[str]:
        """What the server's own checks find wrong; nothing where it keeps its own house."""
        return []

    def extras(self, tables: Mapping[str, sa.Table]) -> list[str]:
        """Further DDL after the tables."""
        return []

    def describe(self) -> dict[str, Any]:
        """Where the store is, without its password."""
        return {"provider": self.name, "place": self.place}

    def translate(self, error: DBAPIError) -> errors.MemuError:
        """The error of ours that says what a driver's error means."""
        make, text = self.reason(error) or (errors.StorageError, f"the database refused the statement: {words(error)}.")
        return make(f"{text} Nothing of the call was kept.")

    def unsure(self, error: DBAPIError) -> errors.StorageUnavailable:
        """The error of a connection that was lost at the commit, of which only the server knows what became."""
        return errors.StorageUnavailable(
            f"{self.place}: the connection was lost at the commit ({words(error)}). Whether the call was kept is not "
            "known: look, or repeat it."
        )

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn driver errors inside the block into errors of ours; the driver's error stays as the cause."""
        try:
            yield
        except DBAPIError as error:
            raise self.translate(error) from error.orig
        except (UnicodeEncodeError, OverflowError) as error:
            # The driver's own refusal to hand over a value, which is no database error to it.
            fault = f"a value cannot be stored ({error}): expected plain text, 64-bit numbers."
            raise errors.InputError(fault) from None
        except sa.exc.TimeoutError as error:
            raise errors.StorageBusy(
                f"all connections to {self.place} are in use: repeat the call, or raise pool_size."
            ) from error
        except SQLAlchemyError as error:
            # Before the driver sees it: a value that is no JSON, a name that is no column. Its text may hold values.
            fault = f"the store cannot take the call: {str(getattr(error, 'orig', None) or error).splitlines()[0]}."
            raise errors.InputError(fault) from None


def on_conflict(statement: Any, table: sa.Table, conflict: str) -> Any:
    """An INSERT with ON CONFLICT as SQLite and PostgreSQL spell it: it skips on any key, or replaces on the primary."""
    if conflict == "ignore":
        return statement.on_conflict_do_nothing()
    key = list(table.primary_key.columns)
    values = {column.name: statement.excluded[column.name] for column in table.columns if column not in key}
    return statement.on_conflict_do_update(index_elements=key, set_=values) if values else statement


def pointer(path: tuple[str, ...]) -> str:
    """A path into JSON as SQLite and MySQL write it."""
    return "$" + "".join(f'."{part}"' for part in path)


def words(error: DBAPIError) -> str:
    """The driver's own words, without the statement and its values."""
    return str(error.orig).splitlines()[0] if str(error.orig) else type(error.orig).__name__
