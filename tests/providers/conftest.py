"""A provider on each database, empty; made once for all tests that do nothing to the database itself."""

from collections.abc import Iterator
from itertools import count

import pytest

from memorizz.memory_provider.provider import RecordProvider

from .places import KINDS, Place, empty

SWEEP_EVERY = 10
"""Tests after which dead rows are removed: MongoDB keeps them for ten minutes, and mongomock looks at all of them."""
_emptied = count(1)


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
    if next(_emptied) % SWEEP_EVERY == 0:
        shared._store.records.erase_traces()


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
