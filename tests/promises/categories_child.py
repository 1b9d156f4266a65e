"""Many processes that get or create the same categories at one moment, and count on one item.

Run as a script, like load_child.py. Usage: categories_child.py, with a JSON object on standard input; prints a list.
"""

import json
import random
import sys
import traceback
from typing import Any

from load_child import Load, reinforce, together

from memu.app import MemoryService
from memu.scope import Scope

NAMES = [f"subject {number}" for number in range(8)]
TIMES = 5


def work(load: Load, number: int, shared: dict[str, str], start: Any, answers: Any) -> None:
    """Make the categories in an order of one's own, then count; the ids that came back, or what went wrong."""
    ids: dict[str, str] = {}
    error = None
    try:
        with MemoryService(
            database_config={"metadata_store": {"dsn": load.dsn}},
            embedding_config={"provider": "none"},
            blob_config={"resources_dir": load.resources},
        ) as service:
            database = service.db.bound(Scope.of({"user_id": "maya"}))
            start.wait(120)
            for name in random.Random(number).sample(NAMES, len(NAMES)):
                ids[name] = database.memory_category_repo.get_or_create_category(name=name).id
            for _ in range(TIMES):
                reinforce(database, shared["maya"])
    except Exception:
        error = traceback.format_exc()
        start.abort()
    answers.put({"ids": ids, "error": error})


def main() -> None:
    told = json.load(sys.stdin)
    load = Load(told["dsn"], told["resources"], 0, ["maya"], told["processes"])
    print(json.dumps(together(load, work, 240)[1]))


if __name__ == "__main__":
    main()
