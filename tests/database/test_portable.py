"""Export and import: nothing is lost, nothing is doubled, and no file can do more than its owner could."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memu.app import MemoryService
from memu.backends.schema import CATEGORIES, HISTORY, ITEMS, LINKS, RESOURCES, TEXTS
from memu.database import portable
from memu.database.core import Database
from memu.database.factory import build_database
from memu.database.portable import export_file, export_memory, import_file, import_memory
from memu.database.rows import item_defaults
from memu.database.vectors import Recorded
from memu.errors import EmbedderMismatch, InputError, IntegrityError, MemuError, ScopeError, SourceInvalid
from memu.scope import Scope
from memu.settings import DatabaseConfig
from memu.sources.hashing import digest

ALICE, BOB = Scope.of({"user_id": "alice"}), Scope.of({"user_id": "bob", "agent_id": "bot"})
MODEL = Recorded("test-3", 3, normalized=True)
TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2900, 1, 1), timezones=st.just(UTC))
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1).filter(str.strip)
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
LEAVES = st.none() | st.booleans() | NUMBERS | WORDS
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3), max_leaves=6)
OBJECTS = st.dictionaries(
    WORDS, st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3), max_leaves=6), max_size=3
)
VECTORS = st.none() | st.lists(st.floats(-1e15, 1e15, allow_nan=False), min_size=3, max_size=3).filter(any)


def store() -> Database:
    return build_database(config=DatabaseConfig())


def exported(database: Database) -> bytes:
    file = io.BytesIO()
    export_memory(database, file)
    return file.getvalue()


@st.composite
def contents(draw: st.DrawFn) -> list[tuple[str, list[dict[str, Any]]]]:
    """Rows of every table that refer to each other, as a store of one owner may hold them."""
    ids = iter(f"{draw(st.integers(0, 9))}-{number}" for number in range(1000))

    def times() -> dict[str, Any]:
        return {"created_at": draw(TIMES), "updated_at": draw(TIMES)}

    def some(make: Callable[[], dict[str, Any]], most: int) -> list[dict[str, Any]]:
        return [make() for _ in range(draw(st.integers(0, most)))]

    def resource() -> dict[str, Any]:
        one = next(ids)
        url = f"{draw(WORDS)}{one}"[:2000]
        return {
            "id": one, "url": url, "url_hash": digest(url), "version": draw(st.integers(1, 9)), "modality": "text",
            "local_path": draw(st.just("") | WORDS), "caption": draw(st.none() | WORDS), "embedding": draw(VECTORS),
            "content_hash": draw(st.none() | st.just(digest(url))), "superseded_by": None,
            "metadata": draw(OBJECTS), "extra": draw(OBJECTS), **times(),
        }  # fmt: skip

    resources = some(resource, 3)

    def text(of: dict[str, Any]) -> dict[str, Any]:
        words = draw(WORDS)
        message = {"id": "1", "start": 0, "end": len(words), "hash": digest(words), "speaker": draw(st.none() | WORDS)}
        return {"id": of["id"], "text": words, "messages": [message]}

    def item() -> dict[str, Any]:
        return {
            **item_defaults(), "id": next(ids), "memory_type": draw(st.sampled_from(["profile", "skill"])),
            "summary": draw(WORDS), "embedding": draw(VECTORS), "happened_at": draw(st.none() | TIMES),
            "resource_id": draw(st.sampled_from([None, *(one["id"] for one in resources)])),
            "message_ids": draw(st.lists(WORDS, max_size=2)), "source_start": draw(st.none() | st.integers(0, 2**40)),
            "valid_to": draw(st.none() | TIMES), "metadata": draw(OBJECTS), "extra": draw(OBJECTS), **times(),
        }  # fmt: skip

    items = some(item, 4)

    def category() -> dict[str, Any]:
        one = next(ids)
        return {
            "id": one, "name": f"{draw(WORDS)[:200]}{one}", "description": draw(st.just("") | WORDS),
            "embedding": draw(VECTORS), "summary": draw(st.none() | WORDS), "stale": draw(st.booleans()),
            "extra": draw(OBJECTS.filter(lambda value: "sentences" not in value)), **times(),
        }  # fmt: skip

    categories = some(category, 2)
    links = [
        {"id": next(ids), "item_id": one["id"], "category_id": other["id"], **times()}
        for one in items for other in categories if draw(st.booleans())
    ]  # fmt: skip
    history = [
        {"id": next(ids), "item_id": one["id"], "event": "update", "before": draw(OBJECTS), "created_at": draw(TIMES)}
        for one in items if draw(st.booleans())
    ]  # fmt: skip
    texts = [text(one) for one in resources if draw(st.booleans())]
    return [(RESOURCES, resources), (TEXTS, texts), (ITEMS, items), (CATEGORIES, categories), (LINKS, links),
            (HISTORY, history)]  # fmt: skip


def fill(database: Database, scope: Scope, rows: list[tuple[str, list[dict[str, Any]]]]) -> None:
    vectors = any(row.get("embedding") for _, given_rows in rows for row in given_rows)
    with database.handle.writer(scope, MODEL if vectors else None) as writer:
        for table, given_rows in rows:
            for row in given_rows:
                writer.put(table, [row])


@settings(max_examples=60, deadline=None)
@given(contents(), contents(), st.integers(1, 4))
def test_a_store_comes_back_equal_byte_for_byte(first: Any, second: Any, page: int) -> None:
    source, target = store(), store()
    before = portable.PAGE
    portable.PAGE = page
    try:
        fill(source, ALICE, first)
        fill(source, BOB, second)
        whole = exported(source)
        added = import_memory(target, io.BytesIO(whole))
        assert exported(target) == whole
        assert sum(added.added.values()) == sum(len(rows) for one in (first, second) for _, rows in one)
        again = import_memory(target, io.BytesIO(whole))
        assert sum(again.added.values()) == 0
        assert again.present == added.added
        assert exported(target) == whole
        only = exported(source.bound(ALICE))
        assert len(only.splitlines()) == 2 + sum(len(rows) for _, rows in first)
    finally:
        portable.PAGE = before
        source.close()
        target.close()


@pytest.fixture(scope="module")
def alice() -> bytes:
    """Alice's memory, made by the service: a conversation that went on, an edited item, a document."""
    with MemoryService(user_id="alice") as memory:
        said = ("I moved to Lisbon in March.", "My sister Ana works as a nurse.")
        memory.sync.memorize(
            [
                {"id": str(day), "name": "Alice", "content": words, "created_at": f"2024-05-0{day}T10:00:00Z"}
                for day, words in enumerate(said, 1)
            ]
        )
        memory.sync.memorize("I keep bees in the garden behind the house.", metadata={"project": "bees", "year": 2024})
        item = memory.sync.list_memory_items()["items"][0]
        memory.sync.update_memory_item(memory_id=item["id"], memory_content="I moved to Porto in March.")
        return exported(memory.db)


