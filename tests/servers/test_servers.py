"""The servers of the tests are what they claim to be: real, shared, empty at first, and dead when they are killed."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pymysql
import pytest

import servers
from servers import Server
from servers.proxy import Proxy

CANARY = "canary-ü-🐤"
DRIVER_ERRORS = (psycopg.Error, pymysql.Error)


@pytest.fixture(params=servers.NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(name: str) -> Server:
    return servers.get(name)


@pytest.fixture
def dsn(server: Server) -> Iterator[str]:
    dsn = server.create_database()
    yield dsn
    server.drop_database(dsn)


def write_canary(server: Server, dsn: str) -> None:
    with closing(server.bare(dsn)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("CREATE TABLE birds (name VARCHAR(40))")
        cursor.execute("INSERT INTO birds VALUES (%s)", [CANARY])
        connection.commit()


def read_canary(server: Server, dsn: str) -> list[tuple[str]]:
    with closing(server.bare(dsn)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("SELECT name FROM birds")
        return list(cursor.fetchall())


def ask(server: Server, dsn: str, question: str) -> str:
    with closing(server.bare(dsn)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(question)
        return str(cursor.fetchone()[0])


# --- shared servers ---------------------------------------------------------------------------------------------------


def test_rows_are_kept_and_dumped(server: Server, dsn: str) -> None:
    write_canary(server, dsn)
    assert read_canary(server, dsn) == [(CANARY,)]
    assert CANARY.encode() in server.dump(dsn)


def test_databases_are_fresh_and_go_even_when_in_use(server: Server) -> None:
    first, second = server.create_database(), server.create_database()
    assert first != second
    with closing(server.bare(first)):
        write_canary(server, first)
        with pytest.raises(DRIVER_ERRORS, match="birds"):
            read_canary(server, second)
        server.drop_database(second)
        server.drop_database(first)
    with pytest.raises(DRIVER_ERRORS, match=r"(?i)exist|unknown"):
        read_canary(server, first)


def test_a_wrong_password_is_refused(server: Server, dsn: str) -> None:
    assert servers.PASSWORD in dsn
    with pytest.raises(DRIVER_ERRORS, match=r"(?i)password|denied"):
        server.bare(dsn.replace(servers.PASSWORD, "wrong"))


def test_they_speak_utf8(server: Server, dsn: str) -> None:
    asked = {
        "postgres": ("SHOW server_encoding", "UTF8"),
        "mariadb": ("SELECT @@character_set_database", "utf8mb4"),
        "mysql": ("SELECT @@character_set_database", "utf8mb4"),
    }
    question, answer = asked[server.name]
    assert ask(server, dsn, question) == answer


def test_postgres_has_pgvector() -> None:
    server = servers.get("postgres")
    dsn = server.create_database()
    version = ask(server, dsn, "SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    assert tuple(map(int, version.split("."))) >= (0, 8)
    with server.bare(dsn) as connection:
        connection.execute("CREATE TABLE points (at vector(3))")
        connection.execute("CREATE INDEX ON points USING hnsw (at vector_cosine_ops)")
        connection.execute("INSERT INTO points VALUES ('[1,0,0]'), ('[0,1,0]')")
        nearest = connection.execute("SELECT at FROM points ORDER BY at <=> '[1,1,0.5]' LIMIT 1").fetchall()
    assert len(nearest) == 1
    server.drop_database(dsn)


@pytest.mark.parametrize("name", ["mariadb", "mysql"])
def test_mysql_and_mariadb_are_two(name: str) -> None:
    server = servers.get(name)
    version = ask(server, server.dsn(server.home), "SELECT version()")
    assert ("MariaDB" in version) == (name == "mariadb")


@pytest.mark.parametrize("name", ["mariadb", "mysql"])
def test_temporary_files_are_apart(name: str) -> None:
    """Each removes the files that it finds there at its start."""
    server = servers.get(name)
    folder = ask(server, server.dsn(server.home), "SELECT @@tmpdir")
    assert server.log_path is not None
    assert Path(folder).parent == server.log_path.parent


def test_all_who_ask_get_the_same_one(server: Server) -> None:
    start = threading.Barrier(2)
    ports: list[int] = []

    def ask_for_it() -> None:
        start.wait(10)
        ports.append(servers.get(server.name).port)

    threads = [threading.Thread(target=ask_for_it) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert ports == [server.port] * 2


def test_the_shared_one_is_not_a_tests_to_end(server: Server) -> None:
    for end in (server.stop, server.kill, server.restart):
        with pytest.raises(RuntimeError, match=r"servers\.private"):
            end()


def test_another_server_can_be_named(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"MEMU_TEST_{server.name.upper()}_DSN", server.dsn(server.home))
    other = servers.get(server.name)
    dsn = other.create_database()
    write_canary(other, dsn)
    assert CANARY.encode() in other.dump(dsn)
    other.drop_database(dsn)
    assert (other.port, other.log_path) == (server.port, None)
    monkeypatch.delenv("MEMU_REQUIRE_BACKENDS", raising=False)
    with pytest.raises(pytest.skip.Exception, match=f"{server.name}: a server to end"), servers.private(server.name):
        pass


# --- private servers --------------------------------------------------------------------------------------------------


def test_a_killed_server_comes_back_with_what_it_confirmed(name: str) -> None:
    with servers.private(name, durable=True) as server:
        dsn = server.create_database()
        write_canary(server, dsn)
        pids = server.process.pids
        with closing(server.bare(dsn)) as connection:
            server.kill()
            assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
            with pytest.raises(DRIVER_ERRORS):
                connection.cursor().execute("SELECT 1")
            with pytest.raises(DRIVER_ERRORS):
                server.bare(dsn)
        server.start()
        assert read_canary(server, dsn) == [(CANARY,)]
        server.restart()
        assert read_canary(server, dsn) == [(CANARY,)]
        folder = server.process.folder
    assert not folder.exists()
    with pytest.raises(DRIVER_ERRORS):
        server.bare(dsn)


@pytest.mark.parametrize("durable", [True, False])
def test_durable_means_flushed_to_the_disk(name: str, durable: bool) -> None:
    flushes = "SHOW fsync" if name == "postgres" else "SELECT @@innodb_flush_log_at_trx_commit"
    with servers.private(name, durable=durable) as server:
        assert (ask(server, server.dsn(server.home), flushes) in ("on", "1")) is durable


def test_settings_reach_the_server() -> None:
    with servers.private("mariadb", settings={"max_allowed_packet": "1M"}) as server:
        dsn = server.create_database()
        assert ask(server, dsn, "SELECT @@max_allowed_packet") == str(1 << 20)
        with closing(server.bare(dsn)) as connection, pytest.raises(pymysql.Error):
            connection.cursor().execute("SELECT %s", ["x" * (2 << 20)])


@pytest.mark.parametrize("limit", [{"disk_mb": 128}, {"file_limit_mb": 32}], ids=str)
def test_a_disk_runs_full(name: str, limit: dict[str, int]) -> None:
    try:
        with servers.private(name, **limit) as server:  # type: ignore[arg-type]
            assert fills_up(server)
            folder = server.process.folder
    except servers.Unavailable as error:
        pytest.skip(f"{name}: {error}")
    assert not folder.exists()


def fills_up(server: Server) -> bool:
    """Whether writing 256 MB meets an error of the server."""
    dsn = server.create_database()
    kind = "BYTEA" if server.name == "postgres" else "LONGBLOB"
    with closing(server.bare(dsn, autocommit=True)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(f"CREATE TABLE heap (id INT, body {kind})")
        try:
            for number in range(64):
                cursor.execute("INSERT INTO heap VALUES (%s, %s)", [number, noise(4 << 20)])
        except DRIVER_ERRORS:
            return True
    return False


def noise(size: int) -> bytes:
    """Bytes that do not compress."""
    import random

    return random.Random(size).randbytes(size)


# --- a failing network ------------------------------------------------------------------------------------------------


def through(proxy: Proxy, server: Server, dsn: str) -> str:
    return dsn.replace(f":{server.port}/", f":{proxy.port}/")


def test_the_proxy_forwards_and_cuts(server: Server, dsn: str) -> None:
    with Proxy(server.host, server.port) as proxy:
        with closing(server.bare(through(proxy, server, dsn))) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT 1")
            assert (cursor.fetchone(), proxy.connections) == ((1,), 1)
            proxy.cut()
            with pytest.raises(DRIVER_ERRORS):
                cursor.execute("SELECT 1")
        assert proxy.connections == 0
        with closing(server.bare(through(proxy, server, dsn))) as connection:
            connection.cursor().execute("SELECT 1")


def test_the_proxy_refuses_and_accepts_again(server: Server, dsn: str) -> None:
    with Proxy(server.host, server.port) as proxy:
        proxy.refuse()
        with pytest.raises(DRIVER_ERRORS, match=r"(?i)refused"):
            server.bare(through(proxy, server, dsn))
        proxy.accept()
        server.bare(through(proxy, server, dsn)).close()


def test_what_stalls_goes_on_later(server: Server, dsn: str) -> None:
    answers: list[object] = []
    with Proxy(server.host, server.port) as proxy, closing(server.bare(through(proxy, server, dsn))) as connection:
        cursor = connection.cursor()
        proxy.stall()

        def ask_slowly() -> None:
            cursor.execute("SELECT 1")
            answers.append(cursor.fetchone())

        thread = threading.Thread(target=ask_slowly)
        thread.start()
        thread.join(0.2)
        assert (answers, thread.is_alive()) == ([], True)
        proxy.resume()
        thread.join(30)
    assert answers == [(1,)]


def test_a_lost_server_is_lost_through_the_proxy(name: str) -> None:
    with servers.private(name) as server, Proxy(server.host, server.port) as proxy:
        with closing(server.bare(through(proxy, server, server.dsn(server.home)))) as connection:
            server.kill()
            with pytest.raises(DRIVER_ERRORS):
                connection.cursor().execute("SELECT 1")
        with pytest.raises(DRIVER_ERRORS):
            server.bare(through(proxy, server, server.dsn(server.home)))
