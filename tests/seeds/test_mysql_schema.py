"""The MySQL document's tables and its character set, as information_schema and a bare driver see them."""

from pathlib import Path
from typing import Any

import pytest

from memu.app import MemoryService
from memu.database.mysql import build_mysql_database
from memu.errors import InputError
from servers import Server
from servers.server import database_of

from .harness import SEEDS, asked, check_vector

TABLES = {
    "resources": {
        "id": "VARCHAR(36)",
        "url": "VARCHAR(2048)",
        "modality": "VARCHAR(64)",
        "local_path": "VARCHAR(1024)",
        "caption": "TEXT",
        "embedding": "TEXT",
        "created_at": "DATETIME",
        "updated_at": "DATETIME",
    },
    "memory_items": {
        "id": "VARCHAR(36)",
        "resource_id": "VARCHAR(36)",
        "memory_type": "VARCHAR(32)",
        "summary": "TEXT",
        "embedding": "TEXT",
        "created_at": "DATETIME",
        "updated_at": "DATETIME",
    },
    "memory_categories": {
        "id": "VARCHAR(36)",
        "name": "VARCHAR(255)",
        "description": "TEXT",
        "embedding": "TEXT",
        "summary": "TEXT",
        "created_at": "DATETIME",
        "updated_at": "DATETIME",
    },
    "category_items": {
        "id": "VARCHAR(36)",
        "item_id": "VARCHAR(36)",
        "category_id": "VARCHAR(36)",
        "created_at": "DATETIME",
        "updated_at": "DATETIME",
    },
}
"""What the document says."""

WIDER = {"TEXT": "LONGTEXT", "DATETIME": "DATETIME(6)"}
"""64 KiB are too little for a text, and seconds for an order."""

WIDER_COLUMNS = {
    ("resources", "local_path"): "LONGTEXT",  # a path may have 4,096 bytes
    ("memory_items", "memory_type"): "VARCHAR(64)",
}


@pytest.fixture
def config(dsn: str) -> dict[str, Any]:
    return {"metadata_store": {"provider": "mysql", "dsn": dsn}}


@pytest.mark.skipif(not SEEDS.is_dir(), reason="the documents are not beside the project here")
def test_the_tables_are_those_of_the_document() -> None:
    lines = (SEEDS / "mysql.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    said = [(name, kind) for name, kind, *_ in cells if name not in ("Column",)]
    assert said == [pair for columns in TABLES.values() for pair in columns.items()]


def test_documented_columns_and_types(folder: Path, server: Server, dsn: str, config: dict[str, Any]) -> None:
    MemoryService(database=config).close()
    found = asked(
        server,
        dsn,
        "SELECT table_name, column_name, upper(column_type), collation_name FROM information_schema.columns "
        "WHERE table_schema = %s",
        database_of(dsn),
    )
    types = {(table, column): kind for table, column, kind, _ in found}
    for table, columns in TABLES.items():
        for column, kind in columns.items():
            expected = WIDER_COLUMNS.get((table, column), WIDER.get(kind, kind))
            assert types[table, column] == expected, (table, column)
        for scope in ("user_id", "agent_id"):
            assert types[table, scope] == "VARCHAR(255)"
    binary = {"mariadb": "utf8mb4_nopad_bin", "mysql": "utf8mb4_0900_bin"}[server.name]
    collations = {collation for table, *_, collation in found if table in TABLES and collation is not None}
    assert collations == {binary}


def test_documented_keys(folder: Path, server: Server, dsn: str, config: dict[str, Any]) -> None:
    MemoryService(database=config).close()
    found = asked(
        server,
        dsn,
        "SELECT table_name, column_name, referenced_table_name, referenced_column_name, constraint_name "
        "FROM information_schema.key_column_usage WHERE table_schema = %s",
        database_of(dsn),
    )
    for table in TABLES:
        assert (table, "id") in {(one, column) for one, column, _, _, key in found if key == "PRIMARY"}
    references = {(table, column): (other, key) for table, column, other, key, _ in found if other}
    assert references["memory_items", "resource_id"] == ("resources", "id")
    assert references["category_items", "item_id"] == ("memory_items", "id")
    assert references["category_items", "category_id"] == ("memory_categories", "id")


TEXTS = {
    "emoji": "I love 🍣, 👩‍👩‍👧‍👦 and 🏳️‍🌈 flags.",
    "four bytes": "我住在𠮷野家旁边，名字叫𪚥。",
    "right to left": "أنا أعيش في القاهرة وأحب القهوة. ואני גר בחיפה.",
    "combining": "Cafe\u0301 A\u030angstro\u0308m, Vie\u0323\u0302t Nam, नमस्ते.",
    "composed": "Café Ångström, Việt Nam.",
    "marks": "\u202eabc\u202c zero\u200bwidth \ufeffbom \U0010fffd",
    "quotes": 'it\'s "100%" \\ %s %(x)s :name; -- `x`',
}


@pytest.mark.parametrize("name", TEXTS)
def test_every_text_comes_back(folder: Path, server: Server, dsn: str, config: dict[str, Any], name: str) -> None:
    text = TEXTS[name]
    scope = {"user_id": "maya-🦊", "agent_id": "助手𠮷"}
    with MemoryService(database=config) as service:
        service.sync.create_memory_item(memory_type="knowledge", memory_content=text, user=scope)
        service.sync.memorize(text, user=scope)
        found = service.sync.retrieve(text, scope)["items"]
    assert text in {one["summary"] for one in found}
    kept = asked(server, dsn, "SELECT user_id, agent_id, summary, HEX(summary), embedding FROM memory_items")
    assert (*scope.values(), text, text.encode().hex().upper()) in {row[:4] for row in kept}
    for *_, vector in kept:
        check_vector(vector)
    texts = asked(server, dsn, "SELECT user_id, text FROM resource_texts")
    assert ("maya-🦊", text) in texts


def test_a_text_of_more_than_64_kib_is_kept_whole(
    folder: Path, server: Server, dsn: str, config: dict[str, Any]
) -> None:
    text = "𠮷🍣" * 20_000
    database = build_mysql_database(config=config)
    database.memory_item_repo.create_item(
        resource_id=None, memory_type="knowledge", summary=text, embedding=None, user_data={"user_id": "maya"}
    )
    with pytest.raises(InputError):
        database.memory_category_repo.get_or_create_category(
            name="x" * 256, description="", embedding=None, user_data={"user_id": "maya"}
        )
    database.close()
    assert asked(server, dsn, "SELECT summary FROM memory_items") == [(text,)]
    assert asked(server, dsn, "SELECT count(*) FROM memory_categories") == [(0,)]
