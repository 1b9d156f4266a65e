"""Users and agents: one memory for each pair, on one SQLite file, with no key and no server.

Run it from anywhere: `python examples/user_agent_example.py`. It works in a temporary folder, prints what it finds,
and ends with exit code 1 when anything is not as expected.
"""

import asyncio
import json
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from memu import DatabaseConfig, MemoryService
from memu.errors import ScopeError
from memu.storage.migrations import backup_database, migrate_database, reset_database

problems: list[str] = []


def check(what: str, right: bool) -> None:
    """Print one expectation and whether it holds."""
    print(f"   {'ok ' if right else 'NOT'} {what}")
    if not right:
        problems.append(what)


def title(text: str) -> None:
    print(f"\n== {text}")


def service_for(folder: Path, user: str, agent: str) -> MemoryService:
    """The memory that one agent has of one user; all of them share one file."""
    return MemoryService(
        user_id=user,
        agent_id=agent,
        database_config=DatabaseConfig(
            provider="sqlite",
            sqlite_path=folder / "memu.db",
            vector_db_path=folder / "vectors.json",
        ),
        blob_config={"resources_dir": folder / "resources"},
    )


async def ask(service: MemoryService, question: str) -> list[str]:
    """Ask, show the answers, and return them."""
    found = [item["summary"] for item in (await service.retrieve(question))["items"]]
    print(f"   {service.user_id}/{service.agent_id} is asked: {question}")
    for summary in found[:3]:
        print(f"      - {summary}")
    return found


async def two_users(folder: Path) -> None:
    title("Two users, one file: neither sees the other's memories")
    async with service_for(folder, "alice", "assistant") as alice, service_for(folder, "bob", "assistant") as bob:
        await alice.memorize("I moved to Lisbon in March. I teach chemistry at a school there.")
        await bob.memorize("I keep bees behind the house. I sell the honey on Sundays.")
        check("Alice is told about Lisbon", "Lisbon" in " ".join(await ask(alice, "Where do I live?")))
        check("Bob is not", "Lisbon" not in " ".join(await ask(bob, "Where do I live?")))
        try:
            await alice.retrieve("What about the bees?", where={"user_id": "bob"})
            check("asking for Bob's memory is refused", False)
        except ScopeError as error:
            check(f"asking for Bob's memory is refused: {error}", True)


async def two_agents(folder: Path) -> None:
    title("Two agents of one user: each has its own memory")
    async with service_for(folder, "carol", "coach") as coach, service_for(folder, "carol", "tutor") as tutor:
        await coach.memorize("I run ten kilometres every Tuesday.")
        await tutor.memorize("I am learning Portuguese and find the verbs hard.")
        check("the coach knows the running", (await ask(coach, "What sport do I do?"))[0].startswith("I run"))
        check("the tutor does not", "run" not in " ".join(await ask(tutor, "What sport do I do?")))


async def persistence(folder: Path) -> None:
    title("Everything is there after closing and opening again, and memorizing it again adds nothing")
    async with service_for(folder, "alice", "assistant") as alice:
        again = await alice.memorize("I moved to Lisbon in March. I teach chemistry at a school there.")
        check(f"the second memorize says {again['status']!r}", again["status"] == "unchanged")
        check("Alice still has what she had", bool(await ask(alice, "What do I teach?")))


async def one_service_for_all(folder: Path) -> None:
    title("A service that is not bound names the user in each call")
    async with MemoryService(database_config={"provider": "sqlite", "sqlite_path": folder / "memu.db"}) as service:
        bob = {"user_id": "bob", "agent_id": "assistant"}
        listed = (await service.list_memory_items(where=bob))["items"]
        check(f"Bob has {len(listed)} items", bool(listed) and all(item["user_id"] == "bob" for item in listed))
        nobody = await service.list_memory_items()
        check("with nobody named, it is the memory of default/default", nobody["items"] == [])


async def legacy(folder: Path) -> None:
    title("Code without ids goes on working: it is the user and the agent called 'default', in RAM")
    async with MemoryService() as service:
        made = await service.memorize("My sister Anna is a doctor.")
        owner = {(item["user_id"], item["agent_id"]) for item in made["items"]}
        check(f"the owner is {owner}", owner == {("default", "default")})


def look_inside(folder: Path) -> None:
    title("What is in the files")
    with closing(sqlite3.connect(folder / "memu.db")) as database:
        statement = "SELECT user_id, agent_id, count(*) FROM memory_items GROUP BY 1, 2 ORDER BY 1, 2"
        counts = database.execute(statement).fetchall()
    for user, agent, count in counts:
        print(f"   {user}/{agent}: {count} items")
    check("four pairs have items", len(counts) == 4)
    items = json.loads((folder / "vectors.json").read_text())["items"]
    check("vectors.json holds a vector for each", len(items) == sum(count for *_, count in counts))


def holds(folder: Path, word: bytes) -> bool:
    """Whether any file directly in a folder holds a word."""
    return any(word in path.read_bytes() for path in folder.iterdir() if path.is_file())


async def keeping_house(folder: Path) -> None:
    title("Backup, forgetting one user, starting over")
    paths = {"db_path": folder / "memu.db", "vector_db_path": folder / "vectors.json"}
    migrate_database(**paths)
    copies = backup_database(**paths, backup_path=folder / "backups")
    check(f"the backup is {', '.join(copy.name for copy in copies)}", len(copies) == 2)
    async with service_for(folder, "bob", "assistant") as bob:
        await bob.forget()
        check("Bob is forgotten", await ask(bob, "What do I sell?") == [])
    check("no file but the backups holds his words", not holds(folder, b"honey"))
    reset_database(**paths)
    async with service_for(folder, "alice", "assistant") as alice:
        check("after a reset nobody has a memory", await ask(alice, "Where do I live?") == [])


async def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        await two_users(folder)
        await two_agents(folder)
        await persistence(folder)
        await one_service_for_all(folder)
        await legacy(folder)
        look_inside(folder)
        await keeping_house(folder)
    print("\nEverything is as expected." if not problems else f"\nNot as expected: {'; '.join(problems)}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
