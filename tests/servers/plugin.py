"""Ends the servers of a test run with it, and gives tests their databases."""

from collections.abc import Iterator

import pytest

from servers import run
from servers.server import Server


def pytest_configure() -> None:
    """Open the run: parallel workers and child processes inherit it."""
    run.begin()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """End what the run has started; only in the process that opened it."""
    run.end()


@pytest.fixture
def dsn(server: Server) -> Iterator[str]:
    """An empty database on the `server` that the test's module names, dropped after the test."""
    made = server.create_database()
    yield made
    server.drop_database(made)
