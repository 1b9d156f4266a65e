"""Without a pgvector that is new enough, opening a PostgreSQL store says what to install, and leaves nothing behind."""

import importlib.util
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import pytest
from tests.database.ddl_places import Place

import servers
from memu.errors import SchemaError
from servers.postgres import PostgresRecipe, PostgresServer
from servers.process import Unavailable

ADVICE = (
    r"install pgvector 0\.8 or later on the server \(Debian: postgresql-<version>-pgvector; Docker: "
    r"pgvector/pgvector\), and run CREATE EXTENSION vector in the database"
)


class OldPostgresRecipe(PostgresRecipe):
    """PostgreSQL 16 with pgvector 0.6.2, from the wheel `pgserver`, whose Python is not used."""

    name = "postgres-old"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        found = importlib.util.find_spec("pgserver")
        if found is None or found.origin is None:
            raise Unavailable("the package pgserver is not installed, which has no wheel for every Python")
        self.package = Path(found.origin).parent
        if os.geteuid() == 0:
            self.package = self._copied(self.package)


@pytest.fixture
def old_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[servers.Server]:
    """A server whose pgvector is too old."""
    monkeypatch.setitem(servers.RECIPES, OldPostgresRecipe.name, OldPostgresRecipe)
    monkeypatch.setitem(servers.SERVERS, OldPostgresRecipe.name, PostgresServer)
    with servers.private(OldPostgresRecipe.name) as server:
        yield server


def test_an_old_pgvector_is_told_with_what_to_install(old_server: servers.Server) -> None:
    place = Place("postgres", old_server.create_database())
    with pytest.raises(SchemaError, match=rf"pgvector 0\.6\.2 is too old: {ADVICE} \(or ALTER EXTENSION vector UPDATE"):
        place.make()
    with pytest.raises(SchemaError, match=rf"pgvector 0\.6\.2 is too old: {ADVICE}"):
        place.make(mode="validate")
    with old_server.bare(place.dsn) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


def test_a_server_without_pgvector_is_told_what_to_install() -> None:
    with servers.private("postgres", settings={"extension_control_path": "/nowhere"}) as server:
        dsn = server.create_database()
        with server.bare(dsn) as connection:
            connection.execute("DROP EXTENSION vector")
        place = Place("postgres", dsn)
        with pytest.raises(
            SchemaError, match=rf'"vector" does not exist and cannot be made \(.*is not available.*\): {ADVICE}'
        ):
            place.make()
        with pytest.raises(SchemaError, match=rf'the extension "vector" is missing: {ADVICE}'):
            place.make(mode="validate")
        with server.bare(dsn) as connection:
            assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


@contextmanager
def user_without_rights(server: servers.Server, dsn: str) -> Iterator[str]:
    """The address of a database for a user who may make tables in it, and no extension."""
    name, database = f"plain_{secrets.token_hex(4)}", urlsplit(dsn).path.removeprefix("/")
    server.run(f"CREATE ROLE {name} LOGIN PASSWORD '{servers.PASSWORD}'")
    try:
        with server.bare(dsn) as connection:
            connection.execute("DROP EXTENSION IF EXISTS vector")
            connection.execute(f"GRANT ALL ON SCHEMA public TO {name}")
            connection.execute(f'REVOKE CREATE ON DATABASE "{database}" FROM {name}, PUBLIC')
        url = urlsplit(dsn)
        yield urlunsplit(url._replace(netloc=f"{name}:{quote(servers.PASSWORD)}@{url.hostname}:{url.port}"))
    finally:
        with server.bare(dsn) as connection:
            connection.execute(f"DROP OWNED BY {name}")
        server.run(f"DROP ROLE {name}")


def test_a_user_who_may_not_make_the_extension_is_told_so() -> None:
    server = servers.get("postgres")
    dsn = server.create_database()
    try:
        with user_without_rights(server, dsn) as address:
            place = Place("postgres", address)
            refused = r'"vector" does not exist and cannot be made \(permission denied to create extension "vector".*\)'
            with pytest.raises(SchemaError, match=f"{refused}: {ADVICE}") as caught:
                place.make()
            assert servers.PASSWORD not in str(caught.value)
            with server.bare(dsn) as connection:
                connection.execute("CREATE EXTENSION vector")
            place.make()  # once somebody else made it, the user's own rights are enough
            place.make(mode="validate")
    finally:
        server.drop_database(dsn)
