"""Opening, configuring, closing: what is imported, what is shown, what an outage says, and providers on threads."""

import asyncio
import inspect
import logging
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import servers
from memorizz.enums import MemoryMode, MemoryType, RoleType, WorkflowOutcome
from memorizz.memory_provider import MemoryProvider
from memorizz.memory_provider import MemoryType as FromPackage
from memorizz.memory_provider.aio import AsyncMemoryProvider
from memorizz.memory_provider.config import ProviderConfig
from memorizz.memory_provider.memory_type import MemoryType as FromModule
from memorizz.memory_provider.mongodb import MongoDBConfig, MongoDBProvider
from memorizz.memory_provider.postgresql import PostgreSQLConfig, PostgreSQLProvider
from memorizz.memory_provider.provider import RecordProvider
from memorizz.memory_provider.sqlite import SQLiteConfig, SQLiteProvider
from memu.errors import ClosedError, ConfigError, InputTypeError, MemuError, StorageUnavailable, VectorError
from servers import PASSWORD

from .places import REACHABLE, TABLES, TYPES, Place, embed

LONG = MemoryType.LONG_TERM_MEMORY


# --- names (1.1, 1.2, 1.4) --------------------------------------------------------------------------------------------


def test_memory_types_have_all_names_and_values() -> None:
    assert MemoryType is FromModule is FromPackage
    assert [one.value for one in MemoryType] == [
        "personas", "toolbox", "short_term_memory", "long_term_memory", "conversation_memory", "workflow_memory",
        "agents",
        "shared_memory", "summaries", "semantic_cache", "entity_memory", "tool_log", "skillbox",
    ]  # fmt: skip
    assert MemoryType("knowledge_base") is MemoryType["KNOWLEDGE_BASE"] is MemoryType.LONG_TERM_MEMORY
    with pytest.raises(ValueError, match="nothing"):
        MemoryType("nothing")
    assert RoleType.ASSISTANT.value == "Virtual Assistant"
    assert {one.value for one in MemoryMode} == {"general", "conversational", "task", "workflow"}
    assert {one.name for one in WorkflowOutcome} == {"SUCCESS", "FAILURE"}


def test_the_interface_has_every_method() -> None:
    names = [
        "store", "retrieve_by_query", "retrieve_by_id", "retrieve_by_name", "delete_by_id", "delete_by_name",
        "delete_all", "list_all", "retrieve_conversation_history_ordered_by_timestamp", "update_by_id", "close",
        "store_memagent", "delete_memagent", "update_memagent_memory_ids", "delete_memagent_memory_ids",
        "list_memagents", "retrieve_memagent", "update_memagent", "retrieve_memory_components_by_query",
        "retrieve_memory_units_by_query", "supports_entity_memory", "store_many",
    ]  # fmt: skip
    assert [name for name in names if not callable(getattr(MemoryProvider, name, None))] == []
    with pytest.raises(TypeError, match="abstract"):
        MemoryProvider()  # type: ignore[abstract]


def test_types_are_given_by_place_or_by_name(provider: RecordProvider) -> None:
    stored = provider.store(data={"name": "N"}, memory_store_type=LONG)
    assert provider.retrieve_by_id(id=stored, memory_store_type="knowledge_base") is not None
    assert provider.retrieve_by_name(name="N", memory_store_type="long_term_memory") is not None
    assert provider.update_by_id(id=stored, data={}, memory_store_type=LONG) is True
    assert (provider.supports_entity_memory(), MemoryProvider.supports_entity_memory(provider)) == (True, False)
    assert provider.delete_by_id(stored, "knowledge_base") is True