def test_an_imported_memory_answers_as_the_first_one_did(alice: bytes, tmp_path: Path) -> None:
    config = {"provider": "sqlite", "sqlite_path": str(tmp_path / "memu.db")}
    blobs = {"resources_dir": tmp_path / "r"}
    with MemoryService(user_id="alice", database_config=config, blob_config=blobs) as memory:
        import_memory(memory.db, io.BytesIO(alice))
        found = memory.sync.retrieve("Where did Alice move to?", where={"category__ne": "nothing"})
        assert found["items"][0]["summary"] == "I moved to Porto in March."
        assert found["items"][0]["categories"]
        assert found["signals"]["dense"]
        assert memory.sync.memorize("I keep bees in the garden behind the house.")["status"] == "unchanged"
        history = memory.db.memory_item_repo.history(found["items"][0]["id"])
        assert [one["before"]["summary"] for one in history] == ["I moved to Lisbon in March."]


def test_an_index_that_is_in_use_sees_what_was_imported(alice: bytes) -> None:
    with MemoryService(user_id="alice") as memory:
        assert memory.sync.retrieve("bees")["items"] == []
        import_memory(memory.db, io.BytesIO(alice))
        category = memory.sync.retrieve("bees")["items"][0]["categories"][0]
        assert memory.sync.retrieve("bees", where={"category": category})["items"]


