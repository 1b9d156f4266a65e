"""DSNs of database servers: every spelling, what is missing said with an example, and no password anywhere."""

import importlib.util
import logging
import os
import re
import socket
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import servers
from memu import MemoryService
from memu.backends.dialects import parse_dsn
from memu.database.factory import build_database
from memu.database.mysql import build_mysql_database
from memu.database.postgres import build_postgres_database
from memu.errors import ConfigError, MissingExtra, StorageUnavailable
from memu.settings import DatabaseConfig, MetadataStoreConfig, VectorIndexConfig

CANARY = "pa55-canary-9f1c"


def test_a_server_without_a_dsn_is_told_what_one_looks_like() -> None:
    for provider, build in (("mysql", build_mysql_database), ("postgres", build_postgres_database)):
        config = DatabaseConfig(metadata_store=MetadataStoreConfig(provider=provider))
        example = rf"'{provider}' needs a dsn.*{provider}\w*://user:password@localhost"
        with pytest.raises(ConfigError, match=example):
            build(config=config)
        with pytest.raises(ConfigError, match=example):
            MemoryService(database=config)


@pytest.mark.parametrize("index", ["postgresql://h/other", "mysql://h/memu", "sqlite:///memu.db"])
def test_vectors_are_kept_where_their_rows_are(index: str) -> None:
    store = {"provider": "postgres", "dsn": f"postgresql://u:{CANARY}@h/memu"}
    with pytest.raises(ConfigError, match=r"vector_index\.dsn.*metadata_store\.dsn") as caught:
        DatabaseConfig(metadata_store=store, vector_index={"provider": "bruteforce", "dsn": index})
    assert CANARY not in str(caught.value)
    with pytest.raises(ConfigError, match=r"vector_index\.dsn.*metadata_store\.dsn"):
        DatabaseConfig(vector_index={"provider": "bruteforce", "dsn": index})


def test_the_same_dsn_may_be_named_twice_and_by_another_driver() -> None:
    for index in ("postgresql://u:p@h/memu", "postgres://u:p@h/memu", "postgresql+psycopg://u:p@h/memu"):
        DatabaseConfig(
            metadata_store=MetadataStoreConfig(provider="postgres", dsn="postgresql://u:p@h/memu"),
            vector_index=VectorIndexConfig(provider="pgvector", dsn=index),
        )


SCHEMES = [
    ("postgres", "postgres"),
    ("postgres", "postgresql"),
    ("postgres", "postgresql+psycopg"),
    *((name, scheme) for name in ("mariadb", "mysql") for scheme in ("mysql", "mariadb", "mysql+pymysql")),
]


@pytest.fixture
def dsn(request: pytest.FixtureRequest) -> Iterator[str]:
    name, scheme = request.param
    server = servers.get(name)
    address = server.create_database()
    yield f"{scheme}://{address.partition('://')[2]}"
    server.drop_database(address)


@pytest.mark.parametrize("dsn", SCHEMES, indirect=True, ids=["-".join(pair) for pair in SCHEMES])
def test_every_spelling_opens_the_store_and_shows_no_password(dsn: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "memu")
    config = DatabaseConfig(metadata_store={"dsn": dsn})
    with MemoryService(database=config) as service:
        shown = [repr(service), repr(service.db), str(service.describe()), repr(config), str(config)]
        assert service.describe()["database"]["provider"] == config.metadata_store.provider
    build_database(config=config).close()
    assert not [text for text in [*shown, caplog.text] if servers.PASSWORD in text]


@pytest.mark.skipif(bool(importlib.util.find_spec("MySQLdb")), reason="mysqlclient is installed")
def test_a_driver_that_is_not_installed_is_named_with_its_remedy() -> None:
    dsn = f"mysql+mysqldb://u:{CANARY}@localhost/memu"
    with pytest.raises(MissingExtra, match=r"mysqldb, is not installed.*memu\[mysql\]") as caught:
        build_database(config=DatabaseConfig(metadata_store={"dsn": dsn}))
    assert CANARY not in told(caught.value)


