"""P5: what fails is an error and never an empty answer; an answer says what ran; what is unknown is named."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.backends import SERVERS, ServerBackend, SQLiteBackend
from memu.app.service import MemoryService
from memu.app.sync import SyncService
from memu.errors import ClosedError, ConfigError, ModelKeyMissing, SchemaError, StorageError, StorageReadOnly
from memu.testing import ALICE
from memu.testing.speech import FACTS, talk
from promises.worlds import fresh

READS: dict[str, Callable[[SyncService], Any]] = {
    "retrieve": lambda m: m.retrieve("Lisbon", ALICE),
    "context": lambda m: m.context("Lisbon", ALICE),
    "list_memory_items": lambda m: m.list_memory_items(ALICE),
    "list_memory_categories": lambda m: m.list_memory_categories(ALICE),
    "list_resources": lambda m: m.list_resources(ALICE),
    "get_memory_item": lambda m: m.get_memory_item("x", user=ALICE),
    "history": lambda m: m.history("x", user=ALICE),
    "get_resource_text": lambda m: m.get_resource_text("x", user=ALICE),
    "get_resource_messages": lambda m: m.get_resource_messages("x", user=ALICE),
}
WRITES: dict[str, Callable[[SyncService], Any]] = {
    "memorize": lambda m: m.memorize(talk(FACTS[5:7]), user=ALICE),
    "create_memory_item": lambda m: m.create_memory_item(memory_type="tool", memory_content="x", user=ALICE),
    "update_memory_item": lambda m: m.update_memory_item(memory_id="x", memory_content="y", user=ALICE),
    "delete_memory_item": lambda m: m.delete_memory_item(memory_id="x", user=ALICE),
    "delete_resource": lambda m: m.delete_resource("x", user=ALICE),
    "undo": lambda m: m.undo("x", user=ALICE),
    "clear_memory": lambda m: m.clear_memory(ALICE),
    "forget": lambda m: m.forget(user=ALICE),
}
CALLS = {**READS, **WRITES}


@pytest.fixture
def backend(tmp_path: Path) -> SQLiteBackend:
    return SQLiteBackend(tmp_path)


@pytest.fixture
def service(backend: SQLiteBackend) -> Iterator[MemoryService]:
    made = backend.service()
    made.sync.memorize(talk(FACTS[:5]), user=ALICE)
    made.sync.retrieve("Lisbon", ALICE)  # its index is resident, and must not answer for a store that is gone
    yield made
    made.close()


def test_every_call_that_touches_the_store_is_tried() -> None:
    without = {"describe", "embed", "close", "aclose", "database", "db", "store", "sync", "parts", "usage"}
    without |= {f"intercept_{when}_llm_call" for when in ("before", "after", "on_error")}
    assert {name for name in dir(MemoryService) if not name.startswith("_")} == set(CALLS) | without


@pytest.mark.parametrize("name", CALLS)
def test_a_closed_service(service: MemoryService, name: str) -> None:
    service.close()
    with pytest.raises(ClosedError):
        CALLS[name](service.sync)


@pytest.mark.parametrize("name", CALLS)
def test_a_database_whose_pages_were_overwritten(service: MemoryService, backend: SQLiteBackend, name: str) -> None:
    path = backend.folder / "memu.db"
    with path.open("r+b") as file:
        file.write(b"\xa5" * path.stat().st_size)
    service.parts.database.handle.records.engine.dispose()  # connections keep the pages that they have read
    with pytest.raises(StorageError) as fault:
        CALLS[name](service.sync)
    assert "memu.db" in str(fault.value)


@pytest.mark.parametrize("name", CALLS)
def test_a_database_whose_tables_are_gone(service: MemoryService, backend: SQLiteBackend, name: str) -> None:
    connection = sqlite3.connect(backend.folder / "memu.db")
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in names:
        connection.execute(f'DROP TABLE "{table}"')
    connection.commit()
    connection.close()
    with pytest.raises(StorageError, match="no such table"):
        CALLS[name](service.sync)


@pytest.mark.parametrize("kind", SERVERS, ids=lambda kind: kind.name)
def test_a_server_s_database_whose_tables_are_gone(kind: type[ServerBackend], tmp_path: Path) -> None:
    with fresh(kind, tmp_path) as backend, backend.service() as service:
        assert isinstance(backend, ServerBackend)
        service.sync.memorize(talk(FACTS[:5]), user=ALICE)
        service.sync.retrieve("Lisbon", ALICE)
        tables = [table.name for table in service.parts.database.handle.records.schema.tables]
        for table in reversed(tables):  # first those that refer to others
            backend.driver.cursor().execute(f"DROP TABLE {table}")
        backend.driver.commit()
        for call in CALLS.values():
            with pytest.raises(SchemaError, match=f"{backend.server.host}.*ddl_mode"):
                call(service.sync)


@pytest.mark.parametrize("name", CALLS)
def test_a_database_that_was_removed(service: MemoryService, backend: SQLiteBackend, name: str) -> None:
    service.close()
    moved = backend.folder / "elsewhere.db"
    reopened = backend.service()
    try:
        reopened.parts.database.handle.records.engine.dispose()  # so that the next call opens the file anew
        for ending in ("", "-wal", "-shm"):
            if (part := backend.folder / f"memu.db{ending}").exists():
                part.rename(f"{moved}{ending}")
        with pytest.raises(StorageError):
            CALLS[name](reopened.sync)
    finally:
        reopened.close()


@pytest.mark.parametrize("name", WRITES)
def test_a_database_that_may_only_be_read(
    service: MemoryService, backend: SQLiteBackend, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Permissions bind the superuser to nothing, so SQLite's own switch for reading only stands in."""
    import sqlalchemy as sa

    before = backend.dump(service.parts.database)
    engine = service.parts.database.handle.records.engine
    sa.event.listen(engine, "checkout", lambda connection, *_: connection.execute("PRAGMA query_only = ON"))
    item, resource = (
        service.sync.list_memory_items(ALICE)["items"][0]["id"],
        service.sync.list_resources(ALICE)["resources"][0]["id"],
    )
    call: dict[str, Callable[[], Any]] = {
        **{key: (lambda key=key: WRITES[key](service.sync)) for key in WRITES},
        "update_memory_item": lambda: service.sync.update_memory_item(memory_id=item, memory_content="y", user=ALICE),
        "delete_memory_item": lambda: service.sync.delete_memory_item(memory_id=item, user=ALICE),
        "delete_resource": lambda: service.sync.delete_resource(resource, user=ALICE),
    }
    with pytest.raises(StorageReadOnly) as fault:
        call[name]()
    assert isinstance(fault.value, PermissionError)
    assert backend.dump(service.parts.database) == before
    assert service.sync.retrieve("Lisbon", ALICE)["items"]


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions bind the superuser to nothing; the switch above stands in")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    backend = SQLiteBackend(tmp_path)
    backend.service().close()
    (tmp_path / "memu.db").chmod(0o400)
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StorageError):
            backend.service()
    finally:
        tmp_path.chmod(0o700)


