"""A reader's folder, empty and current, with no key in the environment; and a reader's databases on real servers."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import servers


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    for name in [name for name in os.environ if name.endswith("_API_KEY")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


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
