"""Another process that adds calls of a tool to one item.

Usage: tool_child.py DSN FOLDER ITEM NAME COUNT; it begins when it reads a line, and says so before.
"""

import sys

from memu.app import MemoryService


def main() -> None:
    dsn, folder, item, name, count = sys.argv[1:]
    with MemoryService(
        database_config={"metadata_store": {"dsn": dsn}},
        embedding_config={"provider": "none"},
        blob_config={"resources_dir": folder},
    ) as service:
        print("ready", flush=True)
        sys.stdin.readline()
        for number in range(int(count)):
            call = {"tool_name": name, "call_hash": f"{name}-{number}"}
            service.sync.update_memory_item(memory_id=item, tool_record=call)


if __name__ == "__main__":
    main()