def test_another_owner_is_named_by_the_caller_and_then_holds_no_word_of_the_first(alice: bytes) -> None:
    with MemoryService() as memory:
        import_memory(memory.db, io.BytesIO(alice), into={"user_id": "carol"})
        assert memory.sync.list_memory_items({"user_id": "alice"})["items"] == []
        assert len(memory.sync.list_memory_items({"user_id": "carol"})["items"]) == 3
        carol = Scope.of({"user_id": "carol"})
        text = exported(memory.db.bound(carol)).decode()
        assert '"alice"' not in text
        assert '"carol"' in text


def test_a_copy_of_a_file_stays_its_owners(tmp_path: Path) -> None:
    source = store()
    path = f"/data/resources/{'a' * 32}/{'0' * 64}.txt"
    source.bound(ALICE).resource_repo.create_resource(url="a", modality="text", local_path=path)
    source.bound(ALICE).resource_repo.create_resource(url="b", modality="text", local_path="/home/alice/b.txt")
    target = store()
    import_memory(target, io.BytesIO(exported(source.bound(ALICE))), into={"user_id": "bob"})
    assert sorted(one.local_path for one in target.resources.values()) == ["", "/home/alice/b.txt"]
    source.close()
    target.close()


def test_a_bound_handle_takes_no_other_owners_memory_by_accident(alice: bytes) -> None:
    with MemoryService(user_id="bob") as memory:
        with pytest.raises(ScopeError, match="holds the memory of user_id='alice'"):
            import_memory(memory.db, io.BytesIO(alice))
        with pytest.raises(ScopeError, match="cannot touch user_id='alice'"):
            import_memory(memory.db, io.BytesIO(alice), into={"user_id": "alice"})
        assert memory.sync.list_memory_items()["items"] == []
        import_memory(memory.db, io.BytesIO(alice), into={"user_id": "bob"})
        assert len(memory.sync.list_memory_items()["items"]) == 3


def test_several_owners_cannot_be_made_one() -> None:
    source = store()
    with pytest.raises(InputError, match="several owners"):
        import_memory(source, io.BytesIO(exported(source)), into={"user_id": "bob"})
    source.close()


def line_of(lines: list[bytes], table: str) -> int:
    return next(number for number, line in enumerate(lines) if json.loads(line).get("table") == table)


def changed(export: bytes, table: str, **values: Any) -> bytes:
    """The export with some columns of a table's first row set to something else; `...` takes a column out."""
    lines = export.splitlines(keepends=True)
    number = line_of(lines, table)
    value = json.loads(lines[number])
    value["row"] = {name: one for name, one in {**value["row"], **values}.items() if one is not ...}
    lines[number] = json.dumps(value).encode() + b"\n"
    return b"".join(lines)


def header(export: bytes, **values: Any) -> bytes:
    first, _, rest = export.partition(b"\n")
    return json.dumps({**json.loads(first), **values}).encode() + b"\n" + rest


