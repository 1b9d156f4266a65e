"""A reader's folder, empty and current, with no key in the environment; and a reader's databases on real servers."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import servers
from llm.memorizing import obliging
from llm.scripted import Scripted, scripted
from memu.endpoints import LLMConfig
from memu.llm import connection, openai_client
from memu.presets import PRESETS


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    for name in [name for name in os.environ if name.endswith("_API_KEY")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    """A scripted model in the place of OpenAI's, by any name that the blocks have for it."""
    named = PRESETS["openai"].base_url
    real = connection.async_client

    def redirected(config: LLMConfig) -> Any:
        assert config.base_url == named
        return real(config.model_copy(update={"base_url": running.url}))

    with scripted() as running:
        running.otherwise = obliging
        monkeypatch.setattr(openai_client, "async_client", redirected)
        yield running


@pytest.fixture(params=["mariadb", "mysql"])
def server(request: pytest.FixtureRequest) -> servers.Server:
    """Both servers that the MySQL document speaks of."""
    return servers.get(request.param)


@pytest.fixture
def postgres() -> servers.Server:
    """The PostgreSQL server."""
    return servers.get("postgres")


@pytest.fixture
def postgres_dsn(postgres: servers.Server) -> Iterator[str]:
    """An empty database there."""
    address = postgres.create_database()
    yield address
    postgres.drop_database(address)