@pytest.mark.parametrize(
    ("dsn", "error"),
    [
        (f"mysql://u:{CANARY}@127.0.0.1:1/memu", StorageUnavailable),
        (f"postgresql://u:{CANARY}@127.0.0.1:1/memu", StorageUnavailable),
        (f"mysql+oursql://u:{CANARY}@127.0.0.1/memu", ConfigError),
        (f"postgresql+pg8000://u:{CANARY}@127.0.0.1/memu", ConfigError),
        (f"mysql://u:{CANARY}@127.0.0.1:port/memu", ConfigError),
        (f"mysql://u:{CANARY}@127.0.0.1/memu?charset=latin1", ConfigError),
        (f"oracle://u:{CANARY}@127.0.0.1/memu", ConfigError),
    ],
)
def test_no_error_holds_the_password(dsn: str, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        build_database(config=DatabaseConfig(metadata_store={"dsn": dsn}))
    assert CANARY not in told(caught.value)


@pytest.mark.parametrize("scheme", ["mongodb", "mysql", "postgresql"])
@pytest.mark.parametrize("mark", ["?", "/", "@", ":", "#", "/x?", "1/x?", "?a="])
@pytest.mark.parametrize("rest", ["", "/memu"])
def test_no_error_holds_a_piece_of_a_password_that_is_not_encoded(scheme: str, mark: str, rest: str) -> None:
    dsn = f"{scheme}://u:1{CANARY}{mark}{CANARY}@127.0.0.1:1{rest}"
    pool = {"connect_timeout": 0.01}
    with pytest.raises((ConfigError, StorageUnavailable)) as caught:
        build_database(config=DatabaseConfig(metadata_store={"dsn": dsn, "pool": pool}))
    assert CANARY not in told(caught.value)
    if mark == "@" or (scheme == "mongodb" and mark != "#"):
        assert "percent-encoded" in str(caught.value)


ODD = {
    "postgres": ["odd=1", "odd.option=1", "ODD=1", "row_factory=1", "prepare_threshold=x", "cursor_factory=x"],
    "mariadb": ["ssl=1", "odd=1", "odd.option=1", "connect_timeout=x", "ssl_ca=/nowhere", "ssl_check_hostname=x",
                "cursorclass=x", "conv=x", "client_flag=x"],
    "mysql": ["ssl=1", "odd.option=1"],
}  # fmt: skip


@pytest.mark.parametrize(("name", "option"), [(name, option) for name, options in ODD.items() for option in options])
def test_an_option_that_the_driver_does_not_take_is_named(name: str, option: str) -> None:
    server = servers.get(name)
    dsn = f"{server.dsn(server.home).partition('?')[0]}?{option}"
    kind, known = "postgres" if name == "postgres" else "mysql", re.escape(option.partition("=")[0])
    with pytest.raises(ConfigError, match=rf"the driver of {kind} .* the dsn .*\b{known}\b") as caught:
        build_database(config=DatabaseConfig(metadata_store={"dsn": dsn}))
    assert server.password not in told(caught.value)
    assert "charset" not in str(caught.value)


@pytest.mark.parametrize("option", ["application_name=memu", "sslmode=disable", "options=-c%20search_path%3Dpublic"])
def test_options_that_the_driver_takes_are_handed_on(option: str) -> None:
    dsn = servers.get("postgres").create_database()
    build_database(config=DatabaseConfig(metadata_store={"dsn": f"{dsn}?{option}"})).close()
    servers.get("postgres").drop_database(dsn)


@pytest.mark.parametrize("scheme", ["mysql", "postgresql"])
def test_a_piece_of_a_password_is_not_taken_for_an_option(scheme: str) -> None:
    dsn = f"{scheme}://u:1@1?{CANARY}=1&x@127.0.0.1:1/memu"
    with pytest.raises(ConfigError, match="percent-encoded") as caught:
        build_database(config=DatabaseConfig(metadata_store={"dsn": dsn}))
    assert CANARY not in told(caught.value)


def test_an_at_sign_elsewhere_is_none_of_a_password() -> None:
    for dsn, kind in (("sqlite:///a@b@c.db", "sqlite"), ("postgresql://u:p@h/a@b", "postgresql")):
        assert parse_dsn(dsn, expected=kind).database in ("a@b@c.db", "a@b")


@pytest.mark.parametrize("name", servers.NAMES)
def test_a_wrong_password_is_not_repeated(name: str) -> None:
    server = servers.get(name)
    dsn = server.dsn(server.home).replace(server.password, CANARY)
    with pytest.raises(StorageUnavailable, match="refused the user 'memu'") as caught:
        build_database(config=DatabaseConfig(metadata_store={"dsn": dsn}))
    assert CANARY not in told(caught.value)


def told(error: BaseException) -> str:
    """All that a traceback says, its causes and contexts too; and what they carry."""
    chain: list[Any] = []
    one: BaseException | None = error
    while one is not None:
        chain += [str(one), repr(one), one.args]
        one = one.__cause__ or one.__context__
    lines = [str(frame) for frame in traceback.TracebackException.from_exception(error).format(chain=True)]
    # The lines of this file's own source name the constant, never its value.
    return "\n".join([*lines, *map(str, chain)])


@pytest.mark.parametrize("name", servers.NAMES)
def test_a_connection_does_not_wait_for_ever_for_a_server_that_is_gone(name: str) -> None:
    server = servers.get(name)
    dsn = server.create_database()
    database = build_database(config=DatabaseConfig(metadata_store={"dsn": dsn}))
    connection = database.handle.records.engine.raw_connection()
    try:
        driver: Any = connection.driver_connection
        number = driver._sock.fileno() if hasattr(driver, "_sock") else driver.fileno()
        with closing(socket.socket(fileno=os.dup(number))) as line:
            assert line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
            assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000
    finally:
        connection.close()
        database.close()
        server.drop_database(dsn)


@pytest.mark.parametrize(
    ("query", "place"),
    [("host=127.0.0.2&port=1", r"127\.0\.0\.2:1"), ("host=127.0.0.2,127.0.0.3&port=1,1", r"127.0.0.2,127.0.0.3:1,1")],
)
def test_errors_name_the_host_that_an_option_names(query: str, place: str) -> None:
    config = DatabaseConfig(metadata_store={"dsn": f"postgresql://u:{CANARY}@/memu?{query}"})
    with pytest.raises(StorageUnavailable, match=rf"^{place}/memu cannot be reached"):
        build_database(config=config)


def test_a_server_that_does_not_answer_holds_up_nobody_else(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor(1) as thread:
        dsn = f"postgresql://u:{CANARY}@127.0.0.1:{silent.getsockname()[1]}/memu"
        waiting = thread.submit(build_database, config=DatabaseConfig(metadata_store={"dsn": dsn}))
        line, _ = silent.accept()
        build_database(config=DatabaseConfig(metadata_store={"dsn": f"sqlite:///{tmp_path}/memu.db"})).close()
        assert not waiting.done()
        line.close()
        silent.close()
        with pytest.raises(StorageUnavailable, match="127"):
            waiting.result()
