"""`memu transfer`, as a user calls it."""

from pathlib import Path

import pytest
from tests.database.transfers import OWNERS, fill, open_store

import servers
from memu.scope import Scope

from .conftest import Memu


@pytest.fixture
def server() -> servers.Server:
    return servers.get("postgres")


def test_into_a_new_file_and_again(filled: Memu) -> None:
    first = filled("transfer", "data/memu.db", "moved/memu.db")
    assert (first.code, first.err) == (0, "")
    added = first.out.split()[0]
    assert int(added) > 10
    assert first.out.splitlines()[1] == f"{added} rows of 1 owner were read back: they are the same"
    again = filled("transfer", "data/memu.db", "moved/memu.db", "--json").json
    assert sum(again["added"].values()) == 0
    assert sum(again["present"].values()) == int(added)
    assert sum(one["rows"] for one in again["verified"]) == int(added)
    assert all(len(one["checksum"]) == 64 for one in again["verified"])
    found = filled("retrieve", "Where did I move to?", "--db", "moved/memu.db")
    assert "I moved to Lisbon in March 2024." in found.out
    assert Path("moved/vectors.json").is_file()


def test_to_a_server_and_back_in_a_real_process(filled: Memu, program: Memu, dsn: str) -> None:
    there = program("transfer", "data/memu.db", dsn, "--json")
    assert there.code == 0, there.err
    back = program("transfer", dsn, "back.db", "--json")
    assert back.code == 0, back.err
    assert back.json["verified"] == there.json["verified"]
    assert servers.PASSWORD not in there.out + there.err + back.out + back.err
    assert "I repair old clocks" in filled("items", "--db", "back.db").out


def test_one_owner_only(memu: Memu) -> None:
    source = open_store("sqlite:///all.db")
    fill(source)
    source.close()
    done = memu("transfer", "all.db", "one.db", "--user", "alice", "--json").json
    assert {Scope.of(one["owner"]) for one in done["verified"]} == {OWNERS[0]}
    nobody = memu("transfer", "all.db", "one.db", "--user", "zoe")
    assert nobody.code == 0
    assert "SRC holds no memory of user_id='zoe'" in nobody.err


def test_a_target_that_holds_something_else_is_an_error(filled: Memu) -> None:
    assert filled("transfer", "data/memu.db", "other.db").code == 0
    item = filled("items", "-n", 1, "--json").json["items"][0]["id"]
    copy = open_store("sqlite:///other.db")
    copy.memory_item_repo.update_item(item_id=item, summary="Something else.")
    copy.close()
    done = filled("transfer", "data/memu.db", "other.db", "--json")
    assert done.code == 1
    assert done.json["error"]["type"] == "IntegrityError"
    assert f"another row '{item}' in memory_items" in done.err


SECRET = "postgresql://memu:s3same@127.0.0.1:1/memu"
MISTAKES: dict[str, tuple[list[str], int, str]] = {
    "no target": (["data/memu.db"], 2, "Missing argument 'DST'"),
    "no source": (
        ["gone.db", "new.db"],
        1,
        "there is no database gone.db: `memu memorize` makes one; name another as SRC",
    ),
    "the same": (["data/memu.db", "data/memu.db"], 1, "SRC and DST are the same database: nothing was transferred"),
    "the same by a DSN": (["data/memu.db", "sqlite:///data/../data/memu.db"], 1, "SRC and DST are the same database"),
    "unknown": (["data/memu.db", "foo://u:s3same@x"], 1, "DST names foo://…: expected a file"),
    "in memory": (["data/memu.db", "sqlite://"], 1, "DST is a database in memory, which ends with the command"),
    "a folder": (["data", "new.db"], 1, "data is a folder: SRC names the database file in it"),
    "no server": (["data/memu.db", SECRET], 1, "127.0.0.1:1/memu cannot be reached"),
    "no server to read": ([SECRET, "new.db"], 1, "127.0.0.1:1/memu cannot be reached"),
    "no store": (["note.db", "new.db"], 1, "note.db is not an SQLite database"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_told_and_make_no_target(filled: Memu, folder: Path, case: str) -> None:
    (folder / "note.db").write_text("I keep bees. " * 100)
    arguments, code, message = MISTAKES[case]
    done = filled("transfer", *arguments)
    assert done.code == code
    assert message in done.err
    assert "s3same" not in done.out + done.err
    assert not (folder / "new.db").exists()
