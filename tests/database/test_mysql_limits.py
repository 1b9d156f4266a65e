"""What a MySQL or MariaDB server bounds: the length of a statement, of a key, and the number of connections."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy import event
from sqlalchemy.pool import Pool

import servers
from memu import MemoryService
from memu.database.core import Database
from memu.database.mysql import build_mysql_database
from memu.errors import ConfigError, InputError, StorageBusy
from memu.settings import DatabaseConfig, MetadataStoreConfig
from servers.process import wait_until

FLAVOURS = ("mariadb", "mysql")
ROWS, LENGTH = 400, 50_000
"""Some 20 MB."""


def ask(server: servers.Server, dsn: str, statement: str) -> list[tuple[Any, ...]]:
    with closing(server.bare(dsn)) as connection:
        cursor = connection.cursor()
        cursor.execute(statement)
        return list(cursor.fetchall())


def opened(dsn: str, **options: Any) -> Database:
    store = MetadataStoreConfig(provider="mysql", dsn=dsn, **options)
    return build_mysql_database(config=DatabaseConfig(metadata_store=store))


@pytest.fixture(params=FLAVOURS)
def server(request: pytest.FixtureRequest) -> servers.Server:
    return servers.get(request.param)


@pytest.mark.parametrize("packet", ["1M", "128K"])
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_batches_stay_below_max_allowed_packet(
    flavour: str, packet: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with servers.private(flavour, settings={"max_allowed_packet": packet}) as server:
        dsn = server.create_database()
        target = opened(dsn)
        with MemoryService() as source:
            for number in range(ROWS):
                create(source.db, f"{number:03} ".ljust(LENGTH, "x"), "alice")
            assert source.db.transfer(target)["memory_items"] == ROWS
        kept = ask(server, dsn, "SELECT count(*), sum(length(summary)), count(DISTINCT summary) FROM memory_items")
        assert [tuple(map(int, row)) for row in kept] == [(ROWS, ROWS * LENGTH, ROWS)]
        target.close()


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_row_beyond_max_allowed_packet_is_refused_by_that_name_and_leaves_nothing(
    flavour: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with servers.private(flavour, settings={"max_allowed_packet": "1M"}) as server:
        dsn = server.create_database()
        store = {"provider": "mysql", "dsn": dsn}
        service = MemoryService(database={"metadata_store": store}, embedding_config={"provider": "none"})
        create(service.db, "x" * 1_000_000, "alice")
        # Quotes take two bytes; far beyond the limit the server hangs up before it has read all.
        for text in ("x" * 1_100_000, "'" * 600_000, "𠮷" * 300_000, "x" * 20_000_000):
            with pytest.raises(InputError, match=r"max_allowed_packet is 1,048,576"):
                create(service.db, text, "bob")
        counted = {one: ask(server, dsn, f"SELECT count(*) FROM {one}") for one in ("resources", "memory_items")}
        with pytest.raises(InputError, match="max_allowed_packet"):
            service.sync.memorize("My dog is called Rex. " + "x" * 1_100_000, user={"user_id": "bob"})
        for table, count in counted.items():
            assert ask(server, dsn, f"SELECT count(*) FROM {table}") == count
        assert counted["memory_items"] == [(1,)]
        service.sync.memorize("My dog is called Rex.", user={"user_id": "bob"})
        assert ask(server, dsn, "SELECT summary FROM memory_items WHERE user_id = 'bob'") == [
            ("My dog is called Rex.",)
        ]
        service.close()


def create(database: Database, summary: str, user: str) -> None:
    database.memory_item_repo.create_item(
        resource_id=None, memory_type="knowledge", summary=summary, embedding=None, user_data={"user_id": user}
    )


THREADS, POOL, OVERFLOW = 30, 3, 2


@contextmanager
def connections_counted() -> Iterator[list[int]]:
    """How many connections this process holds, each time one is made or closed.

    A server lists a closed connection for a while, so that its list can exceed what was ever open.
    """
    held, guard = [0], threading.Lock()

    def made(*_: Any) -> None:
        with guard:
            held.append(held[-1] + 1)

    def ended(*_: Any) -> None:
        with guard:
            held.append(held[-1] - 1)

    event.listen(Pool, "connect", made)
    event.listen(Pool, "close", ended)
    try:
        yield held
    finally:
        event.remove(Pool, "connect", made)
        event.remove(Pool, "close", ended)


def test_no_more_connections_than_are_configured(server: servers.Server, dsn: str) -> None:
    own = dsn.rpartition("/")[2].partition("?")[0]
    ready = threading.Barrier(THREADS)

    def work(number: int) -> None:
        ready.wait()
        for step in range(5):
            create(database, f"{number} {step}", f"user{number}")
            assert len(database.memory_item_repo.list_items({"user_id": f"user{number}"})) == step + 1

    def listed() -> int:
        return sum(row[3] == own for row in ask(server, server.dsn(server.home), "SHOW PROCESSLIST"))

    with connections_counted() as held:
        database = opened(dsn, pool={"pool_size": POOL, "max_overflow": OVERFLOW})
        with ThreadPoolExecutor(THREADS) as threads:
            for one in [threads.submit(work, number) for number in range(THREADS)]:
                one.result()
        assert 1 < max(held) <= POOL + OVERFLOW
        assert 1 <= held[-1] <= POOL
        wait_until(lambda: listed() == held[-1], 20, lambda: f"{listed()} connections, not {held[-1]}")
    database.close()
    assert ask(server, dsn, "SELECT count(*) FROM memory_items") == [(THREADS * 5,)]


def test_connections_are_pooled_by_default(server: servers.Server, dsn: str) -> None:
    database = opened(dsn)

    def sessions() -> set[Any]:
        return {row[0] for row in ask(server, dsn, statement)}

    statement = "SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id()"
    create(database, "one", "alice")
    used = sessions()
    for number in range(20):
        create(database, f"text {number}", "alice")
    assert sessions() == used
    assert len(used) == 1
    database.close()


def test_who_gets_no_connection_in_time_is_told_so(server: servers.Server, dsn: str) -> None:
    database = opened(dsn, pool={"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.1})
    with database.handle.records.reader(), pytest.raises(StorageBusy, match="pool_size"):
        create(database, "one", "alice")
    database.close()
    assert ask(server, dsn, "SELECT count(*) FROM memory_items") == [(0,)]


class Tenant(BaseModel):
    """A field more than the keys of these servers have room for."""

    user_id: str
    tenant: str


def test_a_third_scope_field_is_refused_before_any_table_is_made(server: servers.Server, dsn: str) -> None:
    config = DatabaseConfig(metadata_store={"provider": "mysql", "dsn": dsn})
    with pytest.raises(ConfigError, match=r"'tenant'.*mysql.*user_id and agent_id only"):
        build_mysql_database(config=config, user_model=Tenant)
    with pytest.raises(ConfigError, match="'tenant'"):
        MemoryService(database=config, user_config={"model": Tenant})
    assert ask(server, dsn, "SHOW TABLES") == []
