"""A database server as tests see it: fresh databases on it, bare connections to it, and its end and return."""

import os
import secrets
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, unquote, urlsplit

from servers.process import Process, Unavailable

USER = "memu"
PASSWORD = "pa55-w0rd-canary"
"""Unmistakable, so that a test finds it wherever it leaks to."""


class Server(ABC):
    """A database server, of which a test may use the databases that it creates.

    Args:
        name: "postgres", "mariadb", "mysql" or "mongodb".
        port: where it listens.
        host: the machine that it runs on.
        user: who may create databases.
        password: the user's password.
        tools: the command of each program that comes with the server ("mysqldump"); none when they are not there.
        process: the server's process, when it is the caller's to end.
        log_path: the server's log, when it can be read.
    """

    scheme: ClassVar[str]
    home: ClassVar[str]
    """A database that is always there."""
    query: ClassVar[str] = ""

    def __init__(
        self,
        name: str,
        port: int,
        *,
        host: str = "127.0.0.1",
        user: str = USER,
        password: str = PASSWORD,
        tools: dict[str, list[str]] | None = None,
        process: Process | None = None,
        log_path: Path | None = None,
    ) -> None:
        self.name = name
        self.host = host
        self.port = port
        self.user = user
        self.password = password
        self.tools = tools or {}
        self.log_path = log_path
        self._process = process

    def __repr__(self) -> str:
        return f"<{self.name} at {self.host}:{self.port}>"

    def dsn(self, database: str) -> str:
        """The address of one of its databases."""
        who = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        return f"{self.scheme}://{who}@{self.host}:{self.port}/{database}{self.query}"

    @abstractmethod
    def bare(self, dsn: str, **options: Any) -> Any:
        """A new connection by the bare driver, to which the options go; the caller closes it."""

    @abstractmethod
    def create_database(self) -> str:
        """Create an empty database with a name of its own; its address."""

    @abstractmethod
    def drop_database(self, dsn: str) -> None:
        """Remove a database, whoever uses it."""

    @abstractmethod
    def dump(self, dsn: str) -> bytes:
        """Everything that a database holds, written out as by its own backup program."""

    @abstractmethod
    def data_folder(self) -> Path:
        """The folder in which it says that its data are."""

    def run(self, statement: str) -> None:
        """Carry out one statement by a connection to no database of a test."""
        connection = self.bare(self.dsn(self.home), autocommit=True)
        try:
            connection.cursor().execute(statement)
        finally:
            connection.close()

    def output(self, tool: str, arguments: list[str], **environment: str) -> bytes:
        """What one of its programs writes."""
        if tool not in self.tools:
            raise Unavailable(f"{self!r} comes without {tool}")
        command = [*self.tools[tool], *arguments]
        done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{tool} failed: {done.stderr.decode('utf-8', 'replace')}")
        return done.stdout

    # --- only for a private server ---

    @property
    def process(self) -> Process:
        """The server's process."""
        if self._process is None:
            raise RuntimeError(f"this {self.name} is shared: use servers.private({self.name!r}) for a server to end")
        return self._process

    def start(self) -> None:
        """Start it again, at the same port."""
        self.process.start()

    def stop(self) -> None:
        """End it in order."""
        self.process.stop()

    def kill(self) -> None:
        """End it and its children by SIGKILL."""
        self.process.kill()

    def restart(self) -> None:
        """End it in order and start it again."""
        self.stop()
        self.start()


def new_name() -> str:
    """A name for a database that no other one has."""
    return f"memu_{secrets.token_hex(6)}"


def database_of(dsn: str) -> str:
    """The name of the database in an address."""
    return urlsplit(dsn).path.removeprefix("/")


def parts(dsn: str) -> dict[str, Any]:
    """Host, port, user and password of an address."""
    url = urlsplit(dsn)
    known = {
        "host": url.hostname,
        "port": url.port,
        "user": unquote(url.username or ""),
        "password": unquote(url.password or ""),
    }
    return {name: value for name, value in known.items() if value}
