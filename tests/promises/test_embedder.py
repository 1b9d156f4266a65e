"""P6: a store has one embedder, which is recorded; another is refused by name, with the command that changes it."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from conformance.backends import SQLiteBackend
from memu.embedding.minilm import IDENTITY
from memu.errors import ConfigError, EmbedderMismatch, VectorError
from memu.scope import Scope
from memu.testing import ALICE
from memu.testing.speech import FACTS, talk

LOCAL = {"embedding_config": {"provider": "local"}}


def _recorded(folder: Path) -> Any:
    with closing(sqlite3.connect(folder / "memu.db")) as connection:
        row = connection.execute("SELECT value FROM memu_meta WHERE name = 'embedder'").fetchone()
    return json.loads(row[0]) if row else None


def _rename(folder: Path, name: str, dimension: int) -> None:
    with closing(sqlite3.connect(folder / "memu.db")) as connection, connection:
        value = json.dumps({"name": name, "dimension": dimension, "normalized": True})
        connection.execute("UPDATE memu_meta SET value = ? WHERE name = 'embedder'", (value,))


def test_the_first_vector_names_the_embedder(tmp_path: Path) -> None:
    backend = SQLiteBackend(tmp_path)
    with backend.service() as service:
        service.sync.memorize(talk(FACTS[:2]), user=ALICE)
        assert _recorded(tmp_path) is None
    with backend.service(**LOCAL) as service:
        service.sync.memorize(talk(FACTS[3:5]), user=ALICE)
    held = {"name": IDENTITY.name, "dimension": IDENTITY.dimension, "normalized": IDENTITY.normalized}
    assert _recorded(tmp_path) == held


@pytest.mark.parametrize(("name", "dimension"), [("text-embedding-3-small", 1536), ("another-minilm", 384)])
def test_another_embedder_is_refused_by_name(tmp_path: Path, name: str, dimension: int) -> None:
    backend = SQLiteBackend(tmp_path)
    with backend.service(**LOCAL) as service:
        service.sync.memorize(talk(FACTS[:2]), user=ALICE)
    _rename(tmp_path, name, dimension)
    with pytest.raises(EmbedderMismatch) as fault:
        backend.service(**LOCAL)
    assert isinstance(fault.value, ConfigError)
    for named in (name, str(dimension), IDENTITY.name, "memu reembed"):
        assert named in str(fault.value)
    with backend.service() as service:
        assert len(service.sync.list_memory_items(ALICE)["items"]) == 2
        assert service.sync.retrieve("Lisbon", ALICE)["items"]


def test_another_embedder_that_comes_while_the_service_is_open(tmp_path: Path) -> None:
    backend = SQLiteBackend(tmp_path)
    with backend.service(**LOCAL) as service:
        service.sync.memorize(talk(FACTS[:2]), user=ALICE)
        _rename(tmp_path, "another-minilm", 384)
        before = backend.dump(service.parts.database)
        with pytest.raises(EmbedderMismatch, match="another-minilm"):
            service.sync.memorize(talk(FACTS[4:6]), user=ALICE)
        assert backend.dump(service.parts.database) == before


def test_unnamed_vectors_of_the_same_dimension_are_adopted(tmp_path: Path) -> None:
    backend = SQLiteBackend(tmp_path)
    with backend.service() as service:
        alice = service.database.bound(Scope.of(ALICE))
        alice.create_item(memory_type="tool", summary="Owns a boat.", embedding=[0.5] * 384)
        assert _recorded(tmp_path)["name"] == "unknown/384"
    with backend.service(**LOCAL) as service:
        service.sync.memorize(talk(FACTS[:2]), user=ALICE)
        assert _recorded(tmp_path)["name"] == IDENTITY.name


def test_unnamed_vectors_of_another_dimension_leave_lexical_search(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    backend = SQLiteBackend(tmp_path)
    with backend.service() as service:
        alice = service.database.bound(Scope.of(ALICE))
        alice.create_item(memory_type="tool", summary="Owns a boat.", embedding=[0.5] * 3)
        with pytest.raises(VectorError, match="3"):
            alice.create_item(memory_type="tool", summary="x", embedding=[0.5] * 4)
    with backend.service(**LOCAL) as service:
        assert "memu reembed" in caplog.text
        answer = service.sync.retrieve("boat", ALICE)
        assert answer["items"]
        assert not answer["signals"]["dense"]
        assert "reembed" in answer["signals"]["dense_off"]
