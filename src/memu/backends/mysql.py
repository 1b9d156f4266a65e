"""MySQL and MariaDB, by PyMySQL or mysqlclient."""

import contextlib
from collections.abc import Callable, Mapping, Set
from hashlib import sha256
from types import NoneType
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, ExceptionContext
from sqlalchemy.exc import DBAPIError

from memu import errors
from memu.backends.base import ALONE
from memu.backends.dialects import BUSY_SECONDS, MADE, MAKING, Fault, pointer, words
from memu.backends.server import Server, end_silence
from memu.backends.types import LARGEST_EXACT, ExactNumber, Json, JsonVector, LongText, UtcTime
from memu.settings import PoolConfig

LOCKS = "memu_locks"
"""A table of one row, which every writer shares; who is alone in the store owns it."""

OLDEST = {"MySQL": (8, 0, 17), "MariaDB": (10, 5)}
"""What has a binary collation that does not pad, DOUBLE casts and RELEASE_ALL_LOCKS."""

COLLATIONS = {"MySQL": "utf8mb4_0900_bin", "MariaDB": "utf8mb4_nopad_bin"}
"""Byte for byte, trailing spaces included."""

CHARSET = "utf8mb4"

ESCAPED = "\\'\"\n\r\0\x1a"
"""The characters that take two bytes in a statement."""

MOST_DIGITS = 64
"""Of a DECIMAL, about; a number with more is far from every filter's."""

TOO_LONG = 1153
LOST = (0, TOO_LONG, 2006, 2013, 2055)
"""What a client is told, by the server or by its socket, of a statement that was too long for the server."""


