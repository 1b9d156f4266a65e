"""The commands on a database server: they work as on a file, and what they show never holds the password."""

import pytest

import servers
from memu.database.registry import holds_store
from memu.settings import MetadataStoreConfig
from servers import PASSWORD

from .conftest import Memu


@pytest.fixture(params=["postgres", "mariadb", "mongodb"])
def server(request: pytest.FixtureRequest) -> servers.Server:
    return servers.get(request.param)


def test_memorize_retrieve_and_look_over(memu: Memu, dsn: str) -> None:
    told = [
        memu("--db", dsn, *command)
        for command in (
            ("memorize", "--text", "I moved to Lisbon last week."),
            ("retrieve", "Which city did I move to?"),
            ("items",),
            ("doctor",),
            ("migrate",),
            ("migrate", "--json"),
            ("doctor", "--json"),
        )
    ]
    assert [done.code for done in told] == [0] * len(told)
    assert "I moved to Lisbon last week." in told[1].out
    shown = "".join(done.out + done.err for done in told)
    assert PASSWORD not in shown
    assert ":***@127.0.0.1" in shown


@pytest.mark.parametrize(
    "command", [("items",), ("retrieve", "tea?"), ("doctor",), ("describe",), ("transfer", "{}", "x.db")]
)
def test_an_empty_database_is_not_read_and_stays_empty(
    memu: Memu, dsn: str, server: servers.Server, command: tuple[str, ...]
) -> None:
    done = memu("--db", dsn, *(part.format(dsn) for part in command))
    assert done.code == 1
    assert "there is no memory in" in done.err
    assert PASSWORD not in done.err
    assert not holds_store(MetadataStoreConfig(dsn=dsn))


@pytest.mark.parametrize("command", [("backup",), ("restore", "x.db")])
def test_backups_are_the_servers_own(memu: Memu, dsn: str, command: tuple[str, ...]) -> None:
    done = memu("--db", dsn, *command)
    assert done.code == 1
    assert "use the server's own tools" in done.err


def test_a_refused_user_is_named_and_the_password_is_not(memu: Memu, dsn: str) -> None:
    wrong = dsn.replace(PASSWORD, f"{PASSWORD}-wrong")
    done = memu("--db", wrong, "items", "--verbose")
    assert done.code == 1
    assert "refused the user 'memu'" in done.err
    assert PASSWORD not in done.out + done.err
