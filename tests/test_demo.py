"""`make demo` keeps its word: it finds what it should, a second run adds nothing, and README quotes what it prints."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
QUESTIONS = json.loads((ROOT / "examples" / "questions.json").read_text(encoding="utf-8"))


def run_demo(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the demo in a folder that holds a copy of the examples, as if in a pipe of 80 columns."""
    return subprocess.run(
        [sys.executable, folder / "examples" / "demo.py"],
        cwd=folder,
        env={**os.environ, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[subprocess.CompletedProcess[str]]:
    """The demo, run twice in a folder of its own."""
    folder = tmp_path_factory.mktemp("demo")
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    return [run_demo(folder), run_demo(folder)]


def answers(output: str) -> str:
    """What the demo prints from its first question on."""
    return output[output.index("\n1. ") :]


def test_every_question_is_answered_among_the_first_three(runs: list[subprocess.CompletedProcess[str]]) -> None:
    missed = re.findall(r"^(\d+\. .*)\n(?:(?!\d+\. ).*\n)*? +MISSED: (.*)", runs[0].stdout, re.MULTILINE)
    assert missed == []
    assert (runs[0].returncode, runs[0].stderr) == (0, "")
    counted = sum("hard" not in question for question in QUESTIONS)
    assert counted >= 10
    assert f"{counted} of {counted} questions" in runs[0].stdout
    assert all(f". {question['question']}" in runs[0].stdout for question in QUESTIONS)


def test_a_second_run_adds_nothing_and_finds_the_same(runs: list[subprocess.CompletedProcess[str]]) -> None:
    made = re.search(r"(\d+) items from (\d+) messages", runs[0].stdout)
    again = re.search(r"Nothing was added.* (\d+) messages are known, as (\d+)\s+items", runs[1].stdout)
    assert made
    assert again
    assert (made[1], made[2]) == (again[2], again[1])
    assert runs[1].stdout.count(" 0 new items (unchanged)") == 3
    assert answers(runs[1].stdout) == answers(runs[0].stdout)


def test_readme_quotes_the_demo(runs: list[subprocess.CompletedProcess[str]]) -> None:
    """Whole lines, in their order; a lone "…" stands for those left out, and durations may differ."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    quoted = readme.partition("$ make demo\n")[2].partition("\n$ make test")[0].splitlines()
    printed = iter(without_durations(runs[0].stdout).splitlines())
    assert len(quoted) > 5
    for line in quoted:
        if line.strip() not in ("", "…"):
            assert without_durations(line) in printed, f"README quotes what the demo does not print here: {line!r}"


def without_durations(text: str) -> str:
    return re.sub(r"\d+\.\d s\b", "N s", text)
