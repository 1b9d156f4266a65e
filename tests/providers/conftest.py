"""A provider on each database, empty; made once for all tests that do nothing to the database itself."""

from collections.abc import Iterator

import pytest

from memorizz.memory_provider.provider import RecordProvider

from .places import KINDS, Place, empty


@pytest.fixture(scope="session", params=KINDS)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordProvider]:
    place = Place(request.param, tmp_path_factory.mktemp("memorizz"))
    provider = place.open()
    yield provider
    provider.close()
    place.drop()


@pytest.fixture
def provider(shared: RecordProvider) -> Iterator[RecordProvider]:
    """An empty provider."""
    yield shared
    empty(shared)


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: pytest.TempPathFactory) -> Iterator[Place]:
    """A database of the test's own, with nothing in it."""
    made = Place(request.param, tmp_path)
    yield made
    made.drop()


@pytest.fixture
def postgres(tmp_path: pytest.TempPathFactory) -> Iterator[Place]:
    """A database of the test's own on PostgreSQL."""
    made = Place("postgres", tmp_path)
    yield made
    made.drop()
