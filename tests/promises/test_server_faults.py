"""A server that restarts, is cut off or is down: an error that names the host, nothing half-written, no repair."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import servers
from memu.app import MemoryService
from memu.errors import MemuError, StorageBusy, StorageError, StorageUnavailable
from servers import PASSWORD, Server
from servers.proxy import Proxy

from . import on_servers as on
from .conversations import chat

POINTS = ["INSERT INTO resources", "INSERT INTO memory_items", "UPDATE memory_categories", "commit"]
"""Before which of its statements a `memorize` is struck; each is in the one transaction."""


@pytest.fixture(scope="module", params=servers.NAMES)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with servers.private(request.param, settings=on.KEEPS[request.param]) as server:
        yield server


@pytest.fixture
def dsn(server: Server) -> str:
    server.start()  # a test that failed may have left it ended
    return server.create_database()


@pytest.fixture
def proxied(server: Server, dsn: str) -> Iterator[tuple[Proxy, str]]:
    with Proxy(server.host, server.port) as proxy:
        yield proxy, on.at(dsn, proxy.port)


@contextmanager
def struck(memory: MemoryService, point: str, strike: Callable[[], object]) -> Iterator[list[str]]:
    """Strike once, right before the first statement of a kind is sent; what the block yields says whether it was."""
    engine: Any = memory.db.handle.records.engine
    done: list[str] = []

    def once(statement: str) -> None:
        if not done and point in statement:
            done.append(statement)
            strike()

    def execute(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        once(statement)

    def commit(connection: Any) -> None:
        if connection.get_execution_options().get("memu_writes"):
            once("commit")

    listeners = [("before_cursor_execute", execute), ("commit", commit)]
    for name, listener in listeners:
        sa.event.listen(engine, name, listener)
    try:
        yield done
    finally:
        for name, listener in listeners:
            sa.event.remove(engine, name, listener)


def check_said(error: BaseException, address: str, *secrets: str) -> None:
    """The error names the host, and neither it nor anything that led to it holds a password."""
    assert isinstance(error, StorageError | ConnectionError | TimeoutError)
    assert address in str(error)
    for secret in (PASSWORD, *secrets):
        assert secret not in on.told(error)


def fill_pool(memory: MemoryService) -> None:
    """Have several connections lie in the pool."""
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: memory.sync.list_memory_items(), range(8)))


def check_whole(server: Server, dsn: str, memory: MemoryService, folder: Path) -> None:
    """A call that left nothing is repeated, and leaves what it leaves where nothing went wrong."""
    assert not any(on.held(server, dsn, "maya").values()), "half-written"
    assert memory.sync.memorize(chat("maya", 5))["status"] == "created"
    with on.service(dsn, folder, "other") as other:
        other.sync.memorize(chat("maya", 5))
    # Resources made of words are named after their content.
    assert on.held(server, dsn, "maya") == on.held(server, dsn, "other")


# --- the server ends --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", POINTS)
def test_a_server_killed_in_mid_write_keeps_nothing(server: Server, dsn: str, tmp_path: Path, point: str) -> None:
    with on.service(dsn, tmp_path) as memory:
        fill_pool(memory)
        with struck(memory, point, server.kill) as done, pytest.raises(StorageUnavailable) as caught:
            memory.sync.memorize(chat("maya", 5))
        assert done
        check_said(caught.value, f"{server.host}:{server.port}")
        assert ("Whether the call was kept is not known" in str(caught.value)) == (point == "commit")
        with pytest.raises(StorageUnavailable) as caught:
            memory.sync.list_memory_items()
        check_said(caught.value, f"{server.host}:{server.port}")
        server.start()
        check_whole(server, dsn, memory, tmp_path)


def test_a_server_restarted_in_mid_write_keeps_nothing(server: Server, dsn: str, tmp_path: Path) -> None:
    with on.service(dsn, tmp_path) as memory:
        fill_pool(memory)
        with struck(memory, POINTS[1], server.restart), pytest.raises(StorageUnavailable) as caught:
            memory.sync.memorize(chat("maya", 5))
        check_said(caught.value, f"{server.host}:{server.port}")
        check_whole(server, dsn, memory, tmp_path)


def test_a_server_restarted_in_mid_read_is_read_by_the_next_call(server: Server, dsn: str, tmp_path: Path) -> None:
    with on.service(dsn, tmp_path) as memory:
        memory.sync.memorize(chat("maya", 5))
        fill_pool(memory)
        with struck(memory, "FROM memory_items", server.restart), pytest.raises(StorageUnavailable) as caught:
            memory.sync.retrieve("What about the boat?")
        check_said(caught.value, f"{server.host}:{server.port}")
        assert len(memory.sync.retrieve("What about the boat?", top_k=5)["items"]) == 5


def test_a_restart_between_two_calls_is_not_noticed(server: Server, dsn: str, tmp_path: Path) -> None:
    with on.service(dsn, tmp_path) as memory:
        memory.sync.memorize(chat("maya", 5))
        fill_pool(memory)
        server.restart()
        assert len(memory.sync.list_memory_items()["items"]) == 5
        server.restart()
        assert memory.sync.memorize("I keep bees in the garden behind the house.")["status"] == "created"


def test_an_update_that_the_server_did_not_live_to_see_changes_nothing(
    server: Server, dsn: str, tmp_path: Path
) -> None:
    with on.service(dsn, tmp_path) as memory:
        item = memory.db.memory_item_repo.create_item(memory_type="profile", summary="I keep bees.")
        with struck(memory, "UPDATE memory_items", server.kill), pytest.raises(StorageUnavailable):
            memory.db.memory_item_repo.update_item(item_id=item.id, summary="I keep hens.")
        server.start()
        assert memory.db.items[item.id].summary == "I keep bees."
        assert memory.db.memory_item_repo.history(item.id) == []


def test_a_server_that_is_down_at_the_start_is_said(server: Server, dsn: str, tmp_path: Path) -> None:
    server.stop()
    with pytest.raises(StorageUnavailable) as caught:
        on.service(dsn, tmp_path)
    check_said(caught.value, f"{server.host}:{server.port}")
    server.start()
    with on.service(dsn, tmp_path) as memory:
        assert memory.sync.memorize("I keep bees in the garden.")["status"] == "created"


# --- the network ends -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", POINTS)
def test_a_connection_cut_in_mid_write_keeps_nothing(
    server: Server, dsn: str, proxied: tuple[Proxy, str], tmp_path: Path, point: str
) -> None:
    proxy, through = proxied
    with on.service(through, tmp_path) as memory:
        fill_pool(memory)
        with struck(memory, point, proxy.cut) as done, pytest.raises(StorageUnavailable) as caught:
            memory.sync.memorize(chat("maya", 5))
        assert done
        check_said(caught.value, f"{proxy.host}:{proxy.port}")
        assert ("Whether the call was kept is not known" in str(caught.value)) == (point == "commit")
        check_whole(server, dsn, memory, tmp_path)


def test_a_connection_cut_in_mid_read_is_made_anew(proxied: tuple[Proxy, str], tmp_path: Path) -> None:
    proxy, through = proxied
    with on.service(through, tmp_path) as memory:
        memory.sync.memorize(chat("maya", 5))
        fill_pool(memory)
        with struck(memory, "FROM memory_items", proxy.cut), pytest.raises(StorageUnavailable) as caught:
            memory.sync.retrieve("What about the boat?")
        check_said(caught.value, f"{proxy.host}:{proxy.port}")
        assert len(memory.sync.retrieve("What about the boat?", top_k=5)["items"]) == 5


def test_connections_cut_while_they_lay_in_the_pool_are_not_noticed(proxied: tuple[Proxy, str], tmp_path: Path) -> None:
    proxy, through = proxied
    with on.service(through, tmp_path) as memory:
        memory.sync.memorize(chat("maya", 5))
        fill_pool(memory)
        proxy.cut()
        assert memory.sync.memorize("I keep bees in the garden behind the house.")["status"] == "created"
        proxy.cut()
        assert len(memory.sync.list_memory_items()["items"]) == 6


def test_a_glance_over_connections_cut_in_the_pool_is_made_anew(proxied: tuple[Proxy, str], tmp_path: Path) -> None:
    proxy, through = proxied
    with on.service(through, tmp_path) as memory:
        memory.sync.memorize(chat("maya", 5))
        fill_pool(memory)
        records = memory.db.handle.records
        proxy.cut()
        assert records.glance(lambda reader: reader.count("memory_items")) == 5
        with struck(memory, "SELECT count", proxy.cut) as done:
            assert records.glance(lambda reader: reader.count("memory_items")) == 5
        assert done
        proxy.refuse()
        with pytest.raises(StorageUnavailable) as caught:
            records.glance(lambda reader: reader.count("memory_items"))
        check_said(caught.value, f"{proxy.host}:{proxy.port}")


def test_a_network_that_refuses_and_one_that_says_nothing(proxied: tuple[Proxy, str], tmp_path: Path) -> None:
    proxy, through = proxied
    with on.service(through, tmp_path, connect_timeout=1.0) as memory:
        memory.sync.memorize(chat("maya", 5))
        fill_pool(memory)
        proxy.refuse()
        with pytest.raises(StorageUnavailable) as caught:
            memory.sync.list_memory_items()
        check_said(caught.value, f"{proxy.host}:{proxy.port}")
        proxy.stall()
        proxy.accept()
        with pytest.raises(StorageUnavailable) as caught:
            memory.sync.list_memory_items()
        check_said(caught.value, f"{proxy.host}:{proxy.port}")
        proxy.resume()
        assert len(memory.sync.list_memory_items()["items"]) == 5


# --- the server refuses -----------------------------------------------------------------------------------------------


def test_no_password_is_ever_shown(server: Server, dsn: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = "wr0ng-canary"
    errors: list[MemuError] = []
    for address in (on.with_password(dsn, wrong), f"{dsn.rpartition('/')[0]}/nowhere"):
        with pytest.raises(StorageUnavailable) as caught:
            on.service(address, tmp_path)
        check_said(caught.value, f"{server.host}:{server.port}", wrong)
        errors.append(caught.value)
    assert "check the name and the password" in str(errors[0])
    assert "CREATE DATABASE" in str(errors[1])
    with on.service(dsn, tmp_path) as memory:
        memory.sync.memorize(chat("maya", 5))
        shown = [repr(memory.describe()), repr(memory), repr(memory.database_config), repr(memory.db.handle.records)]
    for secret in (PASSWORD, wrong):
        assert not [text for text in shown if secret in text]
        assert secret not in caplog.text


def test_a_statement_that_takes_too_long_is_broken_off(server: Server, dsn: str, tmp_path: Path) -> None:
    lock = "LOCK TABLE{} memory_items {}"
    lock = lock.format("", "IN ACCESS EXCLUSIVE MODE") if server.name == "postgres" else lock.format("S", "WRITE")
    with on.service(dsn, tmp_path, statement_timeout=0.3) as memory:
        memory.sync.memorize(chat("maya", 5))
        with closing(server.bare(dsn)) as other:
            other.cursor().execute(lock)
            with pytest.raises(StorageBusy, match="statement_timeout") as caught:
                memory.sync.list_memory_items()
            check_said(caught.value, f"{server.host}:{server.port}")
        assert len(memory.sync.list_memory_items()["items"]) == 5
        assert memory.sync.memorize("I keep bees in the garden behind the house.")["status"] == "created"


def test_a_server_without_connections_to_give_is_busy(server: Server, tmp_path: Path) -> None:
    with servers.private(server.name, settings={"max_connections": "20"}) as small:
        dsn = small.create_database()
        with on.service(dsn, tmp_path) as memory:
            memory.sync.memorize(chat("maya", 5))
            memory.db.handle.records.engine.dispose()
            others = []
            try:
                while (one := connection(small, dsn)) is not None:
                    others.append(one)
                assert others
                with pytest.raises((StorageBusy, StorageUnavailable)) as caught:
                    memory.sync.list_memory_items()
                check_said(caught.value, f"{small.host}:{small.port}")
            finally:
                for other in others:
                    other.close()
            on.wait_for(lambda: connects(small, dsn), "a free connection")
            assert len(memory.sync.list_memory_items()["items"]) == 5


def connection(server: Server, dsn: str) -> Any:
    """A bare connection; None when the server gives none."""
    try:
        return server.bare(dsn)
    except Exception:  # the driver's own
        return None


def connects(server: Server, dsn: str) -> bool:
    one = connection(server, dsn)
    if one is not None:
        one.close()
    return one is not None
