"""Databases of real servers and a scripted endpoint, in the place of those that the documentation's pages name."""

import json
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import servers
from llm.scripted import Reply, Scripted, Seen, answer, chat, scripted
from memu.presets import PRESETS
from memu.testing import require
from servers import Server
from servers.postgres import PostgresRecipe
from servers.server import database_of

NAMED = re.compile(
    r"(?P<scheme>postgres(?:ql)?|mysql|mariadb|mongodb)(?P<driver>\+\w+)?://memu:secret@localhost:\d+/(?P<name>\w+)"
)
"""A DSN as the pages write it; each name of a database stands for one that is fresh for the page."""

ARGUMENTS = re.compile(
    r'host="localhost",(?P<gap>\s+)port=5432,\s+database="(?P<name>\w+)",\s+user="postgres",\s+password="password"'
)
VARIABLES = re.compile(
    r"POSTGRES_HOST=localhost POSTGRES_PORT=5432 POSTGRES_DB=(?P<name>\w+) "
    r"POSTGRES_USER=postgres POSTGRES_PASSWORD=password"
)
"""The server of docker-compose.yml, as the page of memorizz names it."""

KINDS = {
    "postgres": "postgres",
    "postgresql": "postgres",
    "mysql": "mariadb",
    "mariadb": "mariadb",
    "mongodb": "mongodb",
}
"""The kind of server that a DSN of each scheme stands for."""

ANSWERS = {
    "Place": {"city": "Lisbon"},
    "Memories": {
        "caption": "Alice tells Bob where she lives.",
        "items": [
            {
                "text": "Alice moved to Lisbon in March 2024.",
                "memory_type": "event",
                "message_ids": [0, 1],
                "categories": ["personal_info"],
                "happened_at": "2024-03-01",
            }
        ],
    },
    "Summaries": {"summaries": [{"category": "personal_info", "summary": "Alice lives in Lisbon."}]},
    "Route": {"needs_memory": True, "query": "Where does the sister who keeps bees live?"},
    "Judgement": {"sufficient": True, "next_query": ""},
    "Choice": {"categories": [], "items": ["i1"], "resources": []},
}
"""What the endpoint of the pages says, by the name of the form."""

PROGRAMS = {"postgres": ("pg_dump", "pg_restore"), "mariadb": ("mysqldump", "mysql"), "mongodb": ()}
"""The programs of a server that the pages call."""


class Databases:
    """What one page's names stand for; a server is started when it is first named.

    Its programs get a script each in `programs`, which says the real address where the page says its own.
    """

    def __init__(self, programs: Path) -> None:
        self.programs = programs
        self._known: dict[tuple[str, str], str] = {}

    def put_in(self, text: str) -> str:
        """A page, or a block of one whose page was here before, with real addresses in it."""
        real = VARIABLES.sub(self._variables, ARGUMENTS.sub(self._arguments, NAMED.sub(self._real, text)))
        for (kind, name), dsn in self._known.items():
            if kind == "mongodb":
                real = real.replace(f'db_name="{name}"', f'db_name="{database_of(dsn)}"')
        for kind in sorted({kind for kind, _ in self._known}):
            self._write_programs(kind)
        return real

    def drop(self) -> None:
        """Remove them all."""
        for (kind, _), dsn in self._known.items():
            servers.get(kind).drop_database(dsn)

    def _real(self, named: re.Match[str]) -> str:
        kind = KINDS[named["scheme"]]
        url = urlsplit(self._database(kind, named["name"]))
        return f"{named['scheme']}{named['driver'] or ''}://{url.netloc}{url.path}"

    def _arguments(self, named: re.Match[str]) -> str:
        server, database = servers.get("postgres"), database_of(self._database("postgres", named["name"]))
        words = {"host": server.host, "port": server.port, "database": database}
        words |= {"user": server.user, "password": server.password}
        return f",{named['gap']}".join(f"{name}={value!r}" for name, value in words.items())

    def _variables(self, named: re.Match[str]) -> str:
        server, database = servers.get("postgres"), database_of(self._database("postgres", named["name"]))
        words = {"HOST": server.host, "PORT": server.port, "DB": database}
        words |= {"USER": server.user, "PASSWORD": server.password}
        return " ".join(f"POSTGRES_{name}={shlex.quote(str(value))}" for name, value in words.items())

    def _database(self, kind: str, name: str) -> str:
        if (kind, name) not in self._known:
            self._known[kind, name] = servers.get(kind).create_database()
        return self._known[kind, name]

    def _write_programs(self, kind: str) -> None:
        self.programs.mkdir(exist_ok=True)
        for program in PROGRAMS[kind]:
            script = self.programs / program
            script.write_text(f"#!/bin/bash\n{self._script(kind, servers.get(kind), program)}\n", encoding="utf-8")
            script.chmod(0o755)

    def _script(self, kind: str, server: Server, program: str) -> str:
        if kind == "postgres":
            return f'exec {shlex.join(_beside(server, "pg_dump", program))} "$@"'
        words = {name: database_of(dsn) for (other, name), dsn in self._known.items() if other == kind}
        words |= {"--host=localhost": f"--host={server.host}", "--user=memu": f"--user={server.user}"}
        cases = "\n".join(f"    {word}) word={shlex.quote(real)} ;;" for word, real in words.items())
        call = shlex.join([*_beside(server, "mysqldump", program), "--no-defaults", f"--port={server.port}"])
        return (
            f'words=()\nfor word; do\n  case "$word" in\n{cases}\n  esac\n  words+=("$word")\ndone\n'
            f"export MYSQL_PWD={shlex.quote(server.password)}\n"
            f'exec {call} --protocol=tcp "${{words[@]}}"'
        )


def _beside(server: Server, known: str, program: str) -> list[str]:
    """The command of a program that comes with a server; skips where there is none."""
    if program in server.tools:
        return server.tools[program]
    if known not in server.tools:
        require(server.name, f"{server!r} comes without {program}")
    *before, path = server.tools[known]
    return [*before, str(Path(path).with_name(program))]


@contextmanager
def endpoint(patch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    """A scripted endpoint in the place of all that are known by name; it answers each form that the pages ask for."""

    def answer_of_the_page(seen: Seen) -> Reply:
        if not seen.path.endswith("/chat/completions"):
            return answer(seen)
        return chat(json.dumps(ANSWERS[seen.json["response_format"]["json_schema"]["name"]]))

    with scripted() as running:
        running.otherwise = answer_of_the_page
        for name, preset in PRESETS.items():
            patch.setitem(PRESETS, name, replace(preset, base_url=running.url))
        yield running


class _Standby(PostgresRecipe):
    """A server whose data are those of another one, which it follows."""

    def __init__(self, folder: Path, *, primary: Server) -> None:
        super().__init__(folder)
        self.primary = primary

    def new_data(self, data: Path) -> None:
        """A copy of the primary's data, taken while it runs."""
        options = ["--write-recovery-conf", "--checkpoint=fast", "--no-sync", f"--pgdata={self.new_folder(data)}"]
        self.execute(
            self.program("pg_basebackup"), f"--dbname={self.primary.dsn(self.primary.home)}", *options, own=True
        )


@contextmanager
def standby(primary: Server) -> Iterator[Server]:
    """A hot standby of a PostgreSQL server of the test's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(servers.RECIPES, "postgres", partial(_Standby, primary=primary))
        with servers.private("postgres") as server:
            yield server
