"""Every command, as a user calls it, with the mistakes that people make."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.database.embedders import HashingEmbedder

from memu import MemoryService
from memu.database.reembed import reembed

from .conftest import EXAMPLES, Memu


def first_id(memu: Memu, *options: str) -> str:
    return str(memu("items", "-n", 1, "--json", *options).json["items"][0]["id"])


# --- memorize ------------------------------------------------------------------------------------------------------


def test_files_folders_patterns_and_a_bad_one_among_them(memu: Memu, folder: Path) -> None:
    notes = folder / "notes"
    (notes / "deep" / ".hidden").mkdir(parents=True)
    (notes / "a.md").write_text("# Bees\n\nI keep bees in the garden.\n")
    (notes / "deep" / "b.txt").write_text("I repair old clocks.")
    (notes / "deep" / ".hidden" / "c.txt").write_text("I am hidden.")
    (notes / "picture.png").write_bytes(b"\x89PNG")
    (folder / "bad.pdf").write_bytes(b"PDF")
    (folder / "torn.json").write_text('[{"content": ')
    done = memu(
        "memorize", "notes", "notes/*.md", "bad.pdf", "gone.md", "torn.json", "no*.md", "--modality", "document"
    )
    assert done.code == 1
    lines = done.out.splitlines()
    assert [line.split()[0] for line in lines] == ["created", "created", "created", "6"]
    assert lines[-1].startswith("6 sources: 3 created, 3 failed; ")
    assert "memu: bad.pdf: this is no PDF" in done.err
    assert "memu: there is no file gone.md" in done.err
    assert "no file matches no*.md" in done.err
    again = memu("memorize", "notes")
    assert again.code == 0
    assert "2 unchanged; 0 items added" in again.out


def test_the_stores_own_files_are_not_memorized(memu: Memu, folder: Path) -> None:
    data = folder / "data"
    data.mkdir()
    (data / "note.txt").write_text("I keep bees.")
    assert memu("memorize", "data").code == 0
    assert memu("backup").code == 0
    done = memu("memorize", ".", "--json")
    assert [one["source"] for one in done.json["sources"]] == ["data/note.txt"]


@pytest.mark.parametrize("spelled", ["..", "../../linked", "../../link to a file"])
def test_nor_are_they_however_their_folder_is_spelled(
    memu: Memu, folder: Path, monkeypatch: pytest.MonkeyPatch, spelled: str
) -> None:
    store = folder / "data"
    (store / "sub").mkdir(parents=True)
    (store / "note.txt").write_text("I keep bees.")
    (folder / "linked").symlink_to(store)
    (folder / "link to a file").mkdir()
    (folder / "link to a file" / "bees.txt").write_text("I keep bees.")
    (folder / "link to a file" / "vectors.json").symlink_to("../data/vectors.json")
    monkeypatch.chdir(store / "sub")
    db = store / "memu.db"
    assert memu("--db", db, "memorize", "../note.txt").code == 0
    done = memu("--db", db, "memorize", spelled, "--json")
    assert [Path(one["source"]).name for one in done.json["sources"]] in (["note.txt"], ["bees.txt"])
    assert "vectors.json" not in str(done.json["left"])


def test_text_standard_input_and_metadata(memu: Memu) -> None:
    said = memu("memorize", "--text", "I keep bees.", "-t", "I sell honey.", "--metadata", "year=2024", "--json").json
    assert [one["status"] for one in said["sources"]] == ["created", "created"]
    assert said["items_added"] == 2
    conversation = json.dumps([{"name": "Ana", "content": "I work as a nurse."}])
    talk = memu("memorize", "-", "--json", "--metadata", 'year="2024"', stdin=conversation).json["sources"][0]
    assert talk["resource"]["modality"] == "conversation"
    assert talk["items"][0]["speaker"] == "Ana"
    by_number = memu("items", "--where", "metadata.year=2024", "--json").json["items"]
    assert sorted(one["summary"] for one in by_number) == ["I keep bees.", "I sell honey."]
    by_text = memu("items", "--where", 'metadata.year="2024"', "--json").json["items"]
    assert [one["speaker"] for one in by_text] == ["Ana"]
    assert memu("memorize", "-", stdin=b"\xff\xfe\x00").err == (
        "memu: standard input is not UTF-8 text (byte 0): convert it first.\n"
    )
    assert memu("memorize", "-", stdin="").code == 1
    for words in ("[Maya's note] I keep bees on the roof.", '{"name": "a card", "note": "no conversation"}'):
        plain = memu("memorize", "-", "--json", stdin=words).json["sources"][0]
        assert plain["resource"]["modality"] == "text"


MISTAKES: dict[str, tuple[list[str], int, str]] = {
    "nothing": (["memorize"], 2, "name files or folders, - for standard input, or words with --text"),
    "words": (["memorize", "I", "like", "tea"], 1, 'memu memorize --text "I like tea"'),
    "a sentence": (["memorize", "I like tea"], 1, 'memu memorize --text "I like tea"'),
    "metadata": (["memorize", "--text", "I like tea", "--metadata", "year"], 2, "'year': expected key=value"),
    "modality": (["memorize", "--text", "I like tea", "--modality", "song"], 1, "unknown modality 'song'"),
    "ftp": (["memorize", "ftp://example.com/a"], 1, "not read: expected http, https"),
    "empty folder": (["memorize", "empty"], 1, "empty holds no file that can be read"),
    "no store": (["retrieve", "tea", "--db", "none.db"], 1, "there is no database none.db: `memu memorize` makes one"),
    "folder as store": (["items", "--db", "empty"], 1, "empty is a folder: --db names the database file"),
    "not a store": (["items", "--db", "note.txt"], 1, "note.txt is not an SQLite database"),
    "server": (["items", "--db", "foo://x"], 1, "--db names foo://…: expected a file"),
    "password": (["items", "--db", "postgresql://u:secret@localhost:1/x"], 1, "localhost:1/x cannot be reached"),
    "no question": (["retrieve"], 2, "Missing argument"),
    "empty question": (["retrieve", " "], 1, "the question is empty"),
    "filter": (["retrieve", "tea", "--where", "foo=1"], 1, "Unknown filter field 'foo': expected one of"),
    "operator": (["items", "--where", "speaker__like=A"], 1, "unknown operator 'like'"),
    "no value": (["items", "--where", "speaker"], 2, "'speaker': expected key=value"),
    "date": (["items", "--where", "said_at__gte=soon"], 1, "'soon' is not an ISO date"),
    "owner as filter": (["items", "--where", "user_id=bob"], 2, "said with --user and --agent"),
    "top-k": (["retrieve", "tea", "--top-k", "0"], 2, "Invalid value for '--top-k'"),
    "context and top-k": (["retrieve", "tea", "-k", "3", "--context", "100"], 2, "takes neither --top-k"),
    "cursor": (["items", "--cursor", "x"], 1, "the cursor is not one that a list call returned"),
    "no user": (["items", "--user", ""], 1, "user_id has 0 characters"),
    "export nowhere": (["export", "note.txt/deep/x.jsonl"], 1, "note.txt/deep cannot be made"),
    "user": (["items", "--user", " bob"], 1, "begins or ends with white space"),
    "id": (["show", "nothing"], 1, "there is no item or resource 'nothing'"),
    "forget nothing": (["forget"], 2, "name ids to forget, or --everything"),
    "forget both": (["forget", "abcd", "--everything"], 2, "one of them"),
    "forget unasked": (["forget", "--everything"], 1, "There is no terminal to ask on: repeat it with --yes"),
    "import nothing": (["import", "gone.jsonl"], 1, "there is no file gone.jsonl: nothing was imported"),
    "import another file": (["import", "note.txt"], 1, "this is not an export of memu"),
    "import a folder": (["import", "empty"], 1, "empty is a folder"),
    "export over a file": (["export", "note.txt"], 1, "is there already: choose another name"),
    "export twice to stdout": (["export", "-", "--json"], 2, "would both write to stdout"),
    "restore nothing": (["restore"], 2, "name a backup, or --latest. There are: none in"),
    "restore the newest": (["restore", "--latest", "--yes"], 1, "there is no backup of"),
    "restore a text": (["restore", "note.txt", "--yes"], 1, "is not a sound SQLite database"),
    "command": (["remember"], 2, "No such command 'remember'"),
    "option": (["items", "--users", "x"], 2, "No such option"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_clear_line_and_changes_nothing(filled: Memu, folder: Path, case: str) -> None:
    (folder / "empty").mkdir()
    (folder / "note.txt").write_text("I am no database, and I am long enough to be taken for one." * 20)
    before = filled("export", "-").out
    arguments, code, words = MISTAKES[case]
    done = filled(*arguments)
    assert done.code == code
    assert words in " ".join(done.err.split())
    assert "Traceback" not in done.err
    assert "secret" not in done.err
    if code == 1:
        assert len(done.err.splitlines()) == 1
        assert done.err.startswith("memu: ")
    assert filled("export", "-").out == before
    assert not (folder / "none.db").exists()


def test_errors_are_json_when_json_is_wanted(filled: Memu) -> None:
    done = filled("show", "nothing", "--json")
    assert done.code == 1
    assert done.json["error"]["type"] == "NotFoundError"
    assert done.json["error"]["message"] in done.err


def test_a_fault_of_the_program_is_one_line_too_and_shows_itself_on_demand(
    filled: Memu, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MemoryService, "describe", lambda self: 1 / 0)
    done = filled("describe")
    assert (done.code, done.err) == (
        1,
        "memu: unexpected ZeroDivisionError: division by zero (--verbose shows where)\n",
    )
    assert "Traceback" in filled("describe", "--verbose").err


# --- what changed ----------------------------------------------------------------------------------------------------


def test_history_and_undo(memu: Memu) -> None:
    memu("memorize", "--text", "I live in Berlin.")
    done = memu("memorize", "--text", "I live in Porto now.")
    assert "1 hold no longer because of it; to take it back: memu undo " in done.out
    operation = done.out.split("memu undo ")[1].split()[0]
    assert [one["summary"] for one in memu("items", "--json").json["items"]] == ["I live in Porto now."]
    assert memu("retrieve", "Where do I live?", "--as-of", "2000-01-01", "--json").json["items"] == []
    new = first_id(memu)
    assert "took the place of" in memu("history", new[:8]).out
    old = memu("history", new, "--json").json["superseded"][0]["id"]
    told = memu("history", old).out
    assert "supersede, it was: I live in Berlin." in told
    assert f"its place was taken by {new}" in told
    undone = memu("undo", operation)
    assert undone.out.startswith("memorize is undone: 1 items are gone, 1 as they were\nto have it again: memu undo ")
    assert [one["summary"] for one in memu("items", "--json").json["items"]] == ["I live in Berlin."]
    assert (memu("undo", operation).code, memu("undo", "x" * 300).code) == (1, 1)
    assert memu("history", memu("memorize", "--text", "Tea.", "--json").json["sources"][0]["resource"]["id"]).code == 1


# --- retrieve and look ---------------------------------------------------------------------------------------------


def test_retrieve(filled: Memu) -> None:
    done = filled("retrieve", "what", "are", "my", "cats", "called", "-k", 2)
    assert done.code == 0
    assert "I keep two cats called Miso and Udon." in done.out.splitlines()[0]
    answer = filled("retrieve", "cats", "--json").json
    assert answer["items"][0]["summary"].startswith("I keep two cats")
    assert answer["signals"]["dense"]
    assert filled("retrieve", "cats", "--where", "metadata.source=notes", "--json").json["items"]
    assert not filled("retrieve", "cats", "--where", "metadata.source__ne=notes", "--json").json["items"]
    two = filled("retrieve", "cats", "--where", "memory_type__in=profile,event", "--json").json["items"]
    assert {one["memory_type"] for one in two} <= {"profile", "event"}
    context = filled("retrieve", "cats", "--context", 100)
    assert "- " in context.out
    assert "Miso" in context.out


def test_nothing_found_has_an_exit_code_of_its_own(filled: Memu) -> None:
    for extra in ([], ["--json"], ["--context", "100"]):
        done = filled("retrieve", "cats", "--user", "nobody", *extra)
        assert done.code == 3
        assert done.err == "memu: nothing was found.\n"
        if extra == ["--json"]:
            assert done.json["items"] == []


def test_items_page_by_page(filled: Memu) -> None:
    first = filled("items", "-n", 2, "--json").json
    rest = filled("items", "--cursor", first["next_cursor"], "--json").json
    whole = filled("items", "-n", 0, "--json").json["items"]
    assert first["items"] + rest["items"] == whole
    assert len(whole) == 3
    shown = filled("items", "-n", 2)
    assert len(shown.out.splitlines()) == 4
    assert first["next_cursor"] in shown.err


def test_categories_with_their_number_of_items(filled: Memu) -> None:
    found = {one["name"]: one["items"] for one in filled("categories", "--json").json["categories"]}
    links = sum(len(one["categories"]) for one in filled("items", "--json").json["items"])
    assert sum(found.values()) == links > 0
    assert "personal_info" in filled("categories").out
    assert filled("categories", "--user", "bob").out == "no category yet: `memu memorize` makes them\n"


def test_show_an_item_with_its_words_and_its_history(filled: Memu) -> None:
    name = first_id(filled)
    with MemoryService(database_config={"provider": "sqlite", "sqlite_path": "data/memu.db"}) as memory:
        memory.sync.update_memory_item(memory_id=name, memory_content="I moved to Porto in March 2024.")
    value = filled("show", name[:8], "--json").json
    assert value["item"]["summary"] == "I moved to Porto in March 2024."
    assert value["source_text"] == "I moved to Lisbon in March 2024."
    assert value["history"][0]["before"]["summary"] == "I moved to Lisbon in March 2024."
    text = filled("show", name).out
    assert "its words: I moved to Lisbon" in text
    assert "update, it was: I moved to Lisbon" in text


def test_show_the_verbatim_text_of_a_resource_by_id_or_path(filled: Memu, folder: Path) -> None:
    words = "# Bees\n\nI keep  bees.\n\n\nI sell \t honey.\n"
    (folder / "bees.md").write_text(words)
    made = filled("memorize", "bees.md", "--json").json["sources"][0]["resource"]
    assert filled("show", made["id"]).out == words
    assert filled("show", made["url"]).out == words
    value = filled("show", made["id"][:6], "--json").json
    assert value["text"] == words
    assert value["messages"][0]["text"] in words


def test_an_id_that_is_not_clear_is_asked_for_again(filled: Memu) -> None:
    with MemoryService(database_config={"provider": "sqlite", "sqlite_path": "data/memu.db"}) as memory:
        for ending in ("a", "b"):
            memory.database.memory_item_repo.create_item(memory_type="profile", summary="x", id=f"same-{ending}")
    done = filled("show", "same")
    assert done.code == 1
    assert "several ids begin with 'same' (same-a, same-b)" in done.err


def test_what_was_memorized_cannot_command_the_terminal(memu: Memu) -> None:
    memu("memorize", "--text", "I like \x1b[31mred\x1b[0m paint very much.")
    for command in (["items"], ["retrieve", "paint"], ["categories"]):
        out = memu(*command).out
        assert "red" in out
        assert "\x1b" not in out


# --- forget, export, import, backup ----------------------------------------------------------------------------------


def test_forget_an_item_a_file_and_everything(filled: Memu, folder: Path) -> None:
    name = first_id(filled)
    done = filled("forget", name[:8], "--yes")
    assert (done.code, done.out) == (0, f"forgot item {name[:8]}\n")
    assert filled("show", name).code == 1
    (folder / "bees.md").write_text("# Bees\n\nI keep bees.\n\nI sell honey.\n")
    filled("memorize", "bees.md")
    done = filled("forget", "bees.md", "--yes", "--json")
    assert done.json["forgotten"][0]["items"] == 2
    filled("backup")
    filled("memorize", "--text", "I am Bob.", "--user", "bob")
    done = filled("forget", "--everything", "--yes")
    assert done.out.startswith("forgot 2 items, 3 resources and 0 files of user_id='default'")
    assert "earlier backups still hold what they held:" in done.out
    assert filled("items", "--json").json["items"] == []
    assert len(filled("items", "--json", "--user", "bob").json["items"]) == 1


def test_export_and_import(filled: Memu, folder: Path) -> None:
    filled("memorize", "--text", "I am Bob.", "--user", "bob")
    done = filled("export", "mine.jsonl")
    assert "rows of user_id='default', agent_id='default' were written to mine.jsonl" in done.out
    assert filled("export", "-").out == (folder / "mine.jsonl").read_text()
    assert filled("export", "mine.jsonl", "--force", "--json").json["rows"]["memory_items"] == 3
    assert "nobody" in filled("export", "nothing.jsonl", "--user", "nobody").err
    assert filled("import", "mine.jsonl").out.startswith("0 rows were added, ")
    assert filled("import", "mine.jsonl", "--user", "carol", "--json").json["added"]["memory_items"] == 3
    whole = filled("export", "-", "--all").out
    assert filled("import", "-", "--db", "other/memu.db", stdin=whole).code == 0
    assert filled("export", "-", "--all", "--db", "other/memu.db").out == whole
    done = filled("import", "-", "--user", "dave", stdin=whole)
    assert done.code == 1
    assert "several owners" in done.err


def test_backup_and_restore(filled: Memu, folder: Path) -> None:
    written = filled("backup", "--json").json["files"]
    assert [Path(one).suffix for one in written] == [".db", ".json"]
    before = filled("export", "-").out
    filled("forget", "--everything", "--yes")
    refused = filled("restore", "--latest")
    assert refused.code == 1
    assert "Stop every other program that uses it first" in refused.err
    done = filled("restore", written[0], "--yes")
    assert done.code == 0
    assert "what was there is kept as" in done.out
    assert filled("export", "-").out == before
    assert filled("retrieve", "cats").code == 0
    assert filled("backup", folder / "far" / "away").code == 0
    assert len(list((folder / "far" / "away").glob("memu-*.db"))) == 1
    assert filled("migrate").out == "./data/memu.db is up to date\n"


# --- care ----------------------------------------------------------------------------------------------------------


def test_doctor(filled: Memu, folder: Path) -> None:
    done = filled("doctor")
    assert done.code == 0
    assert "3 memory_items" in done.out.splitlines()[0]
    value = filled("doctor", "--json").json
    assert value["sound"]
    assert {one["level"] for one in value["findings"]} == {"ok"}
    stray = folder / "data" / ".memu.db.1.tmp"
    stray.write_text("left behind")
    assert "memu doctor --sweep" in filled("doctor").out
    assert filled("doctor", "--sweep").code == 0
    assert not stray.exists()
    (folder / "damaged.db").write_bytes(b"x" * 8192)
    broken = filled("doctor", "--db", "damaged.db")
    assert broken.code == 1
    assert "ERROR  " in broken.out
    assert "memu restore" in broken.out


def test_doctor_says_when_the_weights_are_damaged(filled: Memu, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "weights").mkdir()
    for name in ("model.safetensors", "tokenizer.json"):
        (folder / "weights" / name).write_bytes(b"not the weights")
    monkeypatch.setenv("MEMU_MODEL_DIR", str(folder / "weights"))
    done = filled("doctor")
    assert done.code == 1
    assert "is damaged or of another model" in done.out
    done = filled("reembed")
    assert done.code == 1
    assert "is damaged or of another model" in done.err


def test_reembed_brings_a_store_of_another_embedder_here(filled: Memu) -> None:
    assert filled("reembed").out.startswith("0 vectors were made; the store's embedder is all-MiniLM-L6-v2")
    from memu.database.factory import build_database
    from memu.settings import DatabaseConfig

    database = build_database(config=DatabaseConfig(provider="sqlite", sqlite_path="data/memu.db"))
    reembed(database.handle, HashingEmbedder())
    database.close()
    refused = filled("retrieve", "cats")
    assert refused.code == 1
    assert "memu reembed" in refused.err
    value: Any = filled("reembed", "--json").json
    assert value["before"]["name"] == "hashing-64"
    assert value["after"]["name"] == "all-MiniLM-L6-v2"
    assert filled("retrieve", "cats").code == 0
    assert filled("reembed", "--everything", "--json").json["made"] == value["made"]


def test_describe_and_version(filled: Memu) -> None:
    assert "all-MiniLM-L6-v2" in filled("describe").out
    assert filled("describe", "--json").json["scope"] == {"user_id": "default", "agent_id": "default"}
    assert filled("version").out.startswith("memu ")
    assert set(filled("version", "--json").json) == {"memu", "python"}


# --- options -------------------------------------------------------------------------------------------------------


def test_shared_options_stand_anywhere_and_come_from_the_environment(
    filled: Memu, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = filled("--json", "items").json
    for arguments in (
        ["items", "--json"],
        ["items", "--db=data/memu.db", "--json"],
        ["--db", "data/memu.db", "items", "--json"],
    ):
        assert filled(*arguments).json == expected
    monkeypatch.setenv("MEMU_USER", "bob")
    assert filled("items", "--json").json["items"] == []
    assert filled("items", "--json", "--user", "default").json == expected
    monkeypatch.setenv("MEMU_DB", "elsewhere.db")
    assert "elsewhere.db" in filled("items").err
    assert filled("items", "--", "--json").code == 2  # what follows -- is no option


def test_a_dsn_keeps_no_mirror(memu: Memu, folder: Path) -> None:
    assert memu("memorize", "--text", "I keep bees.", "--db", "sqlite:///by/name.db").code == 0
    assert sorted(path.name for path in (folder / "by").iterdir()) == ["name.db"]
    assert memu("backup", "--db", "sqlite:///by/name.db", "--json").json["files"][0].endswith(".db")
    assert memu("doctor", "--db", "sqlite:///by/name.db").code == 0


def test_the_examples_of_the_project(memu: Memu) -> None:
    done = memu("memorize", EXAMPLES / "conversation.json", "--json")
    assert done.code == 0
    assert done.json["sources"][0]["resource"]["modality"] == "conversation"
