"""P6: a store has one embedder, which is recorded; another is refused by name, with the command that changes it."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from conformance.backends import DURABLE, ServerBackend
from memu.app.service import MemoryService
from memu.backends.schema import META
from memu.embedding.minilm import IDENTITY
from memu.errors import ConfigError, EmbedderMismatch, VectorError
from memu.scope import Scope
from memu.testing import ALICE, Backend
from memu.testing.speech import FACTS, talk
from promises.worlds import fresh

LOCAL = {"embedding_config": {"provider": "local"}}


@pytest.fixture(params=DURABLE, ids=lambda kind: kind.name)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    with fresh(request.param, tmp_path) as made:
        yield made


def _recorded(backend: Backend, service: MemoryService) -> Any:
    """The embedder as a bare driver reads it."""
    values = {row["name"]: row["value"] for row in backend.rows(service.parts.database, META)}
    told = values.get("embedder")
    return json.loads(told) if isinstance(told, str) else told  # PostgreSQL's driver has read the JSON


def _rename(backend: Backend, name: str, dimension: int) -> None:
    """Record another embedder, as another program would."""
    value = json.dumps({"name": name, "dimension": dimension, "normalized": True})
    if isinstance(backend, ServerBackend):
        with closing(backend.server.bare(backend.dsn)) as connection:
            connection.cursor().execute("UPDATE memu_meta SET value = %s WHERE name = 'embedder'", (value,))
            connection.commit()
        return
    with closing(sqlite3.connect(backend.folder / "memu.db")) as connection, connection:
        connection.execute("UPDATE memu_meta SET value = ? WHERE name = 'embedder'", (value,))


def test_the_first_vector_names_the_embedder(backend: Backend) -> None:
    with backend.service() as service:
        service.sync.memorize(talk(FACTS[:2]), user=ALICE)
        assert _recorded(backend, service) is None
    with backend.service(**LOCAL) as service:
        service.sync.memorize(talk(FACTS[3:5]), user=ALICE)
        held = {"name": IDENTITY.name, "dimension": IDENTITY.dimension, "normalized": IDENTITY.normalized}
        assert _recorded(backend, service) == held


@pytest.mark.parametrize(("name", "dimension"), [("text-embedding-3-small", 1536), ("another-minilm", 384)])
def test_another_embedder_is_refused_by_name(backend: Backend, name: str, dimension: int) -> None:
    with backend.service(**LOCAL) as service:
        service.sync.memorize(talk(FACTS[:2]), user=ALICE)
    _rename(backend, name, dimension)
    with pytest.raises(EmbedderMismatch) as fault:
        backend.service(**LOCAL)
    assert isinstance(fault.value, ConfigError)
    for named in (name, str(dimension), IDENTITY.name, "memu reembed"):
        assert named in str(fault.value)
    with backend.service() as service:
        assert len(service.sync.list_memory_items(ALICE)["items"]) == 2
        assert service.sync.retrieve("Lisbon", ALICE)["items"]


def test_another_embedder_that_comes_while_the_service_is_open(backend: Backend) -> None:
    with backend.service(**LOCAL) as service:
        service.sync.memorize(talk(FACTS[:2]), user=ALICE)
        _rename(backend, "another-minilm", 384)
        before = backend.dump(service.parts.database)
        with pytest.raises(EmbedderMismatch, match="another-minilm"):
            service.sync.memorize(talk(FACTS[4:6]), user=ALICE)
        assert backend.dump(service.parts.database) == before


def test_unnamed_vectors_of_the_same_dimension_are_adopted(backend: Backend) -> None:
    with backend.service() as service:
        alice = service.database.bound(Scope.of(ALICE))
        alice.create_item(memory_type="tool", summary="Owns a boat.", embedding=[0.5] * 384)
        assert _recorded(backend, service)["name"] == "unknown/384"
    with backend.service(**LOCAL) as service:
        service.sync.memorize(talk(FACTS[:2]), user=ALICE)
        assert _recorded(backend, service)["name"] == IDENTITY.name


def test_unnamed_vectors_of_another_dimension_leave_lexical_search(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
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