class MySQL(Server):
    """MySQL 8.0.17 or later, MariaDB 10.5 or later."""

    name = "mysql"
    driver = "pymysql"
    modules: ClassVar[Mapping[str, str]] = {"pymysql": "pymysql", "mysqldb": "MySQLdb"}
    extra = "mysql"
    most_scope_fields = 2  # three of 255 characters are 3,060 bytes, of the 3,072 that a key of InnoDB holds
    port = 3306
    catalogue = (
        "SELECT table_name, column_name, column_type, collation_name FROM information_schema.columns "
        "WHERE table_schema = DATABASE()"
    )
    kept_as: ClassVar[Mapping[type, str]] = {
        UtcTime: "datetime(6)",
        sa.BigInteger: "bigint",
        LongText: "longtext",
        Json: "longtext",
        JsonVector: "longtext",
    }
    json_types: ClassVar[Mapping[type, tuple[str, ...]]] = {
        NoneType: ("NULL",),
        bool: ("BOOLEAN",),
        str: ("STRING",),
        float: ("INTEGER", "UNSIGNED INTEGER", "DOUBLE", "DECIMAL"),
    }

    def __init__(self, url: URL, pool: PoolConfig | None = None) -> None:
        if (charset := url.query.get("charset", CHARSET)) != CHARSET:
            raise errors.ConfigError(f"the dsn asks for charset={charset}: only {CHARSET} holds every text.")
        super().__init__(url, pool)
        self.flavour = "MySQL"
        self.packet: int | None = None
        """The server's max_allowed_packet, once a connection was made."""

    @property
    def collation(self) -> str:
        """The collation of every column."""
        return COLLATIONS[self.flavour]

    def connect(self) -> Engine:
        """The server hangs up after a statement that was too long: there is nothing left to roll back on."""
        engine = super().connect()
        sa.event.listen(engine, "handle_error", _hung_up)
        return engine

    def options(self) -> Set[str]:
        """All but those that stand for Python objects, or leave the connection for later."""
        return super().options() - {"conv", "cursorclass", "defer_connect"}

    def connect_args(self) -> dict[str, Any]:
        """Wait no longer for a connection than is configured; to PyMySQL that ends where the handshake begins."""
        longest = max(1, round(self.pool.connect_timeout))
        handshake = {"read_timeout": longest} if self.url.get_driver_name() == "pymysql" else {}
        return {"charset": CHARSET, "connect_timeout": longest, **handshake}

    def connected(self, connection: Any) -> None:
        """Times in UTC, bounded waits, and a value that does not fit is an error, whatever the server's own mode."""
        version = str(connection.get_server_info())
        self.flavour = "MariaDB" if "MariaDB" in version else "MySQL"
        self._check_version(version)
        settings = {
            "time_zone": "'+00:00'",
            "sql_mode": "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
            "innodb_lock_wait_timeout": str(round(BUSY_SECONDS)),
            "lock_wait_timeout": str(round(BUSY_SECONDS)),
        }
        limit = self.pool.statement_timeout or 0
        settings |= (
            {"max_statement_time": str(limit)}
            if self.flavour == "MariaDB"
            else {"max_execution_time": str(round(limit * 1000))}
        )
        with contextlib.closing(connection.cursor()) as cursor:
            cursor.execute("SET " + ", ".join(f"SESSION {name} = {value}" for name, value in settings.items()))
            cursor.execute("SELECT @@max_allowed_packet")
            self.packet = int(cursor.fetchone()[0])
        if self.url.get_driver_name() == "pymysql":
            connection._read_timeout = None  # a statement may take longer than a handshake
            end_silence(connection._sock)
        self._bound_batches(connection, self.packet)

    @staticmethod
    def _bound_batches(connection: Any, packet: int) -> None:
        """Both drivers split an INSERT of many rows, at a length that is theirs: a server may take less."""
        cursor, length = connection.cursorclass, packet - 1024
        if cursor.max_stmt_length > length:
            connection.cursorclass = type("Cursor", (cursor,), {"max_stmt_length": length})

    def _check_version(self, version: str) -> None:
        # MariaDB used to put 5.5.5- before its own version, for the sake of old replicas.
        numbers = version.removeprefix("5.5.5-").split("-")[0].split(".")
        if tuple(int(part) for part in numbers[:3]) < OLDEST[self.flavour]:
            oldest = ".".join(map(str, OLDEST[self.flavour]))
            raise errors.SchemaError(f"{self.place} runs {self.flavour} {version}: expected {oldest} or later.")

    def begin(self, connection: Connection, *, writes: bool, lock: str) -> None:
        """Writers share the row of the locks' table and own their scope's name; one alone owns the row."""
        if not writes:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
            return
        if lock != ALONE:
            self._wait_for(connection, lock)
        if lock == MAKING:
            return  # every statement that makes a table is a transaction of its own here
        how = "FOR UPDATE" if lock == ALONE else "LOCK IN SHARE MODE"
        try:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
            connection.exec_driver_sql("START TRANSACTION")
            if connection.exec_driver_sql(f"SELECT name FROM {LOCKS} {how}").first() is None:  # noqa: S608 - words of ours
                raise errors.SchemaError(f'{self.place}: {LOCKS} is empty; open the store once with ddl_mode="create".')
        except BaseException:
            self.ended(connection)  # the session goes back to the pool, and must not take the name along
            raise

    def _wait_for(self, connection: Connection, lock: str) -> None:
        """A named lock of the server, which belongs to the session: `ended` gives it back, or the session's end."""
        name = sha256(lock.encode()).hexdigest()
        # The names of all databases are in one room, and a DSN may spell its own in several ways.
        named = "SHA2(CONCAT(DATABASE(), ' ', %s), 224)"
        if not connection.exec_driver_sql(f"SELECT GET_LOCK({named}, %s)", (name, BUSY_SECONDS)).scalar():
            raise errors.StorageBusy(f"{self.place} is locked by another writer for over {BUSY_SECONDS:.0f} s.")

    def ended(self, connection: Connection) -> None:
        """Give the named lock back, now that what was written under it is committed."""
        options = connection.get_execution_options()
        if not options.get("memu_writes") or options.get("memu_lock", ALONE) == ALONE or connection.invalidated:
            return
        try:
            with contextlib.closing(connection.connection.cursor()) as cursor:
                cursor.execute("DO RELEASE_ALL_LOCKS()")
        except Exception:  # whatever the driver raises: with its session the lock is gone, too
            connection.invalidate()

    def prepare(self, connection: Connection, tables: Mapping[str, sa.Table]) -> None:
        """Tables get the collation that this server has; the table of the locks is there before the first writer."""
        for table in tables.values():
            table.dialect_options["mysql"]["charset"] = table.dialect_options["mariadb"]["charset"] = CHARSET
            table.dialect_options["mysql"]["collate"] = table.dialect_options["mariadb"]["collate"] = self.collation
        connection.exec_driver_sql(f"CREATE TABLE IF NOT EXISTS {LOCKS} (name VARCHAR(16) NOT NULL PRIMARY KEY)")
        connection.exec_driver_sql(f"INSERT IGNORE INTO {LOCKS} (name) VALUES ('store')")  # noqa: S608 - words of ours

    def missing(self, connection: Connection) -> list[str]:
        """The table of the locks, with its row."""
        there = sa.inspect(connection).has_table(LOCKS)
        if there and connection.exec_driver_sql(f"SELECT name FROM {LOCKS}").first():  # noqa: S608 - a word of ours
            return []
        return [f"table {LOCKS} is {'empty' if there else 'missing'}"]

    def insert(self, table: sa.Table, conflict: str) -> Any:
        """ON DUPLICATE KEY, which sees every key; IGNORE would also pass over what does not fit, or refers nowhere."""
        from sqlalchemy.dialects.mysql import insert

        statement = insert(table)
        key = list(table.primary_key.columns)
        if conflict == "ignore":
            return statement.on_duplicate_key_update({key[0].name: key[0]})
        values = {column.name: statement.inserted[column.name] for column in table.columns if column not in key}
        return statement.on_duplicate_key_update(values) if values else statement

    def json_type(self, column: Any, path: tuple[str, ...]) -> Any:
        """`JSON_TYPE`, which is NULL for what is not there."""
        return sa.func.coalesce(sa.func.json_type(_inside(column, path)), "NULL")

    def json_value(self, column: Any, path: tuple[str, ...], kind: type) -> Any:
        """Unquoted, and compared byte by byte, like names."""
        read = sa.func.json_unquote(_inside(column, path))
        if kind is str:
            return sa.collate(read, self.collation)
        if kind is bool:
            return sa.type_coerce(read == "true", sa.Boolean())
        return sa.cast(read, sa.Double())

    def json_met(
        self, column: Any, path: tuple[str, ...], kind: type, compare: Callable[[Any], sa.ColumnElement[bool]]
    ) -> sa.ColumnElement[bool]:
        """Large numbers are compared with all their digits, which a double has not; small ones have more places."""
        met = super().json_met(column, path, kind, compare)
        if kind is not float:
            return met
        number, text = self.json_value(column, path, kind), sa.func.json_unquote(_inside(column, path))
        whole: Any = sa.cast(sa.cast(number, sa.BigInteger()), sa.DECIMAL(65, 0))  # of a double, all digits
        written = sa.and_(text.regexp_match("[eE]"), sa.func.abs(number) < 2**63)
        digits = sa.case((written, whole), else_=sa.cast(text, sa.DECIMAL(65, 0)))
        large = sa.and_(sa.func.abs(number) >= LARGEST_EXACT, sa.func.char_length(text) <= MOST_DIGITS)
        return sa.case((large, compare(sa.type_coerce(digits, ExactNumber()))), else_=met)

    def reason(self, error: DBAPIError) -> Fault | None:
        """By the number of the error; both drivers put it first."""
        arguments = getattr(error.orig, "args", ())
        code = arguments[0] if arguments and isinstance(arguments[0], int) else None
        if code is None:
            return None
        if code in LOST and self.packet and (length := _longest_row(error)) >= self.packet:
            return errors.InputError, (
                f"a row of {length:,} bytes is too long for {self.place}, whose max_allowed_packet is {self.packet:,}: "
                "raise that, or store less at once."
            )
        return next((fault for codes, fault in self._faults(error).items() if code in codes), None)

    def _faults(self, error: DBAPIError) -> dict[tuple[int, ...], Fault]:
        place, said = self.place, _sentence(error)
        return {
            (1044, 1045, 1698, 1251, 2059): self.refused(),
            (1049,): (errors.StorageUnavailable, f"{place}: {said}; make it with CREATE DATABASE."),
            (0, 1053, 1077, 1080, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 2002, 2003, 2005, 2006, 2013, 2055, 4031): (
                self.unreachable(error)
            ),
            (1040, 1203, 1226): (errors.StorageBusy, f"{place} takes no more connections: {said}."),
            (1205, 3572): (errors.StorageBusy, f"{place} is locked by another writer for over {BUSY_SECONDS:.0f} s."),
            (1213, 3058, 1020): (errors.Deadlock, f"{place} broke off the transaction for another one."),
            (1317, 1907, 1969, 3024): (errors.StorageBusy, f"{place}: {said}; see statement_timeout."),
            (3, 28, 1021, 1026, 1030, 1114, 3019, 1041, 1037, 1038): (
                errors.StorageFull,
                f"{place}: the server could not write: {said}. Is its disk full?",
            ),
            (1022, 1048, 1062, 1169, 1216, 1217, 1451, 1452, 1557, 1586, 1761, 1762, 3819): (
                errors.IntegrityError,
                f"a row breaks a key of the store: {_kind_of_key(error)}.",
            ),
            (1290, 1792, 1836): (errors.StorageReadOnly, f"{place} takes no writes: {said}. Is it a replica?"),
            (1142, 1143, 1227): (
                errors.StorageReadOnly,
                f"{place} does not permit it: {said}. The user of the dsn needs a GRANT for that.",
            ),
            (1146,): (
                errors.SchemaError,
                f"{place}: {said}; {MADE}",
            ),
            (1118, 1153, 1264, 1292, 1300, 1301, 1366, 1406, 3140, 3141): (
                errors.InputError,
                f"a value cannot be stored ({said}); see max_allowed_packet for long ones.",
            ),
        }


