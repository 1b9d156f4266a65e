"""Skips that cannot go unnoticed: a backend that is required is never skipped, and every skip says why."""

import os

import pytest

VARIABLE = "MEMU_REQUIRE_BACKENDS"


def required() -> frozenset[str]:
    """The backends that `MEMU_REQUIRE_BACKENDS` names, separated by commas."""
    return frozenset(name.strip() for name in os.environ.get(VARIABLE, "").split(",") if name.strip())


def require(backend: str, reason: str) -> None:
    """Skip the running test because a backend cannot be had, or fail it when that backend is required.

    Args:
        backend: the backend's name ("mysql").
        reason: why it cannot be had, and how to get it.
    """
    if not reason.strip():
        pytest.fail(f"{backend} was to be skipped without a reason: say why it cannot be had.")
    if backend in required():
        pytest.fail(f"{VARIABLE} requires {backend}, which cannot be had: {reason}")
    pytest.skip(f"{backend}: {reason}")
