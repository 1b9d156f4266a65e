"""The blocks of the MySQL document, on MariaDB and on MySQL."""

import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from memu.app import MemoryService
from memu.app.settings import DatabaseConfig, MetadataStoreConfig
from memu.errors import SchemaError
from servers import Server
from servers.server import database_of

from .harness import asked, check_vector, close, commands, run

FACT = "User prefers dark mode"
QUESTION = "What are the user's preferences?"
DOCUMENTED = {"resources", "memory_items", "memory_categories", "category_items"}


def service_on(dsn: str, **options: Any) -> MemoryService:
    """A service as the document makes it."""
    config = DatabaseConfig(metadata_store=MetadataStoreConfig(provider="mysql", dsn=dsn, **options))
    return MemoryService(database=config)


def tables(server: Server, dsn: str) -> set[str]:
    return {name for (name,) in asked(server, dsn, "SHOW TABLES")}


def items(server: Server, dsn: str) -> list[tuple[Any, ...]]:
    """Owner and summary of every stored item, whose vector was checked."""
    found = asked(server, dsn, "SELECT user_id, agent_id, summary, embedding FROM memory_items ORDER BY created_at, id")
    for *_, vector in found:
        check_vector(vector)
    return [tuple(row[:3]) for row in found]


def test_mysql_01_creates_the_tables_then_validates_them(folder: Path, server: Server, dsn: str) -> None:
    config = run("mysql_01", dsn=dsn)["config"]
    assert config.metadata_store.ddl_mode == "create"
    with pytest.raises(SchemaError, match="ddl_mode"):
        service_on(config.metadata_store.dsn, ddl_mode="validate")
    assert tables(server, dsn) == set()
    MemoryService(database=config).close()
    assert tables(server, dsn) >= DOCUMENTED
    service_on(config.metadata_store.dsn, ddl_mode="validate").close()
    assert items(server, dsn) == []


def test_mysql_02_memorizes_and_retrieves(folder: Path, server: Server, dsn: str) -> None:
    place = run("mysql_02", dsn=dsn)
    assert [item["summary"] for item in place["results"]["items"]] == [FACT]
    close(place)
    assert items(server, dsn) == [("default", "default", FACT)]
    with service_on(dsn) as service:
        assert service.sync.retrieve(QUESTION)["items"][0]["summary"] == FACT


def test_mysql_03_opens_the_store_with_a_user_model_of_one_field(folder: Path, server: Server, dsn: str) -> None:
    place = run("mysql_03", dsn=dsn)
    assert len(place["items"]) == len(place["categories"]) == 0
    close(place)
    with service_on(dsn) as service:
        service.sync.memorize(FACT, user={"user_id": "alice"})
        service.sync.memorize("I keep bees.", user={"user_id": "bob"})
    place = run("mysql_03", dsn=dsn)
    place["store"].load_existing()
    found = place["items"].values() if hasattr(place["items"], "values") else place["items"]
    assert [(item.user_id, item.summary) for item in found] == [("alice", FACT), ("bob", "I keep bees.")]
    assert place["categories"]
    close(place)
    assert [row[::2] for row in items(server, dsn)] == [("alice", FACT), ("bob", "I keep bees.")]


def test_mysql_04_copies_from_memory(folder: Path, server: Server, dsn: str) -> None:
    place = run("mysql_04", dsn=dsn)
    origins = {item.summary: item.resource_id for item in place["source"].db.items.values()}
    assert all(origins.values())
    close(place)
    assert {summary for *_, summary in items(server, dsn)} == set(origins)
    statement = "SELECT summary, resource_id, JSON_UNQUOTE(JSON_EXTRACT(extra, %s)) FROM memory_items"
    kept = asked(server, dsn, statement, "$.origin_resource_id")
    assert {summary: origin for summary, _, origin in kept} == origins
    assert {resource for _, resource, _ in kept} == {None}
    with service_on(dsn) as service:
        assert len(service.sync.retrieve("Important memory")["items"]) == 2


