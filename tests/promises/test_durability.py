"""P1 and P2: a process killed with SIGKILL at any step of `memorize` leaves all of it or nothing, and can repeat it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CHILD = Path(__file__).with_name("crash_child.py")
STEP = int(os.environ.get("MEMU_CRASH_STEP", "3"))
"""Every how many points the process is killed; `make soak` kills it at each."""


@pytest.mark.parametrize("scenario", ["created", "extended", "replaced"])
def test_killed_at_any_step_memorize_leaves_all_or_nothing(tmp_path: Path, scenario: str) -> None:
    first = 1 + ["created", "extended", "replaced"].index(scenario) % STEP
    run = subprocess.run(
        [sys.executable, str(CHILD), str(tmp_path / "store"), scenario, str(first), str(STEP)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    report = json.loads(run.stdout.splitlines()[-1])
    print(f"memorize, {scenario}: {report['points']} points, killed at {report['killed']}")
    assert report["points"] > 100
    assert report["killed"] >= report["points"] // STEP
    assert report["before"] > 0, "no kill came before the commit"
    assert report["after"] > 0, "no kill came after the commit"