HOSTILE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "not an export": (lambda e: b'{"hello": "world"}\n', "not an export of memu"),
    "empty": (lambda e: b"", "not an export of memu"),
    "a database": (lambda e: b"SQLite format 3\x00" + bytes(100), "not an export of memu"),
    "newer": (lambda e: header(e, version=2), "newer version of memu"),
    "torn line": (lambda e: e[: len(e) // 2], "cut off"),
    "torn end": (lambda e: e[:-3], "cut off"),
    "no end": (lambda e: e[: e.rindex(b"\n", 0, -1) + 1], "the end of the export is missing"),
    "a line less": (lambda e: b"".join(e.splitlines(keepends=True)[:5] + e.splitlines(keepends=True)[6:]), "not whole"),
    "after the end": (lambda e: e + b"{}\n", "follows after the end"),
    "unknown table": (lambda e: e.replace(b'"memory_items"', b'"sqlite_master"', 1), "unknown table 'sqlite_master'"),
    "a meta table": (lambda e: e.replace(b'"memory_items"', b'"memu_meta"', 1), "unknown table 'memu_meta'"),
    "another owner": (lambda e: changed(e, ITEMS, user_id="bob"), "belongs to user_id='bob'"),
    "no owner": (lambda e: changed(e, ITEMS, user_id=...), "has no user_id"),
    "owner None": (lambda e: changed(e, ITEMS, user_id=None), "user_id is None"),
    "owner list": (lambda e: changed(e, ITEMS, agent_id=["a"]), "agent_id is a list"),
    "another scope field": (lambda e: header(e, scope_fields=["user_id", "agent_id", "tenant"]), "'tenant'"),
    "unknown column": (lambda e: changed(e, ITEMS, password="x"), "no column 'password'"),
    "own counter": (lambda e: changed(e, ITEMS, seq=10**9), "'seq' is not part"),
    "own hash": (lambda e: changed(e, RESOURCES, url_hash="0" * 64), "'url_hash' is not part"),
    "number for text": (lambda e: changed(e, ITEMS, summary=5), "summary is a int"),
    "no summary": (lambda e: changed(e, ITEMS, summary=None), "summary is missing"),
    "missing id": (lambda e: changed(e, ITEMS, id=...), "id is missing"),
    "long id": (lambda e: changed(e, ITEMS, id="x" * 37), "37 characters"),
    "NUL": (lambda e: changed(e, ITEMS, summary="a\x00b"), "NUL byte"),
    "NUL in metadata": (lambda e: changed(e, ITEMS, metadata={"a": [{"b\x00": 1}]}), "NUL byte"),
    "surrogate": (lambda e: changed(e, ITEMS, summary="\ud800"), "not JSON"),
    "naive time": (lambda e: changed(e, ITEMS, created_at="2024-05-01T10:00:00"), "with its zone"),
    "no time": (lambda e: changed(e, ITEMS, created_at="yesterday"), "ISO form"),
    "memory type": (lambda e: changed(e, ITEMS, memory_type="secret"), "unknown memory type"),
    "metadata list": (lambda e: changed(e, ITEMS, metadata=[1]), "metadata is a list"),
    "message ids": (lambda e: changed(e, ITEMS, message_ids=[1]), "message_ids should be strings"),
    "short vector": (lambda e: changed(e, ITEMS, embedding=[1.0, 2.0]), "2 dimensions, the header says 384"),
    "infinite vector": (lambda e: changed(e, ITEMS, embedding=[1e999] * 384), "not JSON"),
    "zero vector": (lambda e: changed(e, ITEMS, embedding=[0.0] * 384), "all zeros"),
    "vector of text": (lambda e: changed(e, ITEMS, embedding="DROP TABLE"), "embedding is a str"),
    "no embedder": (lambda e: header(e, embedder=None), "the header says none"),
    "odd embedder": (lambda e: header(e, embedder={"name": "x"}), "embedder should have"),
    "odd scope": (lambda e: header(e, scope="alice"), "the scope cannot be read"),
    "huge number": (lambda e: changed(e, ITEMS, source_start=2**70), "line"),
    "true for a number": (lambda e: changed(e, ITEMS, source_start=True), "source_start is a bool"),
    "message outside": (
        lambda e: changed(e, TEXTS, messages=[{"id": "1", "hash": "x", "start": 0, "end": 10**6}]), "outside the text"
    ),
    "odd message": (lambda e: changed(e, TEXTS, messages=[7]), "needs an id and a hash"),
    "odd sentences": (lambda e: changed(e, CATEGORIES, extra={"sentences": 5}), "list of ids"),
    "deep": (lambda e: e.replace(b'"metadata":{}', b'"metadata":' + b"[" * 5000 + b"]" * 5000, 1), "not JSON"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_or_damaged_file_changes_nothing(alice: bytes, case: str) -> None:
    spoil, message = HOSTILE[case]
    assert spoil(alice) != alice
    database = store()
    with pytest.raises(SourceInvalid, match=message):
        import_memory(database, io.BytesIO(spoil(alice)))
    assert len(exported(database).splitlines()) == 2
    database.close()


def test_a_row_that_names_what_is_not_there_is_refused(alice: bytes) -> None:
    database = store()
    with pytest.raises(SourceInvalid, match="names 'nowhere' in resources"):
        import_memory(database, io.BytesIO(changed(alice, ITEMS, resource_id="nowhere")))
    assert list(database.items) == []
    database.close()


def test_vectors_of_another_model_are_refused_before_anything_is_written(alice: bytes) -> None:
    database = store()
    with database.handle.writer(BOB, MODEL):
        pass
    before = exported(database)
    with pytest.raises(EmbedderMismatch, match=r"all-MiniLM-L6-v2.*memu reembed"):
        import_memory(database, io.BytesIO(alice))
    assert exported(database) == before
    database.close()


def test_a_different_row_under_the_same_id_is_named_and_kept(alice: bytes) -> None:
    database = store()
    import_memory(database, io.BytesIO(alice))
    before = exported(database)
    item = json.loads(alice.splitlines()[line_of(alice.splitlines(), ITEMS)])["row"]["id"]
    with pytest.raises(IntegrityError, match=rf"another row '{item}' in memory_items.*differs in summary"):
        import_memory(database, io.BytesIO(changed(alice, ITEMS, summary="I never moved.")))
    with pytest.raises(IntegrityError, match="name 'personal_info' is there already"):
        import_memory(database, io.BytesIO(changed(alice, CATEGORIES, id="other", name="personal_info")))
    assert exported(database) == before
    database.close()


def test_an_import_that_stopped_half_way_goes_on(alice: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portable, "PAGE", 3)
    database = store()

    def stop(done: int, total: int) -> None:
        if done >= total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_memory(database, io.BytesIO(alice), progress=stop)
    half = len(exported(database).splitlines()) - 2
    assert half
    done = import_memory(database, io.BytesIO(alice))
    assert sum(done.present.values()) == half
    assert exported(database.bound(ALICE)) == alice
    database.close()


def test_files_and_streams(alice: bytes, tmp_path: Path) -> None:
    database = store()
    import_memory(database, io.BytesIO(alice))
    path = tmp_path / "new" / "alice.jsonl"
    export_file(database.bound(ALICE), path)
    assert path.read_bytes() == alice
    assert [one.name for one in path.parent.iterdir()] == ["alice.jsonl"]
    assert sum(import_file(database, path).added.values()) == 0
    for wrong, message in ((tmp_path / "none", "there is no file"), (tmp_path, "is a folder")):
        with pytest.raises(MemuError, match=message):
            import_file(database, wrong)
    reading, writing = os.pipe()
    with subprocess.Popen([sys.executable, "-c", f"print(open({str(path)!r}).read(), end='')"], stdout=writing):
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            assert sum(import_memory(database, pipe).present.values()) > 10
    database.close()


def test_times_keep_their_microseconds(alice: bytes) -> None:
    rows = [json.loads(line) for line in alice.splitlines()[1:-1]]
    times = [one["row"]["created_at"] for one in rows if "created_at" in one["row"]]
    assert all(len(time) == len("2024-05-01T10:00:00.000000+00:00") for time in times)
    moments = [datetime.fromisoformat(time) for time in times]
    assert max(moments) - min(moments) < timedelta(hours=1)
    assert any(moment.microsecond % 1000 for moment in moments)
