"""Bad input: a clear error of ours that is also the builtin one would catch, and a store that is as it was."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from conformance.backends import BACKENDS, SQLiteBackend
from memu import errors
from memu.app.service import MemoryService
from memu.scope import Scope
from memu.testing import ALICE, Backend
from memu.testing.speech import FACTS, talk
from promises.worlds import fresh

Refused = tuple[type[errors.MemuError], type[BaseException], str]


@pytest.fixture(scope="module", params=BACKENDS, ids=lambda kind: kind.name)
def backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """One store for all tests: none of them may leave a trace in it."""
    with fresh(request.param, tmp_path_factory.mktemp("store")) as made:
        yield made


@pytest.fixture(scope="module")
def service(backend: Backend) -> Iterator[MemoryService]:
    with backend.service() as made:
        made.sync.memorize(talk(FACTS[:3]), user=ALICE)
        yield made


def refused(backend: Backend, service: MemoryService, call: Callable[[], Any], expected: Refused) -> None:
    """The call fails as expected, and not a row is different afterwards."""
    kind, builtin, named = expected
    before = backend.dump(service.parts.database)
    with pytest.raises(kind) as fault:
        call()
    assert isinstance(fault.value, builtin)
    assert named in str(fault.value)
    assert "\n" not in str(fault.value)
    assert backend.dump(service.parts.database) == before


def _file(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


FILES: dict[str, tuple[Callable[[Path], Any], dict[str, Any], Refused]] = {
    "missing": (lambda f: f / "gone.md", {}, (errors.SourceNotFound, FileNotFoundError, "gone.md")),
    "directory": (lambda f: f, {}, (errors.SourceIsDirectory, IsADirectoryError, "directory")),
    "empty": (lambda f: _file(f, "e.md", b""), {}, (errors.SourceInvalid, ValueError, "e.md")),
    "only white space": (lambda f: _file(f, "w.md", b" \n\t "), {}, (errors.SourceInvalid, ValueError, "w.md")),
    "NUL": (lambda f: _file(f, "n.md", b"a\x00b"), {}, (errors.SourceInvalid, ValueError, "NUL")),
    "invalid UTF-8": (lambda f: _file(f, "u.md", b"abc\xff\xfe"), {}, (errors.SourceInvalid, ValueError, "u.md")),
    "torn JSON": (
        lambda f: _file(f, "t.json", b'[{"role": "user", "content": "x"'),
        {"modality": "conversation"},
        (errors.SourceInvalid, ValueError, "line 1"),
    ),
    "other JSON": (
        lambda f: _file(f, "o.json", b'{"a": 1}'),
        {"modality": "conversation"},
        (errors.SourceInvalid, ValueError, "o.json"),
    ),
    "messages without text": (
        lambda f: _file(f, "m.json", b'[{"role": "user"}]'),
        {"modality": "conversation"},
        (errors.SourceInvalid, ValueError, "text"),
    ),
    "a message that is a number": (
        lambda f: _file(f, "p.json", b'[{"role": "user", "content": "x"}, 5]'),
        {"modality": "conversation"},
        (errors.SourceInvalid, ValueError, "message 1"),
    ),
    "deep JSON": (
        lambda f: _file(f, "d.json", b"[" * 100_000),
        {"modality": "conversation"},
        (errors.SourceInvalid, ValueError, "d.json"),
    ),
    "unknown modality": (
        lambda f: _file(f, "x.md", b"words"),
        {"modality": "telepathy"},
        (errors.InputError, ValueError, "telepathy"),
    ),
    "a scheme": (lambda f: "ftp://example.org/x", {}, (errors.SourceForbidden, PermissionError, "ftp")),
    "a private address": (
        lambda f: "http://127.0.0.1:9/x.md",
        {},
        (errors.SourceForbidden, PermissionError, "127.0.0.1"),
    ),
    "a NUL in the path": (lambda f: "a\x00b.md", {}, (errors.InputError, ValueError, "not a path")),
    "a long path": (lambda f: "a" * 5000 + ".md", {}, (errors.SourceError, OSError, "expected")),
}


@pytest.mark.parametrize("case", FILES)
def test_a_source_that_cannot_be_read(case: str, backend: Backend, service: MemoryService, tmp_path: Path) -> None:
    source, options, expected = FILES[case]
    url = source(tmp_path)
    refused(backend, service, lambda: service.sync.memorize(resource_url=url, user=ALICE, **options), expected)


def test_a_file_that_may_not_be_read(backend: Backend, service: MemoryService, tmp_path: Path) -> None:
    path = _file(tmp_path, "secret.md", b"words")
    path.chmod(0)
    if os.access(path, os.R_OK):  # the superuser reads everything, so a limit of ours stands in
        with backend.service(blob_config={"allowed_roots": [tmp_path / "inside"]}) as limited:
            expected = (errors.SourceForbidden, PermissionError, "secret.md")
            refused(backend, limited, lambda: limited.sync.memorize(resource_url=path), expected)
        return
    expected = (errors.SourceForbidden, PermissionError, "secret.md")
    refused(backend, service, lambda: service.sync.memorize(resource_url=path), expected)


def test_a_path_outside_the_allowed_roots(backend: Backend, tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    outside = _file(tmp_path, "outside.md", b"The boat is blue.")
    link = tmp_path / "inside" / "link.md"
    link.symlink_to(outside)
    with backend.service(blob_config={"allowed_roots": [tmp_path / "inside"]}) as service:
        for path in (outside, link, tmp_path / "inside" / ".." / "outside.md"):
            expected = (errors.SourceForbidden, PermissionError, "outside")
            refused(backend, service, lambda path=path: service.sync.memorize(resource_url=path), expected)


def test_a_file_that_is_too_large(backend: Backend, tmp_path: Path) -> None:
    path = _file(tmp_path, "large.md", b"words " * 1000)
    with backend.service(blob_config={"max_bytes": 1000}) as service:
        expected = (errors.SourceError, OSError, "large.md")
        refused(backend, service, lambda: service.sync.memorize(resource_url=path), expected)


def test_the_name_of_a_file_given_as_a_text(backend: Backend, service: MemoryService, tmp_path: Path) -> None:
    path = _file(tmp_path, "notes.md", b"words")
    expected = (errors.InputError, ValueError, "resource_url=")
    refused(backend, service, lambda: service.sync.memorize(str(path)), expected)
    refused(backend, service, lambda: service.sync.memorize(path), expected)


CALLS: dict[str, tuple[Callable[[Any], Any], Refused]] = {
    "nothing": (lambda m: m.memorize(), (errors.InputError, ValueError, "resource_url=")),
    "bytes": (lambda m: m.memorize(b"words"), (errors.InputError, ValueError, "bytes")),
    "a number": (lambda m: m.memorize(5), (errors.InputError, ValueError, "int")),
    "empty text": (lambda m: m.memorize(""), (errors.InputError, ValueError, "empty")),
    "a NUL byte": (lambda m: m.memorize("a\x00b"), (errors.InputError, ValueError, "NUL")),
    "a lone surrogate": (lambda m: m.memorize("a\ud800b"), (errors.InputError, ValueError, "surrogate")),
    "a message of bytes": (lambda m: m.memorize([b"x"]), (errors.SourceInvalid, ValueError, "message 0")),
    "a time that is none": (
        lambda m: m.memorize([{"content": "x", "created_at": "noon"}]),
        (errors.SourceInvalid, ValueError, "noon"),
    ),
    "an id twice": (
        lambda m: m.memorize([{"id": 1, "content": "x"}, {"id": 1, "content": "y"}]),
        (errors.SourceInvalid, ValueError, "message 1"),
    ),
    "a memory type": (
        lambda m: m.create_memory_item(memory_type="dream", memory_content="x"),
        (errors.InputError, ValueError, "profile"),
    ),
    "categories as one string": (
        lambda m: m.create_memory_item(memory_type="tool", memory_content="x", memory_categories="boats"),
        (errors.InputError, ValueError, "memory_categories"),
    ),
    "a second category that is bad": (
        lambda m: m.create_memory_item(memory_type="tool", memory_content="x", memory_categories=["boats", ""]),
        (errors.InputError, ValueError, "category"),
    ),
    "metadata that is no JSON": (
        lambda m: m.memorize("The boat is blue.", metadata={"a": {1, 2}}),
        (errors.InputError, ValueError, "JSON"),
    ),
    "metadata with NaN": (
        lambda m: m.memorize("The boat is blue.", metadata={"a": [1.0, float("nan")]}),
        (errors.InputError, ValueError, "nan"),
    ),
    "metadata with a surrogate": (
        lambda m: m.memorize("The boat is blue.", metadata={"a": "\udfff"}),
        (errors.InputError, ValueError, "JSON"),
    ),
    "an unknown filter": (lambda m: m.list_memory_items({"colour": 1}), (errors.FilterError, ValueError, "colour")),
    "an unknown operator": (
        lambda m: m.clear_memory({"memory_type__like": "%"}),
        (errors.FilterError, ValueError, "like"),
    ),
    "a filter with a surrogate": (
        lambda m: m.list_memory_items({"memory_type": "\ud800"}),
        (errors.FilterError, ValueError, "surrogate"),
    ),
    "a metadata filter with a surrogate": (
        lambda m: m.list_memory_items({"metadata.a": "\ud800"}),
        (errors.FilterError, ValueError, "surrogate"),
    ),
    "a filter with a NUL": (lambda m: m.list_memory_items({"id": "\x00"}), (errors.FilterError, ValueError, "NUL")),
    "a metadata filter with NaN": (
        lambda m: m.retrieve("boat", {"metadata.a": float("nan")}),
        (errors.FilterError, ValueError, "nan"),
    ),
    "a huge number in a filter": (
        lambda m: m.list_memory_items({"metadata.a": 10**30}),
        (errors.FilterError, ValueError, "metadata.a"),
    ),
    "an id that is a number": (lambda m: m.get_memory_item(5), (errors.InputError, ValueError, "int")),
    "an id that is a list": (lambda m: m.delete_memory_item(memory_id=["a"]), (errors.InputError, ValueError, "list")),
    "an id that is None": (
        lambda m: m.update_memory_item(memory_id=None, memory_content="x"),
        (errors.InputError, ValueError, "None"),
    ),
    "an id with a surrogate": (lambda m: m.get_memory_item("\ud800"), (errors.InputError, ValueError, "surrogate")),
    "a resource that is a number": (lambda m: m.delete_resource(5), (errors.InputError, ValueError, "int")),
    "the text of a number": (lambda m: m.get_resource_text(5), (errors.InputError, ValueError, "int")),
    "the messages of None": (lambda m: m.get_resource_messages(None), (errors.InputError, ValueError, "None")),
    "top_k of zero": (lambda m: m.retrieve("boat", top_k=0), (errors.InputError, ValueError, "top_k")),
    "a limit of text": (lambda m: m.list_resources(limit="all"), (errors.InputError, ValueError, "limit")),
    "a bad cursor": (lambda m: m.list_memory_items(cursor="x"), (errors.InputError, ValueError, "cursor")),
    "a min_score of text": (
        lambda m: m.retrieve("boat", min_score="high"),
        (errors.InputError, ValueError, "min_score"),
    ),
    "a min_score of NaN": (
        lambda m: m.retrieve("boat", min_score=float("nan")),
        (errors.InputError, ValueError, "min_score"),
    ),
    "no question": (lambda m: m.retrieve(" "), (errors.InputError, ValueError, "question")),
    "a question with a surrogate": (lambda m: m.retrieve("\ud800"), (errors.InputError, ValueError, "surrogate")),
    "texts that are one string": (lambda m: m.embed("words"), (errors.InputError, ValueError, "list")),
    "no budget": (lambda m: m.context("boat", max_tokens=0), (errors.InputError, ValueError, "max_tokens")),
}


@pytest.mark.parametrize("case", CALLS)
def test_an_argument_that_cannot_be_meant(case: str, backend: Backend, service: MemoryService) -> None:
    call, expected = CALLS[case]
    refused(backend, service, lambda: call(service.sync), expected)


@pytest.mark.parametrize(
    ("vector", "named"),
    [
        ([], "empty"),
        ([0.0, 0.0], "zero"),
        ([float("nan"), 1.0], "nan"),
        ([float("inf"), 1.0], "inf"),
        ([1.0, 2.0, 3.0], "3"),
        (["a", "b"], "str"),
        ("ab", "str"),
        ([[1.0, 2.0]], "list"),
        ([True, False], "bool"),
    ],
)
def test_a_vector_that_is_none(vector: Any, named: str, backend: Backend, service: MemoryService) -> None:
    alice = service.database.bound(Scope.of(ALICE))
    alice.create_item(memory_type="tool", summary="Owns a boat.", embedding=[1.0, 0.5])
    refused(
        backend,
        service,
        lambda: alice.create_item(memory_type="tool", summary="x", embedding=vector),
        (errors.VectorError, ValueError, named),
    )


OPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown database key": ({"database_config": {"provider": "sqlite", "sqlite_pth": "x"}}, "sqlite_pth"),
    "both database forms": (
        {"database_config": {"provider": "sqlite", "metadata_store": {"provider": "sqlite"}}},
        "metadata_store",
    ),
    "both spellings": ({"database_config": {}, "database": {}}, "database"),
    "an unknown provider": ({"database_config": {"provider": "oracle"}}, "provider"),
    "a provider of another release": ({"database_config": {"metadata_store": {"provider": "mongodb"}}}, "mongodb"),
    "an impossible vector index": (
        {"database_config": {"metadata_store": {"provider": "sqlite"}, "vector_index": {"provider": "pgvector"}}},
        "pgvector",
    ),
    "an unknown blob option": ({"blob_config": {"colour": 1}}, "colour"),
    "an unknown memory type": ({"memorize_config": {"memory_types": ["dream"]}}, "dream"),
    "a category twice": (
        {"memorize_config": {"memory_categories": [{"name": "a"}, {"name": "a"}]}},
        "'a'",
    ),
    "a method without a model": ({"retrieve_config": {"method": "llm"}}, "llm"),
    "profiles without default": ({"llm_profiles": {"fast": {}}}, "default"),
    "an unknown embedder": ({"embedding_config": {"provider": "cloud"}}, "provider"),
    "settings that are a list": ({"retrieve_config": []}, "retrieve_config"),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_options_that_cannot_be_meant(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options, named = OPTIONS[case]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(errors.ConfigError) as fault:
        MemoryService(**options)
    assert isinstance(fault.value, ValueError)
    assert named in str(fault.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "dsn", ["nonsense", "postgresql://ann:hunter2@db/x", "sqlite://///\x00", "sqlite:///x?mode=hunter2", "://hunter2"]
)
def test_a_wrong_dsn_never_shows_its_password(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((errors.ConfigError, errors.StorageError)) as fault:
        MemoryService(database_config={"metadata_store": {"provider": "sqlite", "dsn": dsn}})
    assert "hunter2" not in str(fault.value)


def _sqlite(path: Path) -> dict[str, Any]:
    return {
        "database_config": {"metadata_store": {"provider": "sqlite", "dsn": f"sqlite:///{path}"}},
        "embedding_config": {"provider": "none"},
    }


def test_a_folder_in_the_place_of_the_database(tmp_path: Path) -> None:
    with pytest.raises(errors.StorageUnavailable, match="directory") as fault:
        MemoryService(**_sqlite(tmp_path))
    assert isinstance(fault.value, ConnectionError)


def test_a_file_in_the_place_of_a_folder(tmp_path: Path) -> None:
    _file(tmp_path, "file", b"x")
    with pytest.raises(errors.StorageUnavailable):
        MemoryService(**_sqlite(tmp_path / "file" / "memu.db"))


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = _file(tmp_path, "memu.db", b"This is a letter, not a database. " * 100)
    with pytest.raises(errors.StorageCorrupt, match=r"memu\.db"):
        MemoryService(**_sqlite(path))
    assert path.read_bytes().startswith(b"This is a letter")


def test_tables_of_another_program(tmp_path: Path) -> None:
    path = tmp_path / "memu.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE resources (name TEXT)")
        connection.execute("INSERT INTO resources VALUES ('kept')")
    connection.close()
    with pytest.raises((errors.SchemaError, errors.StorageError)):
        MemoryService(**_sqlite(path))
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT * FROM resources").fetchall() == [("kept",)]
    connection.close()


def test_a_database_of_a_newer_version(tmp_path: Path) -> None:
    path = tmp_path / "memu.db"
    with MemoryService(**_sqlite(path)) as service:
        service.sync.memorize(talk(FACTS[:2]))
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO schema_migrations VALUES (999, 'from the future', '2099')")
    connection.close()
    with pytest.raises(errors.SchemaError, match="newer") as fault:
        MemoryService(**_sqlite(path))
    assert isinstance(fault.value, ValueError)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM memory_items").fetchone() == (2,)
    connection.close()


def test_a_missing_table_is_named_when_only_checking(tmp_path: Path) -> None:
    path = tmp_path / "memu.db"
    MemoryService(**_sqlite(path)).close()
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE item_history")
    connection.close()
    options = _sqlite(path)
    options["database_config"]["metadata_store"]["ddl_mode"] = "validate"
    with pytest.raises(errors.SchemaError, match="item_history"):
        MemoryService(**options)


def test_a_full_disk(tmp_path: Path) -> None:
    backend = SQLiteBackend(tmp_path)
    with backend.service() as service:
        service.sync.memorize(talk(FACTS[:2]), user=ALICE)
        before = backend.dump(service.parts.database)
        engine = service.parts.database.handle.records.engine
        with engine.connect() as connection:
            pages = connection.connection.driver_connection.execute("PRAGMA page_count").fetchone()[0]

        # SQLite's own limit of pages is met exactly as the end of a disk is: SQLITE_FULL.
        def limit(connection: Any, *_: Any) -> None:
            connection.execute(f"PRAGMA max_page_count = {pages}")

        sa.event.listen(engine, "checkout", limit)
        words = [{"role": "user", "content": f"I sailed in {2000 + n} with boat {n}."} for n in range(300)]
        with pytest.raises(errors.StorageFull) as fault:
            service.sync.memorize(words, user=ALICE)
        assert isinstance(fault.value, OSError)
        assert backend.dump(service.parts.database) == before
        sa.event.remove(engine, "checkout", limit)


def test_an_error_is_one_line_and_says_what_to_do() -> None:
    """Every class of ours is documented in the tree that opens its module, and is a builtin too."""
    tree = errors.__doc__ or ""
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, errors.MemuError) and kind is not errors.MemuError:
            builtin = [base for base in kind.__mro__ if base.__module__ == "builtins" and base is not object]
            assert len(builtin) > 2, name
            assert name in tree or name in ("InputTypeError", "ConflictError"), f"{name} is not in the tree"
