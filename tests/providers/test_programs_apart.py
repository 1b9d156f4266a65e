"""Tools of programs: two scripts on one store have two, a script that runs again has one."""

import subprocess
import sys
from pathlib import Path

from memorizz.memory_provider.sqlite import SQLiteConfig, SQLiteProvider

from .places import embed

SCRIPT = """
import sys
from memorizz import Toolbox
from memorizz.memory_provider.sqlite import SQLiteConfig, SQLiteProvider


def search(q: str) -> str:
    {does!r}


with SQLiteProvider(SQLiteConfig(sys.argv[1], embedder=lambda text: [1.0, 2.0])) as provider:
    print(str(Toolbox(provider).register_tool(search)))
"""


def run(store: Path, *program: str) -> str:
    command = [sys.executable, *program, str(store)]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=store.parent).stdout


def test_two_scripts_have_two_tools_and_one_has_one(tmp_path: Path) -> None:
    store = tmp_path / "memorizz.db"
    for name in ("one", "other"):
        (tmp_path / f"{name}.py").write_text(SCRIPT.format(does=f"Search {name}."))
    ids = [run(store, "one.py"), run(store, str(tmp_path / "one.py")), run(store, "other.py")]
    assert (ids[0] == ids[1], ids[0] == ids[2]) == (True, False)
    with SQLiteProvider(SQLiteConfig(store, embedder=embed)) as provider:
        assert {one["description"] for one in provider.list_all("toolbox")} == {"Search one.", "Search other."}


def test_a_program_without_a_file_has_one_tool(tmp_path: Path) -> None:
    ids = {run(tmp_path / "memorizz.db", "-c", SCRIPT.format(does="Search.")) for _ in range(2)}
    assert len(ids) == 1
