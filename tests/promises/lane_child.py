"""Another process on a database, which does what it is told, a line at a time.

Usage: lane_child.py DSN FOLDER; each line on standard input is a JSON list of a user, a verb and an argument, each
answer a line of JSON.
"""

import json
import sys
from typing import Any

from memu.app import MemoryService


def answer(service: MemoryService, user: str, verb: str, argument: str) -> Any:
    owner = {"user_id": user}
    if verb == "create":
        made = service.sync.create_memory_item(
            memory_type="event", memory_content=argument, memory_categories=[], user=owner
        )
        return made["memory_item"]["id"]
    if verb == "delete":
        return service.sync.delete_memory_item(memory_id=argument, user=owner)["memory_item"]["id"]
    if verb == "forget":
        return service.sync.forget(user=owner)["erased"]
    return [one["summary"] for one in service.sync.retrieve(argument, where=owner, top_k=5)["items"]]


def main() -> None:
    dsn, folder = sys.argv[1:]
    with MemoryService(
        database_config={"metadata_store": {"dsn": dsn}},
        embedding_config={"provider": "none"},
        blob_config={"resources_dir": folder},
    ) as service:
        for line in sys.stdin:
            print(json.dumps(answer(service, *json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
