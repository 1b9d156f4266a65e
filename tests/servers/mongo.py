"""MongoDB: no server of it can be had by the tests, so that a bridge over mongomock stands in (mongo_bridge.py)."""

import importlib.util
import signal
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from servers.process import Unavailable
from servers.recipe import Recipe
from servers.server import Server, database_of, new_name


class MongoServer(Server):
    """A MongoDB, or what stands in for one."""

    scheme = "mongodb"
    home = "admin"
    query = "?authSource=admin"

    def bare(self, dsn: str, **options: Any) -> Any:
        from pymongo import MongoClient

        return MongoClient(dsn, **{"serverSelectionTimeoutMS": 2000, **options})

    def create_database(self) -> str:
        return self.dsn(new_name())  # it is made by the first that is written

    def drop_database(self, dsn: str) -> None:
        with closing(self.bare(dsn)) as client:
            client.drop_database(database_of(dsn))

    def dump(self, dsn: str) -> bytes:
        import bson

        with closing(self.bare(dsn)) as client:
            database = client[database_of(dsn)]
            names = sorted(database.list_collection_names())
            return b"".join(bson.encode(one) for name in names for one in database[name].find())

    def data_folder(self) -> Path:
        with closing(self.bare(self.dsn(self.home))) as client:
            return Path(client.admin.command("getCmdLineOpts")["parsed"]["storage"]["dbPath"])


class MongoRecipe(Recipe):
    """The bridge, as a process of its own; what it holds outlives it only where it is `durable`."""

    name = "mongodb"
    orderly = signal.SIGTERM
    at_once = signal.SIGKILL

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        if lacking := [name for name in ("pymongo", "mongomock") if importlib.util.find_spec(name) is None]:
            raise Unavailable(f"the package {lacking[0]} is not installed: make .venv/.ready-dev")

    def initialise(self, data: Path) -> None:
        pass  # an empty folder is an empty server

    def command(self, data: Path, port: int, durable: bool, settings: Mapping[str, str]) -> tuple[str, ...]:
        program = str(Path(__file__).with_name("mongo_bridge.py"))
        return (sys.executable, program, str(port), str(data), *(("keep",) if durable else ()))

    def server(self, port: int, **known: Any) -> Server:
        return MongoServer(self.name, port, **known)

    def discard(self, data: Path) -> None:
        pass
