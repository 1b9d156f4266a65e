"""What the promises on database servers are held to: a database on a real server, its rows, its locks, its network."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pymysql.err import OperationalError

from memu.app import MemoryService
from memu.settings import DatabaseConfig
from servers import Server

NO_VECTORS = {"provider": "none"}
WAIT = float(os.environ.get("MEMU_TEST_PATIENCE", "60"))
"""Seconds until a state that must come is given up for."""

KEEPS = {
    "postgres": {"synchronous_commit": "on"},
    "mariadb": {"innodb_flush_log_at_trx_commit": "2"},
    "mysql": {"innodb_flush_log_at_trx_commit": "2"},
}
"""Settings with which a server that is killed has what it confirmed, as long as the machine goes on."""


def config(dsn: str, **pool: Any) -> DatabaseConfig:
    return DatabaseConfig(metadata_store={"dsn": dsn, "pool": pool})


def service(dsn: str, folder: Path, user: str | None = "maya", **pool: Any) -> MemoryService:
    """A service without vectors on a database of a server."""
    return MemoryService(
        user_id=user,
        database_config=config(dsn, **pool),
        embedding_config=NO_VECTORS,
        blob_config={"resources_dir": folder / "resources"},
    )


def at(dsn: str, port: int) -> str:
    """The same address by another port."""
    url = urlsplit(dsn)
    who, _, where = url.netloc.rpartition("@")
    host = where.rpartition(":")[0]
    return urlunsplit(url._replace(netloc=f"{who}@{host}:{port}"))


def with_password(dsn: str, password: str) -> str:
    """The same address by another password."""
    url = urlsplit(dsn)
    who, _, where = url.netloc.rpartition("@")
    return urlunsplit(url._replace(netloc=f"{who.partition(':')[0]}:{password}@{where}"))


def rows(server: Server, dsn: str, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
    """What a bare driver's connection reads."""
    with closing(server.bare(dsn)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(query, values)
        return list(cursor.fetchall())


def held(server: Server, dsn: str, user: str) -> dict[str, list[Any]]:
    """The rows of a user that matter; times and ids that a repeated call makes anew are left out."""
    queries = {
        "resources": "SELECT url, version, content_hash FROM resources WHERE user_id = %s ORDER BY url, version",
        "texts": "SELECT text FROM resource_texts WHERE user_id = %s ORDER BY text",
        "items": "SELECT summary, memory_type, valid_to IS NULL FROM memory_items WHERE user_id = %s ORDER BY summary",
        "links": "SELECT i.summary, c.name FROM category_items l "
        "JOIN memory_items i ON i.id = l.item_id AND i.user_id = l.user_id "
        "JOIN memory_categories c ON c.id = l.category_id AND c.user_id = l.user_id WHERE l.user_id = %s ORDER BY 1, 2",
        "categories": "SELECT name, summary, stale FROM memory_categories WHERE user_id = %s ORDER BY name",
        "history": "SELECT event FROM item_history WHERE user_id = %s ORDER BY event",
    }
    return {name: [tuple(row) for row in rows(server, dsn, query, (user,))] for name, query in queries.items()}


def settled(left: Mapping[str, list[Any]], after: Mapping[str, list[Any]]) -> bool:
    """Whether all of a call was committed, but for summaries that are marked stale and that a later call makes anew."""
    rest = all(left[name] == after[name] for name in after if name != "categories")
    pairs = list(zip(left["categories"], after["categories"], strict=False))
    return rest and len(pairs) == len(after["categories"]) and all(a == b or a[2] for a, b in pairs)


REFRESHED_AFTER = 0.15
"""Seconds after which InnoDB shows its transactions anew: who asks within 0.1 s sees what was shown before."""
UNSHOWN = 3854
"""MySQL's error where some session's statement, which the view of transactions shows, holds an emoji."""


def waiting(server: Server, dsn: str) -> int:
    """How many sessions on a database wait for a lock: of a row, or of a name."""
    if server.name == "postgres":
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        return int(rows(server, dsn, query)[0][0])
    on_rows = "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
    on_names = "SELECT count(*) FROM information_schema.processlist WHERE state = 'User lock' AND db = database()"
    time.sleep(REFRESHED_AFTER)
    try:
        return sum(int(rows(server, dsn, query)[0][0]) for query in (on_rows, on_names))
    except OperationalError as error:
        if error.args[0] != UNSHOWN:
            raise
        return 0  # for this time


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Ask until a condition holds."""
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(0.02)


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and all that led to it."""
    seen: set[int] = set()
    queue = [error]
    while queue:
        one = queue.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            queue += [one.__cause__, one.__context__]


def told(error: BaseException) -> str:
    """Everything that an error says, whatever way it is asked."""
    parts = [part for one in chain(error) for part in (str(one), repr(one), repr(one.args))]
    return "\n".join([*parts, *(note for one in chain(error) for note in getattr(one, "__notes__", ()))])