def test_signals_say_what_ran_and_why_not(backend: SQLiteBackend) -> None:
    with backend.service() as service:
        service.sync.memorize(talk(FACTS[:3]), user=ALICE)
        signals = service.sync.retrieve("Lisbon", ALICE)["signals"]
        assert signals["lexical"]
        assert not signals["dense"]
        assert "embedding_config" in signals["dense_off"]
    with backend.service(embedding_config={"provider": "local"}) as service:
        service.sync.memorize(talk(FACTS[3:6]), user=ALICE)
        assert service.sync.retrieve("Lisbon", ALICE)["signals"]["dense"]


def test_describe_says_what_is_used_and_why(backend: SQLiteBackend) -> None:
    with backend.service() as service:
        told = service.describe()
        assert told["database"]["path"].endswith("memu.db")
        assert "lexical" in told["embedder"]["reason"]
        assert not told["language_model"]["used"]
        assert told["language_model"]["reason"]


def test_a_configured_model_is_never_quietly_left_out(backend: SQLiteBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    down = {"api_key": "hunter2", "base_url": "http://localhost:1/v1", "max_retries": 0}
    with backend.service(llm_config=down) as service:
        result = service.sync.memorize("The boat is blue.")
        assert result["extraction"] == {"model": 0, "rules": 1}
        assert any("localhost:1" in warning and "the rules" in warning for warning in result["warnings"])
        assert "hunter2" not in str(result["warnings"])
    with backend.service(llm_config={}) as service:
        with pytest.raises(ModelKeyMissing, match="api_key"):
            service.sync.memorize("The boat is red.")
        assert len(service.sync.list_resources()["resources"]) == 1


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"blob_config": {"resource_dir": "x"}}, "resource_dir"),
        ({"memorize_config": {"summary_length": 5}}, "summary_length"),
        ({"retrieve_config": {"topk": 5}}, "topk"),
        ({"retrieve_config": {"item": {"top_n": 5}}}, "top_n"),
        ({"embedding_config": {"model": "x"}}, "model"),
        ({"llm_config": {"key": "hunter2"}}, "key"),
        ({"user_config": {"fields": []}}, "fields"),
        ({"database_config": {"dsn": "hunter2"}}, "dsn"),
    ],
)
def test_an_unknown_option_is_named_and_its_value_is_not(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError) as fault:
        MemoryService(**options)
    assert named in str(fault.value)
    assert "hunter2" not in str(fault.value)


def test_an_unknown_argument_is_an_error() -> None:
    with pytest.raises(TypeError, match="colour"):
        MemoryService(colour="red")  # type: ignore[call-arg]
