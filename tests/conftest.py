"""For all tests: a skip says why, and what is required is not skipped."""

from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("memu.testing")

from memu.testing.requirements import VARIABLE, required  # noqa: E402 - rewritten asserts come first

SKIPPED: list[tuple[str, str]] = []
BLANK = ("", "unconditional skip", "Skipped")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Note every skipped test with its reason."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and not hasattr(report, "wasxfail"):
        place_and_reason = report.longrepr
        reason = str(place_and_reason[2]) if isinstance(place_and_reason, tuple) else str(place_and_reason)
        SKIPPED.append((item.nodeid, reason.removeprefix("Skipped: ").strip()))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run when a skip has no reason, or when a required backend was skipped."""
    if faults := skip_faults(SKIPPED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        for fault in faults:
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
