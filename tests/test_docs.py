"""The documentation runs: every Python and shell block of every page, and every link inside the project leads on.

The blocks of one page run in order, in a folder of its own that holds the examples; the Python ones share their names.
A block that cannot run has `<!-- not run: reason -->` on the line before it; a test prints how many there are. A
block with `<!-- printed -->` before it is what the block before that printed. A DSN of a server, which the pages write
as `postgresql://memu:secret@localhost:5432/memu`, stands for a fresh database on a real one, and a scripted server for
the endpoints of language models.
"""

import ast
import asyncio
import contextlib
import inspect
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

import servers
from documented_servers import Databases, endpoint, standby
from memu import MemoryService
from memu.errors import StorageReadOnly
from servers.process import wait_until
from servers.server import database_of

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
RUN = {"python", "bash"}
FORBIDDEN = {"py", "python3", "sh", "shell", "zsh", "pycon"}
"""Other names for what runs, under which a block would quietly not be run; `text` and `console` show output."""

FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[\w+-]*)[^\n`]*$")
EXEMPT = re.compile(r"<!-- not run: (?P<reason>.*\S.*) -->")
PRINTED = "<!-- printed -->"
SECONDS = 120


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line of the page on which the text begins."""

    page: Path
    line: int
    language: str
    text: str
    exempt: str | None
    printed: bool = False

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    lines = iter(enumerate(page.read_text(encoding="utf-8").splitlines(), 1))
    before = ""
    for number, line in lines:
        fence = FENCE.match(line)
        if not fence:
            before = line if line.strip() else before
            continue
        indent, body = fence["indent"], list[str]()
        for _, inner in lines:
            if inner.strip() == "```":
                break
            body.append(inner.removeprefix(indent))
        reason = EXEMPT.search(before)
        text, why = "\n".join(body) + "\n", reason["reason"] if reason else None
        yield Block(page, number + 1, fence["language"], text, why, before.strip() == PRINTED)
        before = ""


def runnable(page: Path) -> list[Block]:
    return [block for block in blocks(page) if (block.language in RUN or block.printed) and not block.exempt]


class Session:
    """One page's reader: a folder, one Python namespace, one event loop, and a shell beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.runner = asyncio.Runner()
        self.printed = ""
        self.databases = Databases(folder / "programs")

    def run(self, block: Block) -> None:
        """Run one block; its own error, or that of the shell, fails the test."""
        if block.printed:
            assert self.printed == block.text, block.place
        elif block.language == "python":
            self.run_python(block)
        else:
            self.run_bash(block)

    def run_python(self, block: Block) -> None:
        """Run Python as an interactive session would: `await` works at the top level."""
        text = "\n" * (block.line - 1) + self.databases.put_in(block.text)
        code = compile(text, block.page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        with contextlib.redirect_stdout(io.StringIO()) as output:
            if code.co_flags & inspect.CO_COROUTINE:
                self.runner.run(eval(code, self.names))
            else:
                exec(code, self.names)
        self.printed = output.getvalue()

    def run_bash(self, block: Block) -> None:
        """Run shell commands; the project's own commands come first on the path."""
        path = os.pathsep.join([str(self.databases.programs), str(Path(sys.executable).parent), os.environ["PATH"]])
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.databases.put_in(block.text)],
            cwd=self.folder,
            env={**os.environ, "PATH": path, "HOME": str(self.folder)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode:
            pytest.fail(f"{block.place}: exit code {done.returncode}\n{done.stdout}{done.stderr}", pytrace=False)
        self.printed = done.stdout


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A reader in an empty folder with the examples, and no option of this machine in the environment."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.endswith("_API_KEY") or name == "MEMU_MODEL_DIR"]:
        monkeypatch.delenv(name)
    reader = Session(tmp_path)
    with endpoint(monkeypatch), reader.runner:
        yield reader
    for value in reader.names.values():
        ours = type(value).__module__.startswith(("memu.", "memorizz."))
        if ours and not isinstance(value, type) and hasattr(value, "close"):
            value.close()
    reader.databases.drop()


@pytest.mark.parametrize("page", [page for page in PAGES if runnable(page)], ids=lambda page: page.name)
def test_page_runs(page: Path, session: Session) -> None:
    session.databases.put_in(page.read_text(encoding="utf-8"))
    for block in runnable(page):
        session.run(block)


def test_every_block_says_what_it_is() -> None:
    unnamed = [block.place for page in PAGES for block in blocks(page) if block.language in {"", *FORBIDDEN}]
    assert unnamed == []


def test_few_blocks_are_exempt(capsys: pytest.CaptureFixture[str]) -> None:
    everything = [block for page in PAGES for block in blocks(page) if block.language in RUN]
    exempt = [block for block in everything if block.exempt]
    with capsys.disabled():
        print(f"\n{len(everything) - len(exempt)} blocks of {len(PAGES)} pages run, {len(exempt)} are exempt:")
        for block in exempt:
            print(f"  {block.place}: {block.exempt}")
    assert len(exempt) * 5 <= len(everything)


def test_commands_of_make_exist() -> None:
    """Those blocks are exempt where they would run the tests from the tests; their names are checked all the same."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {
        (page.name, name)
        for page in PAGES
        for name in re.findall(r"(?:`|^\$ )make ([a-z-]+)\b", page.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert [(page, name) for page, name in sorted(named) if name not in targets] == []


# --- what no test runs ------------------------------------------------------------------------------------------------

COMPOSE = {
    "postgres": ("pgvector/pgvector:", 5432, "/var/lib/postgresql/data"),
    "mysql": ("mysql:", 3306, "/var/lib/mysql"),
}
"""The image, the port and the folder of the data of each compose file's one service."""


@pytest.mark.parametrize("name", COMPOSE)
def test_compose_files_say_what_a_server_needs(name: str) -> None:
    image, port, data = COMPOSE[name]
    file = ROOT / "docs" / "compose" / f"{name}.yml"
    compose = yaml.safe_load(file.read_text(encoding="utf-8"))
    service = compose["services"][name]
    assert service["image"].startswith(image)
    assert service["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert service["volumes"] == [f"{name}-data:{data}"]
    assert list(compose["volumes"]) == [f"{name}-data"]
    assert service["healthcheck"]["test"][0] == "CMD-SHELL"
    secrets = [value for key, value in service["environment"].items() if key.endswith("_PASSWORD")]
    assert "${MEMU_DB_PASSWORD:?set MEMU_DB_PASSWORD}" in secrets
    assert f"localhost:{port}/memu" in (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


# --- what no block can show -------------------------------------------------------------------------------------------


def test_a_standby_of_postgresql_serves_readers(tmp_path: Path) -> None:
    """It follows what is written and what is forgotten, refuses to write, and says so."""

    def service(dsn: str, mode: str) -> MemoryService:
        return MemoryService(
            user_id="alice",
            database_config={"metadata_store": {"dsn": dsn, "ddl_mode": mode}},
            blob_config={"resources_dir": tmp_path / "resources"},
        )

    with servers.private("postgres") as primary:
        dsn = primary.create_database()
        with service(dsn, "create") as writing, standby(primary) as other:
            writing.sync.memorize("I moved to Lisbon in March.")
            copy = other.dsn(database_of(dsn))
            wait_until(lambda: _rows(other, copy) == 1, 60, lambda: "the standby does not follow")
            with service(copy, "validate") as reading:
                assert len(reading.sync.retrieve("Where did I move to?")["items"]) == 1
                for write in (lambda: reading.sync.memorize("I keep bees."), reading.sync.forget):
                    with pytest.raises(StorageReadOnly, match="replica"):
                        write()
                writing.sync.memorize("I keep bees.")
                wait_until(lambda: _rows(other, copy) == 2, 60, lambda: "the standby does not follow")
                assert reading.sync.retrieve("bees", top_k=1)["items"][0]["summary"] == "I keep bees."
                writing.sync.forget()
                wait_until(lambda: not _rows(other, copy), 60, lambda: "the standby does not forget")
                assert reading.sync.retrieve("bees")["items"] == []


@pytest.mark.parametrize("name", ["mariadb", "mysql"])
def test_a_user_of_mysql_who_may_only_read(name: str) -> None:
    server = servers.get(name)
    dsn = server.create_database()
    user = database_of(dsn)[:30]
    with MemoryService(database_config={"metadata_store": {"dsn": dsn}}) as writing:
        writing.sync.memorize("I moved to Lisbon in March.")
    server.run(f"CREATE USER {user}@'%' IDENTIFIED BY 'secret'")
    try:
        server.run(f"GRANT SELECT ON `{database_of(dsn)}`.* TO {user}@'%'")
        own = f"mysql://{user}:secret@{server.host}:{server.port}/{database_of(dsn)}"
        config = {"metadata_store": {"dsn": own, "ddl_mode": "validate"}}
        with MemoryService(database_config=config) as reading:
            assert len(reading.sync.retrieve("Where did I move to?")["items"]) == 1
            for write in (lambda: reading.sync.memorize("I keep bees."), reading.sync.forget):
                with pytest.raises(StorageReadOnly):
                    write()
    finally:
        server.run(f"DROP USER {user}@'%'")
        server.drop_database(dsn)


def _rows(server: servers.Server, dsn: str) -> int:
    """How many items there are; none before the tables are."""
    with server.bare(dsn) as connection:
        there = connection.execute("SELECT to_regclass('memory_items') IS NOT NULL").fetchone()[0]
        return connection.execute("SELECT count(*) FROM memory_items").fetchone()[0] if there else 0


# --- links ------------------------------------------------------------------------------------------------------------

LINK = re.compile(r"(?<!\\)!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")


def prose(page: Path) -> str:
    """A page without its blocks and its inline code."""
    text = re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, in the manner of the common code hosts."""
    text = re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    found: list[str] = []
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        found.append(f"{slug}-{found.count(slug)}" if slug in found else slug)
    return set(found)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_inside_the_project_lead_somewhere(page: Path) -> None:
    broken = []
    for match in LINK.finditer(prose(page)):
        target = match["target"]
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and (file.suffix != ".md" or anchor not in anchors(file))):
            broken.append(target)
    assert broken == []


def test_every_page_is_reached_from_the_readme() -> None:
    reached = {ROOT / "README.md"}
    waiting = list(reached)
    while waiting:
        page = waiting.pop()
        links = {(page.parent / match["target"].partition("#")[0]).resolve() for match in LINK.finditer(prose(page))}
        new = {one for one in links if one in PAGES} - reached
        reached |= new
        waiting += new
    assert [str(page.relative_to(ROOT)) for page in PAGES if page not in reached] == []
