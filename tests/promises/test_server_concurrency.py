"""32 writers and 32 readers on one server: nothing lost, nothing doubled, no deadlock seen, no counter behind."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import servers
from memu.app.categories import refresh
from memu.scope import Scope
from servers import Server

from . import on_servers as on

HERE = Path(__file__).parent
SECONDS = float(os.environ.get("MEMU_LOAD_SECONDS", "10"))
"""How long the load goes on; `make soak` asks for a minute."""
RESULT = os.environ.get("MEMU_SOAK_RESULT")
"""A file for the figures of the load."""
USERS = ["maya", "theo", "ana", "noor"]
SHARED = "ledger"


@pytest.fixture(params=servers.NAMES)
def server(request: pytest.FixtureRequest) -> Server:
    return servers.get(request.param)


def child(script: str, told: dict[str, Any], timeout: float) -> Any:
    """What a script says that is told something."""
    done = subprocess.run(
        [sys.executable, str(HERE / script)],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.timeout(SECONDS + 280)
def test_32_writers_and_32_readers_lose_and_double_nothing(server: Server, dsn: str, tmp_path: Path) -> None:
    load = {"dsn": dsn, "resources": str(tmp_path / "resources"), "seconds": SECONDS, "users": USERS}
    told = child("load_child.py", load, SECONDS + 270)
    processes = told["processes"]
    errors = [error for one in processes for error in one["errors"]]
    calls = sum((Counter(one["calls"]) for one in processes), Counter[str]())
    figures(server.name, calls, errors, sum(one["repeats"] for one in processes))
    assert not errors, f"{len(errors)} errors, such as {errors[0]}"

    kept = {key: words for one in processes for key, words in one["kept"].items()}
    gone = {key for one in processes for key in one["gone"]}
    sentences = {line for one in processes for line in one["sentences"]}
    shared = told["shared"]
    found = {row[0]: row[1:] for row in on.rows(server, dsn, "SELECT id, summary, resource_id FROM memory_items")}
    assert {key: found[key][0] for key in kept if key in found} == kept, "an acknowledged write is lost"
    assert not gone & set(found), "an acknowledged delete is lost"
    memorized = sorted(found[key][0] for key in set(found) - set(kept) - set(shared.values()))
    assert memorized == sorted(line.partition(": ")[2] for line in sentences), "a sentence is lost, or kept twice"
    assert count(server, dsn, "resources") == count(server, dsn, "resource_texts") == len(sentences)

    updates = sum((Counter(one["updates"]) for one in processes), Counter[str]())
    history = on.rows(server, dsn, "SELECT item_id, count(*) FROM item_history GROUP BY item_id")
    assert dict(history) == {key: number for key, number in updates.items() if number}
    check_counters(server, dsn, tmp_path, told)


def check_counters(server: Server, dsn: str, folder: Path, told: dict[str, Any]) -> None:
    """Counters hold every increment; a summary that is not marked stale is what it would be made to now."""
    increments = sum((Counter(one["increments"]) for one in told["processes"]), Counter[str]())
    owners = {key: user for one in told["processes"] for key, user in one["owners"].items()}
    filed = on.rows(server, dsn, "SELECT item_id, category_id FROM category_items")
    assert len(set(filed)) == len(filed)
    with on.service(dsn, folder, user=None) as service:
        for user in USERS:
            database = service.db.bound(Scope.of({"user_id": user}))
            item, category = database.items[told["shared"][user]], database.memory_category_repo.by_name(SHARED)
            assert category is not None
            query = "SELECT extra, summary, stale FROM memory_categories WHERE id = %s"
            extra, summary, stale = on.rows(server, dsn, query, (category.id,))[0]
            extra = json.loads(extra) if isinstance(extra, str) else extra
            assert (item.extra["count"], extra.get("count", 0)) == (increments[user], increments[user])
            links = {link.item_id for link in database.category_item_repo.list_relations({"category_id": category.id})}
            assert {owners[key] for key in links} <= {user}
            refresh(service.parts, database, category.id)
            afresh = database.memory_category_repo.by_name(SHARED)
            assert afresh is not None
            assert stale or summary == afresh.summary, "a summary missed a change, and nobody would make it anew"
    names = on.rows(server, dsn, "SELECT user_id, name, count(*) FROM memory_categories GROUP BY user_id, name")
    assert {number for _, _, number in names} == {1}


def test_16_processes_make_one_category_and_lose_no_count(server: Server, dsn: str, tmp_path: Path) -> None:
    told = child("categories_child.py", {"dsn": dsn, "resources": str(tmp_path), "processes": 16}, 280)
    assert [one["error"] for one in told] == [None] * 16
    assert len({json.dumps(one["ids"], sort_keys=True) for one in told}) == 1
    names = [f"subject {number}" for number in range(8)]
    found = on.rows(server, dsn, "SELECT name, count(*) FROM memory_categories GROUP BY name ORDER BY name")
    assert [tuple(row) for row in found] == [(name, 1) for name in ["ledger", *names]]
    counts = [on.rows(server, dsn, f"SELECT extra FROM {table}") for table in ("memory_items", "memory_categories")]
    read = [json.loads(one) if isinstance(one, str) else one for rows in counts for (one,) in rows]
    assert sorted(one["count"] for one in read if "count" in one) == [16 * 5] * 2


def count(server: Server, dsn: str, table: str) -> int:
    return int(on.rows(server, dsn, f"SELECT count(*) FROM {table}")[0][0])


def figures(name: str, calls: Counter[str], errors: list[str], repeats: int) -> None:
    """Print what was done, and keep it where it is asked for."""
    writes = sum(number for call, number in calls.items() if call not in ("retrieve", "list", "get", "list categories"))
    told = {
        "seconds": SECONDS,
        "calls": dict(sorted(calls.items())),
        "writes_per_second": round(writes / SECONDS, 1),
        "reads_per_second": round((calls.total() - writes) / SECONDS, 1),
        "errors": len(errors),
        "deadlocks_repeated": repeats,
    }
    print(name, json.dumps(told))
    if RESULT:
        path = Path(RESULT)
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        setting = {"processes": 4, "writers": 32, "readers": 32, "users": len(USERS), "cores": os.cpu_count()}
        path.write_text(json.dumps({**known, "load": setting, name: told}, indent=2) + "\n", encoding="utf-8")
