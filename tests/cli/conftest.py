"""A folder of its own for each test, and the program run in it: in this process, or as a real one."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from memu import MemoryService
from memu.cli.main import app, hoisted

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAM = [sys.executable, "-c", "from memu.cli import main; main()"]


@dataclass
class Done:
    """What a run left: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Memu = Callable[..., Done]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with no setting of the surroundings."""
    for name in ("MEMU_DB", "MEMU_USER", "MEMU_AGENT", "MEMU_MODEL_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def memu() -> Memu:
    """The program, run in this process."""

    def run(*arguments: object, stdin: str | bytes | None = None) -> Done:
        result = CliRunner().invoke(app, hoisted([str(one) for one in arguments]), input=stdin, prog_name="memu")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def program(folder: Path) -> Memu:
    """The program, run as a process."""

    def run(*arguments: object, stdin: bytes = b"", **environment: str) -> Done:
        done = subprocess.run(
            [*PROGRAM, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            check=False,
            env={**os.environ, **environment},
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that remembers three things, made once."""
    data = tmp_path_factory.mktemp("template") / "data"
    config = {"provider": "sqlite", "sqlite_path": str(data / "memu.db")}
    with MemoryService(database_config=config, user_id="default") as memory:
        for text in (
            "I moved to Lisbon in March 2024.",
            "I keep two cats called Miso and Udon.",
            "I repair old clocks in my workshop.",
        ):
            memory.sync.memorize(text, metadata={"source": "notes"})
    return data


@pytest.fixture
def filled(memu: Memu, folder: Path, template: Path) -> Memu:
    """The program, with a store that remembers a few things."""
    shutil.copytree(template, folder / "data")
    return memu