def test_mysql_04_transfer_keeps_ids_and_links(folder: Path, server: Server, dsn: str) -> None:
    """What the documented loop cannot do."""
    with MemoryService() as source, service_on(dsn) as dest:
        source.sync.memorize("I moved to Lisbon in March.")
        source.sync.memorize(FACT)
        added = source.db.transfer(dest.db)
        assert (added["resources"], added["memory_items"]) == (2, 2)
        assert sum(source.db.transfer(dest.db).values()) == 0
        links = {(item.id, item.summary, item.resource_id) for item in source.db.items.values()}
    found = asked(
        server,
        dsn,
        "SELECT i.id, i.summary, r.id FROM memory_items i JOIN resources r ON r.id = i.resource_id "
        "AND r.user_id = i.user_id AND r.agent_id = i.agent_id",
    )
    assert set(found) == links


def test_mysql_bash_01_names_the_drivers_that_a_dsn_may_name() -> None:
    from memu.backends.mysql import MySQL

    packages = {line.split()[-1] for line in commands()["mysql_bash_01"].splitlines() if line.startswith("pip ")}
    assert packages == {"pymysql", "mysqlclient"}
    assert set(MySQL.modules.values()) == {"pymysql", "MySQLdb"}  # mysqlclient's module


def test_mysql_bash_02_backup_and_restore(folder: Path, server: Server, dsn: str) -> None:
    with service_on(dsn) as service:
        service.sync.memorize(FACT)
        service.sync.memorize("Ich mag 🍣 und 𠮷野家.", user={"user_id": "bob"})
    restored = server.create_database()
    script = commands()["mysql_bash_02"]
    # The reader's own names; the password is in the environment, not typed.
    script = script.replace("-u user -p ", f"-u {server.user} ")
    script = script.replace("memu_db >", f"{database_of(dsn)} >").replace("memu_db <", f"{database_of(restored)} <")
    assert "memu_db" not in script
    programs = folder / "programs"
    programs.mkdir()
    for name in ("mysqldump", "mysql"):
        command = [*server.tools[name], "--no-defaults", "--protocol=tcp", f"--host={server.host}"]
        (programs / name).write_text(f'#!/bin/sh\nexec {shlex.join(command)} --port={server.port} "$@"\n')
        (programs / name).chmod(0o755)
    environment = {"PATH": f"{programs}:/usr/bin:/bin", "MYSQL_PWD": server.password}
    done = subprocess.run(["sh", "-e", "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for table in sorted(tables(server, dsn)):
        every = f"SELECT * FROM `{table}`"
        assert sorted(map(repr, asked(server, restored, every))) == sorted(map(repr, asked(server, dsn, every)))
    with service_on(restored) as service:
        assert service.sync.retrieve(QUESTION)["items"][0]["summary"] == FACT
        service.sync.memorize("I keep bees.")
        found = service.sync.retrieve("Was mag er?", {"user_id": "bob"})["items"]
        assert [item["summary"] for item in found] == ["Ich mag 🍣 und 𠮷野家."]
    assert len(items(server, restored)) == 3
    server.drop_database(restored)


ALIKE = ("alice", "Alice", "àlice", "alıce", "a\u0300lice", "😀", "🦊", "ß", "ss", "ｓｓ")
"""Users whom `utf8mb4_unicode_ci` holds to be few."""


def test_mysql_sql_01_such_a_database_keeps_users_apart(folder: Path, server: Server, dsn: str) -> None:
    server.drop_database(dsn)
    server.run(commands()["mysql_sql_01"].strip().rstrip(";").replace("memu_db", database_of(dsn)))
    said = asked(server, dsn, "SELECT @@character_set_database, @@collation_database")
    assert said == [("utf8mb4", "utf8mb4_unicode_ci")]
    same = "SELECT '😀' COLLATE utf8mb4_unicode_ci = '🦊', 'alice' COLLATE utf8mb4_unicode_ci = 'àlice'"
    assert asked(server, dsn, same) == [(1, 1)]
    with service_on(f"{dsn.partition('?')[0]}?charset=utf8mb4") as service:
        for number, user in enumerate(ALIKE):
            service.sync.memorize(f"I have {number} cats.", user={"user_id": user})
        for number, user in enumerate(ALIKE):
            found = service.sync.retrieve("How many cats do I have?", {"user_id": user})["items"]
            assert [item["summary"] for item in found] == [f"I have {number} cats."]
        assert service.sync.retrieve("cats", {"user_id": "ALICE"})["items"] == []
    kept = {(user, summary) for user, _, summary in items(server, dsn)}
    assert kept == {(user, f"I have {number} cats.") for number, user in enumerate(ALIKE)}
