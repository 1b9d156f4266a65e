"""Ends the servers of a test run with it."""

import pytest

from servers import run


def pytest_configure() -> None:
    """Open the run: parallel workers and child processes inherit it."""
    run.begin()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """End what the run has started; only in the process that opened it."""
    run.end()
