"""A skip says why, and what is required is not skipped: proven on small runs of pytest in a child process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from memu.testing import require

CONFTEST = Path(__file__).parents[1] / "conftest.py"
SOURCE = Path(__file__).parents[2] / "src"

TESTS = """
import pytest
def test_reason(): pytest.skip("postgres: no server")
def test_required(): pytest.skip("mysql: no server")
"""
SILENT = """
import pytest
def test_none(): pytest.skip()
def test_blank(): pytest.skip("  ")
@pytest.mark.skip
def test_mark(): pass
"""


def _run(folder: Path, tests: str, required: str) -> tuple[int, str]:
    (folder / "conftest.py").write_text(CONFTEST.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "test_it.py").write_text(tests, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, str(folder)],
        env={**os.environ, "MEMU_REQUIRE_BACKENDS": required, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    return run.returncode, run.stdout


def test_a_run_fails_when_a_required_backend_was_skipped(tmp_path: Path) -> None:
    code, told = _run(tmp_path, TESTS, "sqlite, mysql")
    assert code == 1
    assert "test_required was skipped, but MEMU_REQUIRE_BACKENDS requires mysql: mysql: no server" in told
    assert "test_reason was" not in told


def test_a_run_with_reasons_passes(tmp_path: Path) -> None:
    assert _run(tmp_path, TESTS, "sqlite")[0] == 0


def test_a_run_fails_when_a_skip_has_no_reason(tmp_path: Path) -> None:
    code, told = _run(tmp_path, SILENT, "")
    assert code == 1
    for name in ("test_none", "test_blank", "test_mark"):
        assert f"{name} was skipped without a reason" in told


@pytest.mark.parametrize(
    ("required", "reason", "outcome"),
    [
        ("", "no server", pytest.skip.Exception),
        ("sqlite, postgres", "no server", pytest.skip.Exception),
        ("sqlite,mysql", "no server", pytest.fail.Exception),
        ("", " ", pytest.fail.Exception),
    ],
)
def test_asking_for_a_backend(
    required: str, reason: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMU_REQUIRE_BACKENDS", required)
    with pytest.raises(outcome):
        require("mysql", reason)
