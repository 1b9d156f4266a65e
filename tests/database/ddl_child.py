"""Processes that make or migrate a store, several at once or killed half-way; run as a script.

Usage: ddl_child.py wait DSN [FIELD...]     says "ready", and opens the store once a line came on standard input
       ddl_child.py kill DSN N [FIELD...]   is killed at its N-th statement that changes the schema; ends well when
                                            there are fewer
"""

import os
import signal
import sys
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, create_model

from memu.database.factory import build_database
from memu.settings import DatabaseConfig

CHANGING = ("CREATE", "ALTER", "DROP", "INSERT")


def user_model(fields: list[str]) -> type[BaseModel]:
    """A user model with these fields beside user and agent."""
    kinds: dict[str, Any] = dict.fromkeys(("user_id", "agent_id", *fields), (str, "default"))
    return create_model("Owner", **kinds)


def kill_at(last: int) -> None:
    """Kill this process when it is about to change the schema for the n-th time."""
    passed = 0

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal passed
        passed += statement.lstrip().startswith(CHANGING)
        if passed == last:
            os.kill(os.getpid(), signal.SIGKILL)

    sa.event.listen(sa.Engine, "before_cursor_execute", count)


def main(how: str, dsn: str, *rest: str) -> None:
    fields = list(rest)
    if how == "kill":
        kill_at(int(fields.pop(0)))
    else:
        print("ready", flush=True)
        sys.stdin.readline()
    config = DatabaseConfig(metadata_store={"dsn": dsn, "ddl_mode": "create"})
    build_database(config=config, user_model=user_model(fields)).close()


if __name__ == "__main__":
    main(*sys.argv[1:])
