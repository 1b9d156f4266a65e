"""Real database servers for tests: started when one is first needed, ended with the run.

server = servers.get("postgres")       # the run's shared server
dsn = server.create_database()         # an empty database
with servers.private("mariadb", settings={"max_allowed_packet": "1M"}) as server:
    server.kill()                      # a server of one's own, to end and to start again
"""

import os
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from servers import keeper, run
from servers.keeper import Charge
from servers.mongo import MongoRecipe, MongoServer
from servers.mysql import MariaDBRecipe, MySQLRecipe, MySQLServer
from servers.postgres import PostgresRecipe, PostgresServer
from servers.process import Process, Unavailable
from servers.recipe import Recipe
from servers.server import PASSWORD, USER, Server, parts

__all__ = ["NAMES", "PASSWORD", "USER", "Server", "Unavailable", "get", "private"]

RECIPES: dict[str, type[Recipe]] = {
    kind.name: kind for kind in (PostgresRecipe, MariaDBRecipe, MySQLRecipe, MongoRecipe)
}
SERVERS: dict[str, type[Server]] = {
    "postgres": PostgresServer,
    "mariadb": MySQLServer,
    "mysql": MySQLServer,
    "mongodb": MongoServer,
}
NAMES = ("postgres", "mariadb", "mysql")
"""The servers that speak SQL."""


def get(name: str) -> Server:
    """The run's shared server of a kind, started when it is first asked for; skips the test when it can't be had.

    Args:
        name: "postgres", "mariadb", "mysql" or "mongodb". `MEMU_TEST_POSTGRES_DSN` and the like, and
            `MEMU_TEST_MONGODB_URI`, name a server to use instead.
    """
    if address := _elsewhere(name):
        return SERVERS[name](name, **parts(address), tools=_tools(name))
    folder = run.folder() / name
    with run.lock(folder):
        failure = folder / "failure"
        if failure.exists():
            _cannot(name, failure.read_text(encoding="utf-8"))
        try:
            recipe = _recipe(name)
            return recipe.server(_shared_port(recipe), log_path=folder / "log")
        except (Unavailable, TimeoutError) as error:
            failure.write_text(str(error), encoding="utf-8")
            _cannot(name, str(error))


def _recipe(name: str) -> Recipe:
    """How to run a kind of server; raises `Unavailable` when it is not installed."""
    folder = run.folder() / name
    folder.mkdir(exist_ok=True)
    return RECIPES[name](folder)


def _tools(name: str) -> dict[str, list[str]]:
    """The programs that come with a kind of server; none when it is not installed."""
    try:
        with run.lock(run.folder() / name):
            return _recipe(name).server(0).tools
    except Unavailable:
        return {}


def _shared_port(recipe: Recipe) -> int:
    """Where the shared server listens, after its start if need be."""
    record = recipe.folder / "port"
    if not record.exists():
        process = _process(recipe, recipe.folder, (run.owner(),), durable=False, settings={}, file_limit_mb=None)
        process.start()
        record.write_text(str(process.port), encoding="ascii")
    return int(record.read_text(encoding="ascii"))


@contextmanager
def private(
    name: str,
    *,
    durable: bool = False,
    settings: Mapping[str, str] | None = None,
    disk_mb: int | None = None,
    file_limit_mb: int | None = None,
) -> Iterator[Server]:
    """A fresh server of one's own, which may be stopped, killed and started again.

    Args:
        name: "postgres", "mariadb", "mysql" or "mongodb".
        durable: let it flush to the disk, as by default elsewhere; else that is off for speed.
        settings: further settings of the server.
        disk_mb: put its data on a disk of this size, in memory; raises `Unavailable` where we may not mount one.
        file_limit_mb: let no file of it grow beyond this size.
    """
    if _elsewhere(name):
        _cannot(name, f"a server to end and start again can't be had where {_variable(name)} names another one")
    shared = run.folder() / name
    with run.lock(shared):
        try:
            recipe = _recipe(name)
        except Unavailable as error:
            _cannot(name, str(error))
    folder = run.folder() / f"{name}-{secrets.token_hex(4)}"
    folder.mkdir(mode=0o711)
    try:
        if disk_mb is not None:
            _mount(folder / "data", disk_mb)
        with run.lock(shared):
            process = _process(recipe, folder, (run.owner(), os.getpid()), durable, settings or {}, file_limit_mb)
        try:
            process.start()
            yield recipe.server(process.port, process=process, log_path=process.log_path)
        finally:
            process.drop()
            recipe.discard(folder / "data")
    finally:
        keeper.remove(folder)


def _process(
    recipe: Recipe,
    folder: Path,
    owners: tuple[int, ...],
    durable: bool,
    settings: Mapping[str, str],
    file_limit_mb: int | None,
) -> Process:
    """A server's process that is still to be started, with its data made."""
    data = folder / "data"
    recipe.new_data(data)

    def charge(port: int) -> Charge:
        plain = recipe.charge(data, port, durable, settings)
        limit = None if file_limit_mb is None else file_limit_mb << 20
        return replace(plain, owners=owners, log=str(folder / "log"), pid_file=str(folder / "pid"), file_limit=limit)

    def fault(port: int) -> str:
        try:
            found = recipe.server(port).data_folder()
        except Exception as error:  # the driver's own, which is not imported here
            return str(error)
        return "" if found.resolve() == data.resolve() else f"another server is there, of {found}"

    return Process(folder, charge, fault)


def _mount(data: Path, size_mb: int) -> None:
    """Put a small disk in memory where the data will be."""
    data.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m,mode=0700", "tmpfs", str(data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"no disk of {size_mb} MB can be mounted, use file_limit_mb: {done.stderr.strip()}")


def _variable(name: str) -> str:
    return f"MEMU_TEST_{name.upper()}_{'URI' if name == 'mongodb' else 'DSN'}"


def _elsewhere(name: str) -> str:
    return os.environ.get(_variable(name), "")


def _cannot(name: str, reason: str) -> NoReturn:
    from memu.testing import require  # once its asserts are rewritten

    require(name, reason)
    raise AssertionError("require() raises")
