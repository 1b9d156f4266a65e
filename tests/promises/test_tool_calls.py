"""Calls of a tool that several processes add to one item: none is lost."""

import subprocess
import sys
from pathlib import Path

import pytest

import servers
from memu import MemoryService
from memu.utils.tool import get_tool_calls
from servers import Server

CHILD = Path(__file__).with_name("tool_child.py")
EACH = 15
NAMES = ("a", "b")


def test_two_processes_lose_none_in_a_file(tmp_path: Path) -> None:
    add_from_two(f"sqlite:///{tmp_path}/memory.db", tmp_path)


class TestOnAServer:
    @pytest.fixture
    def server(self) -> Server:
        return servers.get("postgres")

    def test_two_processes_lose_none(self, dsn: str, tmp_path: Path) -> None:
        add_from_two(dsn, tmp_path)


def add_from_two(dsn: str, folder: Path) -> None:
    with MemoryService(
        database_config={"metadata_store": {"dsn": dsn}},
        embedding_config={"provider": "none"},
        blob_config={"resources_dir": folder / "resources"},
    ) as memory:
        item = memory.sync.create_memory_item(memory_type="tool", memory_content="A tool.")["memory_item"]["id"]
        children = [child(dsn, folder, item, name) for name in NAMES]
        for one in children:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n"
        for one in children:
            one.communicate("go\n", timeout=120)
        assert [one.returncode for one in children] == [0, 0]
        calls = get_tool_calls(memory.sync.get_memory_item(item))
        assert sorted(one.call_hash for one in calls) == sorted(f"{name}-{at}" for name in NAMES for at in range(EACH))


def child(dsn: str, folder: Path, item: str, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(CHILD), dsn, str(folder / "resources"), item, name, str(EACH)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
