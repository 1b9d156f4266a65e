"""The blocks of the document on the PostgreSQL provider of memorizz."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psycopg2.pool
import pytest

import servers
from memorizz.memory_provider.memory_type import MemoryType
from memorizz.memory_provider.mongodb import MongoDBProvider
from memorizz.memory_provider.postgresql import PostgreSQLConfig, PostgreSQLProvider
from servers.server import database_of

from .harness import asked, close, execute, source, with_settings

DATA = {"name": "My Memory", "content": "This is important information", "embedding": [0.1, 0.2, 0.3, 0.4]}
TABLES = {
    "personas", "toolbox", "short_term_memory", "long_term_memory", "conversation_memory", "workflow_memory", "agents",
}  # fmt: skip
COLUMNS = {"id": "uuid", "name": "character varying", "embedding": "USER-DEFINED", "metadata": "jsonb"}
TIMES = {"created_at": "timestamp with time zone", "updated_at": "timestamp with time zone"}


@pytest.fixture
def settings(postgres: servers.Server, postgres_dsn: str) -> dict[str, Any]:
    """The reader's own server."""
    url = urlsplit(postgres_dsn)
    return {
        "host": url.hostname, "port": url.port, "database": database_of(postgres_dsn), "user": postgres.user,
        "password": postgres.password,
    }  # fmt: skip


@pytest.fixture
def provider(settings: dict[str, Any]) -> Iterator[PostgreSQLProvider]:
    with PostgreSQLProvider(PostgreSQLConfig(**settings)) as made:
        yield made


def test_memorizz_01_stores_retrieves_and_searches(
    settings: dict[str, Any], postgres: servers.Server, postgres_dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = with_settings("memorizz_01", settings)
    place = execute("memorizz_01", text, search_embedding=[0.1, 0.2, 0.3, 0.5])
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == f"Stored memory with ID: {place['memory_id']}"
    assert printed[1].startswith("Retrieved: {")
    assert "This is important information" in printed[1]
    assert [one["_id"] for one in place["similar"]] == [place["memory_id"]]
    assert place["similar"]["content"] == DATA["content"]
    assert 0.9 < place["similar"][0]["score"] < 1
    assert place["retrieved"]["embedding"] == pytest.approx(DATA["embedding"])
    close(place)
    rows = asked(postgres, postgres_dsn, "SELECT id::text, name, embedding::text FROM long_term_memory")
    assert rows == [(place["memory_id"], "My Memory", "[0.1,0.2,0.3,0.4]")]
    types = "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s"
    for table in TABLES:
        assert dict(asked(postgres, postgres_dsn, types, table)).items() >= {**COLUMNS, **TIMES}.items()
    index = "SELECT indexdef FROM pg_indexes WHERE tablename = 'long_term_memory' AND indexdef LIKE '%%hnsw%%'"
    assert [("vector_cosine_ops" in one) for (one,) in asked(postgres, postgres_dsn, index)] == [True]


def test_memorizz_02_configures(settings: dict[str, Any]) -> None:
    place = execute("memorizz_02", with_settings("memorizz_02", settings), PostgreSQLConfig=PostgreSQLConfig)
    assert place["config"] == PostgreSQLConfig(**settings)
    written = execute("memorizz_02", source("memorizz_02"), PostgreSQLConfig=PostgreSQLConfig)["config"]
    assert (written.host, written.port, written.database, written.user) == ("localhost", 5432, "memorizz", "postgres")


def test_memorizz_03_filters_before_the_cut(provider: PostgreSQLProvider) -> None:
    random = np.random.default_rng(3)
    vectors = random.standard_normal((60, 8))
    for place, vector in enumerate(vectors):
        memory = "specific_memory" if place % 4 == 0 else "another"
        provider.store({"n": place, "embedding": vector, "memory_id": memory}, MemoryType.CONVERSATION_MEMORY)
    given = {"provider": provider, "query_embedding": vectors[8], "MemoryType": MemoryType}
    place = execute("memorizz_03", source("memorizz_03"), **given)
    cosines = vectors @ vectors[8] / np.linalg.norm(vectors, axis=1)
    wanted = sorted(range(0, 60, 4), key=lambda one: -cosines[one])[:10]
    assert [one["n"] for one in place["results"]] == wanted
    assert len(place["all_results"]) == 60


def test_memorizz_04_the_same_calls_on_both(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    mongodb = servers.get("mongodb")
    uri = mongodb.create_database()
    for name, value in {"PORT": settings["port"], "USER": settings["user"], "PASSWORD": settings["password"]}.items():
        monkeypatch.setenv(f"POSTGRES_{name}", str(value))
    text = with_settings("memorizz_04", {**settings, "uri": uri, "db_name": database_of(uri)})
    before = dict(DATA)
    place = execute("memorizz_04", text, data=DATA, MemoryType=MemoryType)
    assert before == DATA
    found = place["provider"].retrieve_by_id(place["memory_id"], MemoryType.LONG_TERM_MEMORY)
    assert isinstance(place["provider"], PostgreSQLProvider)
    close(place)
    with MongoDBProvider(place["MongoDBConfig"](uri, database_of(uri))) as moved:
        moved.store(found, MemoryType.LONG_TERM_MEMORY)
        assert moved.retrieve_by_id(place["memory_id"], MemoryType.LONG_TERM_MEMORY) == found
    mongodb.drop_database(uri)


def test_memorizz_05_the_pooled_subclass_works(settings: dict[str, Any]) -> None:
    """Its `__init__` makes a pool of its own and calls no parent."""
    pooled = execute("memorizz_05", source("memorizz_05"), PostgreSQLProvider=PostgreSQLProvider)
    provider = pooled["PooledPostgreSQLProvider"](PostgreSQLConfig(**settings), max_conn=3)
    assert isinstance(provider.pool, psycopg2.pool.ThreadedConnectionPool)
    stored = provider.store(DATA, MemoryType.LONG_TERM_MEMORY)
    assert provider.retrieve_by_query({"embedding": DATA["embedding"]}, MemoryType.LONG_TERM_MEMORY)["_id"] == stored
    connection = provider.pool.getconn()
    with connection.cursor() as cursor:
        cursor.execute("SELECT content FROM long_term_memory")
        assert cursor.fetchall() == [(DATA["content"],)]
    provider.pool.closeall()
    assert provider.delete_by_id(stored, MemoryType.LONG_TERM_MEMORY) is True
    provider.close()


def test_memorizz_06_debug_logs_tell_what_happens_and_no_contents(folder: Path) -> None:
    (folder / "block.py").write_text(source("memorizz_06"), encoding="utf-8")
    done = subprocess.run([sys.executable, "block.py"], cwd=folder, capture_output=True, text=True, check=True)
    assert "DEBUG:memorizz" in done.stderr
    assert "stored" in done.stderr
    assert "secret" not in done.stderr
