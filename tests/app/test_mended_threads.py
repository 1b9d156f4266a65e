"""Who waits for whom: a slow download, a lock of another process, and a forked child hold up nobody else."""

import asyncio
import multiprocessing
import os
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from memu import MemoryService
from memu.app import crud, forget

PATIENCE = 20  # seconds until a test that hangs is called broken
MANY = 6  # more than the threads that compute or read


def service(folder: Path, name: str = "memu.db", **options: Any) -> MemoryService:
    return MemoryService(
        user_id="maya",
        database_config={"metadata_store": {"provider": "sqlite", "dsn": f"sqlite:///{folder}/{name}"}},
        blob_config={"resources_dir": folder / "resources"},
        **options,
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("provider", ["local", "none"])
def test_a_forked_child_works_with_a_service_of_its_own(tmp_path: Path, provider: str) -> None:
    options = {"embedding_config": {"provider": provider}}

    def work() -> None:
        with service(tmp_path, "child.db", **options) as memory:
            memory.sync.memorize("I live in Porto.")
            assert memory.sync.retrieve("Porto")["items"]

        async def awaited() -> None:
            async with service(tmp_path, "child.db", **options) as memory:
                assert (await memory.retrieve("Porto"))["items"]

        asyncio.run(awaited())

    with service(tmp_path, **options) as memory:
        memory.sync.memorize("My dog is called Rex.")
        child = multiprocessing.get_context("fork").Process(target=work)
        child.start()
        child.join(PATIENCE)
        hung = child.is_alive()
        if hung:
            child.kill()
            child.join()
        assert not hung
        assert child.exitcode == 0
        assert memory.sync.retrieve("dog")["items"]


def test_slow_sources_hold_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from memu.app import modalities as calls

    arrived, read = threading.Event(), calls.read

    def slow(*args: Any, **options: Any) -> Any:
        if options["text"] and "far away" in options["text"]:
            assert arrived.wait(PATIENCE)
        return read(*args, **options)

    async def run() -> None:
        async with service(tmp_path) as memory:
            await memory.memorize("I moved to Lisbon in March.")
            monkeypatch.setattr(calls, "read", slow)
            waiting = [asyncio.create_task(memory.memorize(f"Note {n} from far away.")) for n in range(MANY)]
            try:
                found = await asyncio.wait_for(memory.retrieve("Lisbon"), PATIENCE / 2)
                assert found["items"]
                assert not any(task.done() for task in waiting)
            finally:
                arrived.set()
            await asyncio.gather(*waiting)

    asyncio.run(run())


def test_readers_do_not_wait_behind_writers_that_wait_for_a_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, create = threading.Event(), crud.create_item

    def noticed(*args: Any) -> Any:
        started.set()
        return create(*args)

    async def run() -> None:
        async with service(tmp_path, embedding_config={"provider": "none"}) as memory:
            await memory.memorize("I moved to Lisbon in March.")
            other = sqlite3.connect(tmp_path / "memu.db", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            monkeypatch.setattr(crud, "create_item", noticed)
            made = {"memory_type": "profile", "memory_content": "I keep bees."}
            waiting = [asyncio.create_task(memory.create_memory_item(**made)) for _ in range(MANY)]
            try:
                assert await asyncio.to_thread(started.wait, PATIENCE)
                found = await asyncio.wait_for(memory.retrieve("Lisbon"), PATIENCE / 2)
                assert found["items"]
                assert not any(task.done() for task in waiting)
            finally:
                other.execute("ROLLBACK")
                other.close()
            await asyncio.gather(*waiting)

    asyncio.run(run())


WRITING: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "create_memory_item": (crud, "create_item", {"memory_type": "tool", "memory_content": "A saw."}),
    "update_memory_item": (crud, "update_item", {"memory_id": "x", "metadata": {"a": 1}}),
    "delete_memory_item": (crud, "delete_item", {"memory_id": "x"}),
    "delete_resource": (crud, "delete_resource", {"resource": "x"}),
    "clear_memory": (crud, "clear", {}),
    "forget": (forget, "forget", {}),
}


@pytest.mark.parametrize("call", WRITING)
def test_writing_calls_have_a_thread_of_their_own(monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    module, step, arguments = WRITING[call]
    where: list[str] = []
    monkeypatch.setattr(module, step, lambda *_: where.append(threading.current_thread().name) or {})
    with MemoryService(user_id="maya", embedding_config={"provider": "none"}) as memory:
        getattr(memory.sync, call)(**arguments)
    assert where[0].startswith("memu-writer")