def _inside(column: Any, path: tuple[str, ...]) -> Any:
    """What stands at a path; nothing where a number is none to MySQL: it would refuse the whole statement."""
    return sa.func.json_extract(sa.case((sa.func.json_valid(column) == 1, column)), pointer(path))


def _sentence(error: DBAPIError) -> str:
    """The server's words without the number before them."""
    arguments: tuple[Any, ...] = getattr(error.orig, "args", ())
    return str(arguments[-1]).splitlines()[0].rstrip(".") if len(arguments) > 1 and arguments[-1] else words(error)


def _kind_of_key(error: DBAPIError) -> str:
    """Which key, without the value that the server repeats."""
    said = _sentence(error)
    _, found, key = said.rpartition(" for key ")
    return f"duplicate entry for key {key}" if found else said.split("(")[0].strip()


def _hung_up(context: ExceptionContext) -> None:
    if getattr(context.original_exception, "args", ())[:1] == (TOO_LONG,):
        context.is_disconnect, context.invalidate_pool_on_disconnect = True, False


def _longest_row(error: DBAPIError) -> int:
    """About how many bytes the longest row of a statement takes as the driver writes it."""
    rows = error.params if isinstance(error.params, list) else [error.params or ()]
    lengths = (sum(map(_length, row.values() if isinstance(row, Mapping) else row)) for row in rows)
    return len(error.statement or "") + max(lengths, default=0)


def _length(value: Any) -> int:
    text = str(value)
    return len(text.encode(errors="replace")) + sum(map(text.count, ESCAPED)) + len("'',")
