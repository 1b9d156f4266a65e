"""For all tests: a skip says why, and what is required is not skipped."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A green run is the same run everywhere; `make soak` searches further, with other examples each time.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("search", max_examples=1000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("MEMU_HYPOTHESIS", "steady"))

pytest.register_assert_rewrite("memu.testing")
pytest_plugins = ["servers.plugin"] if Path(__file__).with_name("servers").is_dir() else []

from memu.testing.requirements import VARIABLE, required  # noqa: E402 - rewritten asserts come first

SKIPPED: list[tuple[str, str]] = []
BLANK = ("", "unconditional skip")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note every skipped test with its reason; with parallel workers, where their reports come together."""
    if report.skipped and not hasattr(report, "wasxfail"):
        told = report.longrepr[2] if isinstance(report.longrepr, tuple | list) else report.longrepr
        SKIPPED.append((report.nodeid, str(told).removeprefix("Skipped").lstrip(":").strip()))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run when a skip has no reason, or when a required backend was skipped."""
    if faults := skip_faults(SKIPPED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        for fault in faults if reporter else ():
            reporter.write_line(fault, red=True)


def skip_faults(skipped: list[tuple[str, str]]) -> list[str]:
    """What is wrong with the skips of a run."""
    silent = [f"{test} was skipped without a reason" for test, reason in skipped if reason in BLANK]
    missed = [
        f"{test} was skipped, but {VARIABLE} requires {name}: {reason}"
        for test, reason in skipped
        for name in sorted(required())
        if reason.startswith(f"{name}:")
    ]
    return silent + missed
