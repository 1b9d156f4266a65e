"""Running the blocks: `blocks/` holds them word for word, `EDITS` what a reader fills in; nothing else is changed."""

import ast
import asyncio
import inspect
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from servers import Server

BLOCKS = Path(__file__).parent / "blocks"
SEEDS = Path(__file__).parents[3] / "shared" / "seeds"
PAGES = {
    "sqlite": "sqlite.md",
    "user_agent": "user-agent.md",
    "migration_guide": "migration-guide.md",
    "mysql": "mysql.md",
    "memorizz": "memorizz-postgresql.md",
}
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OTHER_FENCE = re.compile(r"^```(bash|sql)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WITH_COMMANDS = ("mysql",)
"""Pages whose shell and SQL blocks are kept here, too: `mysql_bash_01`, in files of their own endings."""

ENDINGS = {"bash": "sh", "sql": "sql"}
ADDRESS = re.compile(r"(?P<scheme>mysql\+pymysql|postgresql)://(?:\.\.\.|[^/\"]*/\w+)")
"""A block's DSN: what follows the scheme, up to any options, is the reader's own."""

SETTING = re.compile(r'\b(?P<name>host|port|database|user|password|uri|db_name)=(?:"[^"]*"|\d+)')
"""A server that a block names by keywords: all of them are the reader's own."""


@dataclass(frozen=True)
class Edit:
    """Something that a reader fills in: a file name, a key, a gap, a server."""

    old: str
    new: str
    reason: str


EDITS: dict[str, tuple[Edit, ...]] = {
    "user_agent_10": (
        Edit(
            "store.create_resource(...,",
            'resource = store.create_resource(url="notes.md", modality="document", local_path="notes.md",',
            "gap",
        ),
        Edit(
            "store.create_item(...,",
            'item = store.create_item(resource_id=resource.id, memory_type="profile", summary="Keeps bees.", '
            "embedding=[0.6, 0.8],",
            "gap",
        ),
        Edit(
            "store.get_or_create_category(...,",
            'category = store.get_or_create_category(name="bees", description="All about bees", embedding=[1.0, 0.0],',
            "gap",
        ),
        Edit("store.link_item_category(...,", "store.link_item_category(item.id, category.id,", "gap"),
        Edit('user_id="..."', 'user_id="alice"', "gap"),
        Edit('agent_id="..."', 'agent_id="helper"', "gap"),
    ),
    "migration_guide_10": (
        Edit(
            "    # ... load your existing data into old_service ...",
            """\
    for name in ("notes", "diary"):
        old_service.store.create_resource(
            url=f"{name}.md", modality="document", local_path=f"{name}.md", caption=f"About {name}",
            embedding=[0.6, 0.8] if name == "notes" else [0.8, -0.6],
        )
    old_service.store.create_resource(url="bare.md", modality="document", local_path="bare.md")
    old_service.store.get_or_create_category(name="bees", description="All about bees", embedding=[0.28, 0.96])""",
            "gap",
        ),
    ),
}

EDITS["memorizz_01"] = (Edit('"embedding": [0.1, 0.2, 0.3, ...]', '"embedding": [0.1, 0.2, 0.3, 0.4]', "gap"),)
EDITS["memorizz_06"] = (
    Edit(
        "# Your provider code here",
        """\
from memorizz.memory_provider.sqlite import SQLiteConfig, SQLiteProvider
with SQLiteProvider(SQLiteConfig()) as provider:
    provider.store({"content": "a secret"}, "long_term_memory")""",
        "gap",
    ),
)

KEY_LINES = re.compile(r"^ *llm_profiles=\{.*\},\n|^ *llm_config=(?:LLMConfig\(|\{)\n(?:.*\n)*? *[)}],\n", re.MULTILINE)
"""A model's key and what belongs to it, with which nothing can be memorized here."""


def names() -> list[str]:
    """The names of all blocks."""
    return sorted(path.stem for path in BLOCKS.glob("*.py"))


def commands() -> dict[str, str]:
    """The shell and SQL blocks that are kept here, by name."""
    files = [path for ending in ENDINGS.values() for path in sorted(BLOCKS.glob(f"*.{ending}"))]
    return {path.stem: path.read_text(encoding="utf-8") for path in files}


def source(name: str, *, keyless: bool = False, dsn: str | None = None) -> str:
    """A block as it is run: with its edits, with the reader's DSN, and without its model's key if that is wanted."""
    text = (BLOCKS / f"{name}.py").read_text(encoding="utf-8")
    for edit in EDITS.get(name, ()):
        assert edit.old in text, f"{name} does not hold {edit.old!r}"
        text = text.replace(edit.old, edit.new)
    if keyless:
        text, removed = KEY_LINES.subn("", text)
        assert removed, f"{name} holds no key"
    if dsn is not None:
        own = dsn.partition("://")[2].partition("?")[0]
        text, filled = ADDRESS.subn(lambda found: f"{found['scheme']}://{own}", text)
        assert filled, f"{name} holds no DSN of a server"
    return text


def with_settings(name: str, settings: Mapping[str, Any]) -> str:
    """A block as it is run, with the reader's servers in place of those that it names."""
    text, filled = SETTING.subn(lambda found: f"{found['name']}={settings[found['name']]!r}", source(name))
    assert filled, f"{name} names no server"
    return text


def execute(name: str, text: str, **given: Any) -> dict[str, Any]:
    """Run the text of a block, with what its page has defined before, and return its names."""
    place = {"__name__": "__main__", **given}
    exec(compile(text, f"{name}.py", "exec"), place)
    return place


def run(name: str, *, keyless: bool = False, dsn: str | None = None, **given: Any) -> dict[str, Any]:
    """Run a block here, with what its page has imported or defined before, and return its names."""
    from memu.app import MemoryService
    from memu.app.settings import DatabaseConfig, MetadataStoreConfig

    known = {one.__name__: one for one in (MemoryService, DatabaseConfig, MetadataStoreConfig)}
    place = {"__name__": "__main__", **known, **given}
    text = source(name, keyless=keyless, dsn=dsn)
    code = compile(text, f"{name}.py", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    running = eval(code, place)
    if inspect.iscoroutine(running):  # the block awaits
        asyncio.run(running)
    return place


def run_main(name: str) -> None:
    """Run a whole program here, which makes its own event loop and closes nothing."""
    made: list[Any] = []
    from memu.app.base import ServiceBase

    opened = ServiceBase._open

    def opening(service: ServiceBase, *args: Any) -> None:
        opened(service, *args)
        made.append(service)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ServiceBase, "_open", opening)
        exec(compile(source(name), f"{name}.py", "exec"), {"__name__": "__main__"})
    close(*made)


def run_script(name: str, folder: Path, *, keyless: bool = False) -> str:
    """Run a block as a program of its own, which ends without closing anything; returns what it printed."""
    program = folder / f"{name}.py"
    program.write_text(source(name, keyless=keyless), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, program.name],
        cwd=folder,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def close(*things: Any) -> None:
    """Close services, databases, and whatever holds some."""
    for thing in things:
        if isinstance(thing, dict):
            close(*thing.values())
        elif hasattr(thing, "services"):
            close(thing.services)
        elif (
            type(thing).__module__.startswith(("memu.", "memorizz."))
            and not isinstance(thing, type)
            and hasattr(thing, "close")
        ):
            thing.close()


# --- looking at the files without the library -------------------------------------------------------------------------


def rows(database: Path | str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """The rows of a statement, through a bare connection."""
    assert Path(database).is_file()
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(statement, values).fetchall()


@dataclass(frozen=True)
class Stored:
    """What one pair has in a file: summaries of items, captions of resources, both with vectors that were checked."""

    summaries: list[str]
    captions: list[str]


def stored(database: Path | str, user: str, agent: str) -> Stored:
    """Read one pair's items and resources; every one must carry a unit vector of 384 numbers as JSON text."""
    found = [
        rows(
            database,
            f"SELECT {column}, embedding FROM {table} WHERE user_id = ? AND agent_id = ? ORDER BY created_at, id",
            user,
            agent,
        )
        for table, column in (("memory_items", "summary"), ("resources", "caption"))
    ]
    for text, vector in [one for part in found for one in part]:
        assert text
        check_vector(vector)
    return Stored(*([text for text, _ in part] for part in found))


def check_vector(text: str) -> None:
    """An embedding is JSON text of a unit vector of all-MiniLM-L6-v2."""
    assert isinstance(text, str)
    numbers = np.array(orjson.loads(text))
    assert numbers.shape == (384,)
    assert abs(np.linalg.norm(numbers) - 1) < 1e-3


def owners(database: Path | str) -> set[tuple[str, str]]:
    """All pairs that own a row of memory."""
    tables = ("resources", "memory_items", "memory_categories", "category_items")
    return {owner for table in tables for owner in rows(database, f"SELECT DISTINCT user_id, agent_id FROM {table}")}


def tables(database: Path | str) -> set[str]:
    """The names of all tables and views."""
    return {name for (name,) in rows(database, "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")}


def mirror(path: Path | str) -> dict[str, Any]:
    """The content of a vectors.json."""
    return orjson.loads(Path(path).read_bytes())


def check_mirror(database: Path | str, vectors: Path | str) -> None:
    """The file holds the owner and the vector of every row, and nothing else."""
    held = mirror(vectors)
    for collection, table in (
        ("resources", "resources"),
        ("items", "memory_items"),
        ("categories", "memory_categories"),
    ):
        found = rows(database, f"SELECT id, user_id, agent_id, embedding FROM {table} WHERE embedding IS NOT NULL")
        expected = {
            one: {"user_id": user, "agent_id": agent, "vector": orjson.loads(vector)}
            for one, user, agent, vector in found
        }
        shown = {
            one: {name: entry[name] for name in ("user_id", "agent_id", "vector")}
            for one, entry in held[collection].items()
        }
        assert shown == expected


def seed_blocks() -> Iterator[tuple[str, str]]:
    """The blocks as the documents have them, by the names they have here."""
    for name, page in PAGES.items():
        text = (SEEDS / page).read_text(encoding="utf-8")
        for number, block in enumerate(FENCE.findall(text), 1):
            yield f"{name}_{number:02}", block


def seed_commands() -> Iterator[tuple[str, str]]:
    """The shell and SQL blocks as the documents have them, by the names they have here."""
    for name in WITH_COMMANDS:
        text = (SEEDS / PAGES[name]).read_text(encoding="utf-8")
        numbers = dict.fromkeys(ENDINGS, 0)
        for language, block in OTHER_FENCE.findall(text):
            numbers[language] += 1
            yield f"{name}_{language}_{numbers[language]:02}", block


# --- looking at servers without the library ---------------------------------------------------------------------------


def asked(server: Server, dsn: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """The rows of a statement, through a bare connection."""
    with closing(server.bare(dsn)) as connection:
        cursor = connection.cursor()
        cursor.execute(statement, values or None)
        return [tuple(row) for row in cursor.fetchall()]
