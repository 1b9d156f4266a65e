"""P1 and P2: a process killed with SIGKILL at any step of `memorize` leaves all of it or nothing, and can repeat it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .test_concurrency import service

CHILD = Path(__file__).with_name("crash_child.py")
STEP = int(os.environ.get("MEMU_CRASH_STEP", "11"))
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


def test_copies_of_a_killed_call_are_swept(tmp_path: Path) -> None:
    """A copy that was renamed into place before the kill, and never committed, goes with a later call."""
    notes = tmp_path / "notes.md"
    notes.write_text("I keep bees in the garden behind the house.")
    with service(tmp_path, "maya") as memory:
        kept = Path(memory.sync.memorize(resource_url=notes)["resource"]["local_path"])
    orphan, recent = kept.with_name("0" * 64 + ".md"), kept.with_name("1" * 64 + ".md")
    for path, age in ((orphan, 7200), (recent, 60), (kept, 7200)):
        path.write_bytes(b"left behind") if path != kept else None
        os.utime(path, (time.time() - age, time.time() - age))
    with service(tmp_path, "maya") as memory:
        memory.sync.memorize("I repair clocks in the workshop every week.")
    assert not orphan.exists()
    assert recent.exists(), "it may belong to a call that has not committed"
    assert kept.exists()