# --- imports and configs (row 25) -------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["postgresql", "mongodb", "sqlite", "aio"])
def test_row_25_importing_asks_for_nothing(module: str) -> None:
    code = f"""
import socket, sys
socket.socket.connect = None
import memorizz, memorizz.enums, memorizz.memory_provider.{module}
print(*sorted({{"psycopg", "psycopg2", "pymongo", "openai", "onnxruntime", "tokenizers"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env={"PATH": ""})
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


def test_row_25_what_is_not_given_is_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "PORT", "DB", "USER", "PASSWORD"):
        monkeypatch.delenv(f"POSTGRES_{name}", raising=False)
    default = PostgreSQLConfig()
    assert (default.host, default.port, default.database, default.user, default.password) == (
        "localhost", 5432, "memorizz", "postgres", "password",
    )  # fmt: skip
    for name, value in {"HOST": "h", "PORT": "1", "DB": "d", "USER": "u", "PASSWORD": "p"}.items():
        monkeypatch.setenv(f"POSTGRES_{name}", value)
    assert PostgreSQLConfig() == PostgreSQLConfig("h", 1, "d", "u", "p")
    assert PostgreSQLConfig(host="localhost", database="memorizz").user == "u"
    assert PostgreSQLConfig("x", 2, "y", "z", "q").host == "x"
    monkeypatch.setenv("POSTGRES_PORT", "many")
    with pytest.raises(ConfigError, match="POSTGRES_PORT is 'many'"):
        PostgreSQLConfig()


@pytest.mark.parametrize(
    "make",
    [
        PostgreSQLConfig,
        lambda address: PostgreSQLConfig(database=address),
        lambda address: PostgreSQLConfig(user=address),
        lambda address: PostgreSQLConfig(address.removeprefix("postgresql://")),
        lambda address: PostgreSQLConfig(port=address),  # type: ignore[arg-type]
        lambda _: PostgreSQLConfig(f"host=localhost password={PASSWORD}"),
        lambda _: PostgreSQLConfig(database=f"dbname=memorizz password={PASSWORD}"),
        SQLiteConfig,
        lambda address: MongoDBConfig(db_name=address),
    ],
)
def test_an_address_where_a_name_belongs_is_refused_and_not_shown(
    make: Callable[[str], ProviderConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="is an address") as caught:
        make(f"postgresql://joe:{PASSWORD}@127.0.0.1:1/memorizz")
    assert PASSWORD not in str(caught.value)
    assert not any(tmp_path.iterdir())


def test_row_25_configs_are_equal_by_value_and_show_no_password() -> None:
    assert PostgreSQLConfig(host="a") != PostgreSQLConfig(host="b")
    assert MongoDBConfig("mongodb://a") == MongoDBConfig(uri="mongodb://a", db_name="memorizz")
    assert MongoDBConfig("mongodb://a/admin").db_name == "memorizz"
    assert MongoDBConfig("mongodb://a/mine").db_name == "mine"
    assert MongoDBConfig("mongodb://a/mine", "another").db_name == "another"
    assert SQLiteConfig("a.db") != SQLiteConfig()
    assert SQLiteConfig().path == "memorizz.db"
    secret: list[Any] = [
        PostgreSQLConfig(password=PASSWORD), PostgreSQLConfig(url=f"postgresql://u:{PASSWORD}@h/d"),
        MongoDBConfig(f"mongodb://u:{PASSWORD}@h"), PostgreSQLConfig(url=f"postgresql://u:p@{PASSWORD}@h/d"),
    ]  # fmt: skip
    assert [one for one in secret if PASSWORD in repr(one) + str(one)] == []
    with pytest.raises(TypeError):
        PostgreSQLConfig("h", 1, "d", "u", "p", "more")  # type: ignore[misc]


def test_configs_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputTypeError, match="expected a SQLiteConfig"):
        SQLiteProvider(PostgreSQLConfig())
    with pytest.raises(InputTypeError, match="the config is a str"):
        SQLiteProvider("memorizz.db")
    with SQLiteProvider({"path": tmp_path / "x.db"}) as provider:
        assert provider.config == SQLiteConfig(tmp_path / "x.db")
        assert "x.db" in repr(provider)
    with SQLiteProvider(SQLiteConfig(":memory:")) as one, SQLiteProvider(SQLiteConfig(path=":memory:")) as two:
        one.store({}, LONG)
        assert (len(one.list_all(LONG)), len(two.list_all(LONG))) == (1, 0)
    with pytest.raises(InputTypeError, match="the path is"):
        SQLiteProvider(SQLiteConfig(""))
    for wrong in ("", 0, [], False):
        with pytest.raises(InputTypeError, match="expected a SQLiteConfig"):
            SQLiteProvider(wrong)
    with pytest.raises(InputTypeError, match="the config has the key 'file'"):
        SQLiteProvider({"file": "x.db"})


def test_the_tables_are_the_documented_ones(place: Place) -> None:
    with place.open() as provider:
        provider.store({"_id": "a"}, LONG)
        assert place.tables() >= {"memorizz_meta", *(kind.value for kind in TYPES)}
        assert set(TABLES) <= place.tables()
    with place.open() as again:
        assert again.retrieve_by_id("a", LONG) is not None


# --- outages (row 6) --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["postgres", "mongodb"])
def test_row_06_a_server_that_is_not_there(kind: str) -> None:
    make = {
        "postgres": lambda: PostgreSQLProvider(PostgreSQLConfig("127.0.0.1", 1, password=PASSWORD, connect_timeout=2)),
        "mongodb": lambda: MongoDBProvider(MongoDBConfig(f"mongodb://u:{PASSWORD}@127.0.0.1:1", connect_timeout=0.5)),
    }
    name = {"postgres": "PostgreSQL", "mongodb": "MongoDB"}[kind]
    with pytest.raises(ConnectionError, match=f"Failed to connect to {name}") as caught:
        make[kind]()
    assert isinstance(caught.value, StorageUnavailable)
    assert PASSWORD not in str(caught.value) + repr(caught.value)


def test_row_06_a_wrong_password_and_a_wrong_database() -> None:
    server = servers.get("postgres")
    there: dict[str, Any] = {"host": server.host, "port": server.port, "user": server.user}
    for wrong in ({"password": "wr0ng-canary", "database": server.home}, {"password": PASSWORD, "database": "nowhere"}):
        with pytest.raises(ConnectionError, match="Failed to connect to PostgreSQL") as caught:
            PostgreSQLProvider(PostgreSQLConfig(**there, **wrong))
        assert "canary" not in str(caught.value)


def test_row_06_an_outage_is_not_a_missing_document() -> None:
    with servers.private("postgres", durable=True) as server:
        provider = PostgreSQLProvider(PostgreSQLConfig(url=server.create_database(), connect_timeout=2))
        stored = provider.store({"embedding": [1, 2]}, LONG)
        server.kill()
        for call in (
            lambda: provider.retrieve_by_id(stored, LONG),
            lambda: provider.delete_by_id(stored, LONG),
            lambda: provider.update_by_id(stored, {}, LONG),
            lambda: provider.retrieve_by_query([1, 2], LONG),
            lambda: provider.retrieve_memagent("a"),
            lambda: provider.store({}, LONG),
        ):
            with pytest.raises(ConnectionError):
                call()
        server.start()
        assert provider.retrieve_by_id(stored, LONG) is not None  # the same provider goes on
        provider.close()


def test_a_missing_extension_is_told_with_its_remedy() -> None:
    with servers.private("postgres", settings={"extension_control_path": "/nowhere"}) as server:
        dsn = server.create_database()
        with server.bare(dsn) as connection:
            connection.execute("DROP EXTENSION vector")
        with pytest.raises(MemuError, match='extension "vector" does not exist') as caught:
            PostgreSQLProvider(PostgreSQLConfig(url=dsn))
        assert "install pgvector" in str(caught.value)


# --- closing, threads, coroutines (row 24) ----------------------------------------------------------------------------


def test_row_24_closing(place: Place) -> None:
    with place.open() as provider:
        provider.store({}, LONG)
    provider.close()
    provider.close()
    for call in (lambda: provider.list_all(LONG), lambda: provider.store({}, LONG), lambda: provider.delete_all(LONG)):
        with pytest.raises(ClosedError, match="make a new one"):
            call()


def test_row_24_usable_from_threads(provider: RecordProvider) -> None:
    def work(thread: int) -> None:
        for n in range(5):
            name = f"{thread}-{n}"
            provider.store({"_id": name, "content": name, "embedding": embed(name)}, LONG)
            assert provider.retrieve_by_query({"embedding": embed(name), "content": name}, LONG)["_id"] == name
            assert provider.update_by_id(name, {"done": True}, LONG)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(work, range(6)))
    assert sum(one["done"] for one in provider.list_all(LONG)) == 30


def test_row_24_the_same_as_coroutines(place: Place) -> None:
    async def use() -> None:
        async with place.open().aio as memory:
            stored = await asyncio.gather(*(memory.store({"n": n, "embedding": [n, 1]}, LONG) for n in range(10)))
            found = await memory.retrieve_by_query({"embedding": [9, 1]}, LONG, limit=3)
            assert found["n"] == 9
            assert len(await memory.list_all(LONG)) == len(set(stored)) == 10
            assert (await memory.retrieve_by_id(stored[3], LONG))["n"] == 3
            assert await memory.delete_memagent("nobody") is False
            with pytest.raises(ValueError, match="mismatch"):
                await memory.store({"embedding": [1]}, LONG)
        with pytest.raises(ClosedError):
            await memory.list_all(LONG)
        await memory.close()

    asyncio.run(use())


def test_row_24_coroutines_are_made_of_the_methods(provider: RecordProvider) -> None:
    memory = AsyncMemoryProvider(provider)
    for name in dir(MemoryProvider):
        if not name.startswith("_"):
            assert callable(getattr(memory, name))
    for name in ("nothing", "_store", "config_type"):
        with pytest.raises(AttributeError, match="no method"):
            getattr(memory, name)
    assert inspect.iscoroutine(pending := memory.list_all(LONG))
    assert asyncio.run(pending) == []


# --- many at once -----------------------------------------------------------------------------------------------------


def test_one_id_from_eight_threads_is_one_document(place: Place) -> None:
    with place.open() as one, place.open() as two:
        barrier = threading.Barrier(8)

        def work(thread: int) -> None:
            provider = (one, two)[thread % 2]
            barrier.wait()
            for n in range(4):
                provider.store(
                    {"_id": f"id {n}", "by": thread, "check": thread * 7, "embedding": [thread + 1, n]}, LONG
                )

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(work, range(8)))
        for provider in (one, two):
            rows = provider.list_all(LONG, include_embedding=True)
            assert {row["_id"] for row in rows} == {f"id {n}" for n in range(4)}
            assert len(rows) == 4
            for row in rows:
                assert (row["check"], row["embedding"][0]) == (row["by"] * 7, row["by"] + 1)
            assert len(provider.retrieve_by_query([1, 1], LONG, limit=9)) == 4


def test_updates_from_eight_threads_lose_nothing(place: Place) -> None:
    with place.open() as one, place.open() as two:
        one.store({"_id": "a"}, LONG)
        with ThreadPoolExecutor(8) as threads:
            done = threads.map(lambda n: (one, two)[n % 2].update_by_id("a", {f"key {n}": n}, LONG), range(24))
            assert all(done)
        found = one.retrieve_by_id("a", LONG)
        assert {key for key in found if key.startswith("key ")} == {f"key {n}" for n in range(24)}


def test_first_vectors_of_several_dimensions_leave_one(place: Place) -> None:
    with place.open() as one, place.open() as two:
        barrier = threading.Barrier(6)

        def work(thread: int) -> int | None:
            barrier.wait()
            try:
                (one, two)[thread % 2].store({"embedding": [1.0] * (2 + thread % 3)}, LONG)
            except VectorError:
                return None
            return 2 + thread % 3

        with ThreadPoolExecutor(6) as threads:
            kept = [one for one in threads.map(work, range(6)) if one]
        assert len(set(kept)) == 1
        rows = one.list_all(LONG, include_embedding=True)
        assert [len(row["embedding"]) for row in rows] == kept == [kept[0]] * 2
        assert len(two.retrieve_by_query([1.0] * kept[0], LONG, limit=9)) == 2


PROGRAM = """
import os, sys, traceback
from memorizz.memory_provider.sqlite import SQLiteConfig, SQLiteProvider
from memorizz.memory_provider.postgresql import PostgreSQLConfig, PostgreSQLProvider
from memorizz.memory_provider.mongodb import MongoDBConfig, MongoDBProvider
kind, address, name = sys.argv[1:]
make = {
    "sqlite": lambda: SQLiteProvider(SQLiteConfig(address)),
    "postgres": lambda: PostgreSQLProvider(PostgreSQLConfig(url=address)),
    "mongodb": lambda: MongoDBProvider(MongoDBConfig(address, name)),
}[kind]
children = []
for _ in range(10):
    child = os.fork()
    if not child:
        try:
            os.write(1, (make().store({"embedding": [1.0, 2.0]}, "long_term_memory") + chr(10)).encode())
        except BaseException:
            traceback.print_exc()
        os._exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
"""


@pytest.mark.parametrize("place", REACHABLE, indirect=True)
def test_ten_processes_open_a_new_database_at_once(place: Place) -> None:
    address = str(place.path) if place.kind == "sqlite" else place.dsn
    command = [sys.executable, "-c", PROGRAM, place.kind, address, address.rpartition("/")[2].partition("?")[0]]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stderr == ""
    with place.open() as provider:
        assert {row["_id"] for row in provider.list_all(LONG)} == set(done.stdout.split())
        assert len(provider.retrieve_by_query([1, 2], LONG, limit=20)) == 10


def test_a_file_that_another_program_writes_is_waited_for(tmp_path: Path) -> None:
    """SQLite does not wait by itself where the file is still to get its write-ahead log."""
    path = tmp_path / "memorizz.db"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("CREATE TABLE theirs (x)")
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.3, lambda: other.execute("COMMIT"))
        timer.start()
        with SQLiteProvider(SQLiteConfig(path)) as provider:
            provider.store({}, LONG)
        timer.join()


def test_nothing_is_logged_that_is_secret(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), place.open() as provider:
        provider.store({"name": "N"}, LONG)
    assert PASSWORD not in caplog.text
