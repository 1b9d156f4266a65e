"""The example prints what its document promises, without a server and with one, and leaves nothing behind."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import servers
from memorizz import MemoryType, Toolbox
from memorizz.memory_provider.postgresql import PostgreSQLConfig, PostgreSQLProvider
from memorizz.memory_provider.schema import META
from servers.server import Server, database_of

from .places import embed

ROOT = Path(__file__).parents[2]
SEED = ROOT.parent / "shared" / "seeds" / "memorizz-postgresql.md"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
EXPECTED = [
    r"🚀 PostgreSQL Memory Provider Example",
    r"={50}",
    r"📡 Connecting to PostgreSQL\.\.\.",
    r"✅ Connected successfully!",
    r"📝 Example 1: Storing a Persona",
    rf"✅ Stored persona with ID: {UUID}",
    r".*",
    r"🎉 All examples completed successfully!",
]
ALSO = [
    r"✅ Found Marina, with a similarity of 0\.\d\d",
    r"✅ “How much is it for two adults and a child\?” → ticket_price → 37\.5",
    r"✅ 3 messages, the first: “We would like to come on Saturday\.”",
    r"✅ What frightens the child\? “My daughter is afraid of sharks\.” \(0\.\d\d\)",
    r"✅ 0\.\d\d The car park is behind the building\.",
    r"✅ 0\.\d\d The seals are fed at eleven\.",
    r"✅ Plan a visit: hours → price, success",
    r"✅ Guide takes 5 steps at most and has 1 memory",
]
INSTEAD = "💡 No POSTGRES_* variable is set, so no server is asked: an SQLite file is used instead"


def run(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the example from an empty folder, with no variables but these."""
    shutil.copy(ROOT / "examples" / "postgresql_example.py", folder)
    own = {name: value for name, value in os.environ.items() if not name.startswith("POSTGRES_")}
    return subprocess.run(
        [sys.executable, "-W", "error", "postgresql_example.py"],
        cwd=folder,
        env={**own, "PYTHONIOENCODING": "utf-8", "TMPDIR": str(folder), **variables},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def at(server: Server, dsn: str) -> dict[str, str]:
    """The variables that name a database."""
    return {
        "POSTGRES_HOST": server.host,
        "POSTGRES_PORT": str(server.port),
        "POSTGRES_DB": database_of(dsn),
        "POSTGRES_USER": server.user,
        "POSTGRES_PASSWORD": server.password,
    }


def in_order(patterns: list[str], output: str) -> bool:
    """Whether lines are there in their order, whatever stands between them."""
    lines = iter(output.splitlines())
    return all(any(re.fullmatch(pattern, line) for line in lines) for pattern in patterns)


def test_without_a_server_a_file_is_used_and_said_to_be(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert in_order(EXPECTED, done.stdout), done.stdout
    assert in_order(ALSO, done.stdout), done.stdout
    assert INSTEAD in done.stdout.splitlines()
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == ["postgresql_example.py"]


def test_with_a_server_it_leaves_what_others_keep_and_nothing_else(tmp_path: Path) -> None:
    server = servers.get("postgres")
    dsn = server.create_database()
    try:
        with PostgreSQLProvider(PostgreSQLConfig(url=dsn, embedder=lambda text: [*embed(text)] * 24)) as provider:
            Toolbox(provider).register_tool(run, name="mine")
        done = run(tmp_path, **at(server, dsn))
        assert (done.returncode, done.stderr) == (0, "")
        assert in_order(EXPECTED, done.stdout), done.stdout
        assert in_order([ALSO[0], *ALSO[2:]], done.stdout), done.stdout
        assert INSTEAD not in done.stdout
        with PostgreSQLProvider(PostgreSQLConfig(url=dsn)) as provider:
            left = [(kind, one["name"]) for kind in MemoryType for one in provider.list_all(kind)]
            assert left == [(MemoryType.TOOLBOX, "mine")]
            with provider._store.records.reader() as reader:
                assert [row["name"] for row in reader.find(META)] == ["dimension:toolbox"]
    finally:
        server.drop_database(dsn)


def test_a_server_that_is_not_there_is_an_error_in_words(tmp_path: Path) -> None:
    done = run(tmp_path, POSTGRES_PORT="1")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines()[3].startswith("❌ Failed to connect to PostgreSQL: localhost:1/memorizz")
    assert "Connected" not in done.stdout


@pytest.mark.skipif(not SEED.is_file(), reason="the documents are not beside the project here")
def test_the_expected_lines_are_the_documents() -> None:
    text = SEED.read_text(encoding="utf-8")
    lines = text.partition("Expected output:\n```\n")[2].partition("\n```")[0].splitlines()
    assert len(lines) == len(EXPECTED)
    assert all(re.fullmatch(pattern, line) for pattern, line in zip(EXPECTED, lines, strict=True))


# --- the servers that it is for ---------------------------------------------------------------------------------------


def compose(name: str) -> dict[str, object]:
    """The one service of a compose file."""
    found = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    assert list(found["services"]) == ["postgres"]
    assert list(found["volumes"]) == ["postgres_data"]
    service: dict[str, object] = found["services"]["postgres"]
    assert service["image"] == "pgvector/pgvector:pg16"
    assert service["volumes"] == ["postgres_data:/var/lib/postgresql/data"]
    return service


def test_the_compose_file_is_what_a_config_without_arguments_connects_to(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("POSTGRES_")]:
        monkeypatch.delenv(name)
    service, config = compose("docker-compose.yml"), PostgreSQLConfig()
    assert service["environment"] == {
        "POSTGRES_DB": config.database,
        "POSTGRES_USER": config.user,
        "POSTGRES_PASSWORD": config.password,
    }
    assert service["ports"] == [f"127.0.0.1:{config.port}:5432"]
    assert (config.host, config.port, config.database) == ("localhost", 5432, "memorizz")
    assert (config.user, config.password) == ("postgres", "password")


def test_the_compose_file_for_production_takes_its_secrets_from_the_environment() -> None:
    service = compose("docker-compose.prod.yml")
    assert service["environment"] == {
        "POSTGRES_DB": "memorizz",
        "POSTGRES_USER": "${POSTGRES_USER}",
        "POSTGRES_PASSWORD": "${POSTGRES_PASSWORD}",
    }
    assert service["ports"] == ["5432:5432"]
    assert service["restart"] == "always"


@pytest.mark.skipif(not SEED.is_file(), reason="the documents are not beside the project here")
def test_the_compose_file_for_production_is_the_documents() -> None:
    block = SEED.read_text(encoding="utf-8").partition("```yaml\n")[2].partition("```")[0]
    assert (ROOT / "docker-compose.prod.yml").read_text(encoding="utf-8") == block
