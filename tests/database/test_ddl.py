"""ddl_mode: "validate" names everything that is missing or different, "create" mends what can be mended."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.database.ddl_places import KINDS, SERVERS, Place, new_place
from tests.database.transfers import fill

from memu.backends.inspection import differences
from memu.backends.ledger import Migration
from memu.backends.schema import build_schema
from memu.database.transfer import checksums
from memu.database.upgrades import MIGRATIONS
from memu.errors import SchemaError
from memu.scope import Scope


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An empty database of each kind."""
    made = new_place(request.param, tmp_path)
    yield made
    made.close()


@pytest.fixture
def filled(place: Place) -> Place:
    """A store with rows in every table."""
    database = place.open()
    fill(database)
    database.close()
    return place


def statement(sqlite: str, postgres: str, mysql: str) -> Callable[[Place], None]:
    """Damage that is one statement on each kind."""

    def damage(place: Place) -> None:
        place.run({"sqlite": sqlite, "postgres": postgres}.get(place.kind, mysql))

    return damage


def remade(table: str, pattern: str, by: str, postgres: str, mysql: str) -> Callable[[Place], None]:
    """Damage for which SQLite has no statement."""

    def damage(place: Place) -> None:
        if place.kind == "sqlite":
            place.remade(table, pattern, by)
        else:
            place.run(postgres if place.kind == "postgres" else mysql)

    return damage


def same(text: str) -> Callable[[Place], None]:
    return statement(text, text, text)


INDEX = "ix_memory_items_memory_type_created_at"
UNIQUE, FOREIGN = "uq_resources_url_hash_version", "fk_category_items_item_id"
DAMAGE: dict[str, tuple[Callable[[Place], None], str]] = {
    "index": (
        statement(f"DROP INDEX {INDEX}", f"DROP INDEX {INDEX}", f"DROP INDEX {INDEX} ON memory_items"),
        f"the index {INDEX} on memory_items (user_id, agent_id, memory_type, created_at) is missing",
    ),
    "column": (same("ALTER TABLE memory_items DROP COLUMN extra"), "column memory_items.extra is missing"),
    "nullable column": (
        same("ALTER TABLE memory_items DROP COLUMN source_end"),
        "column memory_items.source_end is missing",
    ),
    "table": (same("DROP TABLE item_history"), "table item_history is missing"),
    "unique key": (
        remade(
            "resources", rf",\s*CONSTRAINT {UNIQUE} UNIQUE \([^)]*\)", "",
            f"ALTER TABLE resources DROP CONSTRAINT {UNIQUE}", f"ALTER TABLE resources DROP INDEX {UNIQUE}",
        ),
        "the unique key of resources on (user_id, agent_id, url_hash, version) is missing",
    ),
    "foreign key": (
        remade(
            "category_items",
            rf",\s*CONSTRAINT {FOREIGN} FOREIGN KEY\([^)]*\) REFERENCES \w+ \([^)]*\) ON DELETE CASCADE", "",
            f"ALTER TABLE category_items DROP CONSTRAINT {FOREIGN}",
            f"ALTER TABLE category_items DROP FOREIGN KEY {FOREIGN}",
        ),
        "the foreign key of category_items (user_id, agent_id, item_id) to memory_items is missing",
    ),
}  # fmt: skip
LOST = {"table": "item_history"}
"""Damage whose rows are gone."""
NEVER: dict[str, tuple[Callable[[Place], None], str]] = {
    "type": (
        remade(
            "memory_items", "source_start INTEGER", "source_start TEXT",
            "ALTER TABLE memory_items ALTER COLUMN source_start TYPE text",
            "ALTER TABLE memory_items MODIFY source_start text",
        ),
        r"column memory_items\.source_start is of type TEXT.*, expected (BIGINT|INTEGER)",
    ),
    "column without a default": (
        same("ALTER TABLE memory_items DROP COLUMN summary"),
        r"column memory_items\.summary is missing",
    ),
}  # fmt: skip
WEAKER: dict[str, tuple[str, str, str]] = {
    "shorter": (
        "ALTER TABLE memory_items ALTER COLUMN speaker TYPE varchar(9)",
        "ALTER TABLE memory_items MODIFY speaker varchar(9)",
        r"speaker holds 9 characters, expected 255",
    ),
    "other letters are the same": (
        'ALTER TABLE memory_items ALTER COLUMN speaker TYPE varchar(255) COLLATE "default"',
        "ALTER TABLE memory_items MODIFY speaker varchar(255) COLLATE utf8mb4_unicode_ci",
        r"speaker is compared by (the collation of the database|utf8mb4_unicode_ci), expected (C|utf8mb4_\w+_bin)",
    ),
    "in a long text, too": (
        'ALTER TABLE memory_items ALTER COLUMN summary TYPE text COLLATE "default"',
        "ALTER TABLE memory_items MODIFY summary longtext COLLATE utf8mb4_unicode_ci NOT NULL",
        r"summary is compared by (the collation of the database|utf8mb4_unicode_ci), expected (C|utf8mb4_\w+_bin)",
    ),
    "no time zone, or whole seconds": (
        "ALTER TABLE memory_items ALTER COLUMN said_at TYPE timestamp",
        "ALTER TABLE memory_items MODIFY said_at datetime",
        r"said_at is of type (timestamp without time zone|datetime), expected (timestamp with time zone|datetime\(6\))",
    ),
    "32 bits": (
        "ALTER TABLE memory_items ALTER COLUMN source_start TYPE int",
        "ALTER TABLE memory_items MODIFY source_start int",
        r"source_start is of type int.*, expected bigint",
    ),
}
"""Columns that would take every value, and keep less of it or take it for another."""


def told(place: Place) -> str:
    """What `validate` says."""
    with pytest.raises(SchemaError) as caught:
        place.open(mode="validate")
    return str(caught.value)


@pytest.mark.parametrize("case", DAMAGE)
def test_what_is_missing_is_named_and_mended(filled: Place, case: str) -> None:
    damage, message = DAMAGE[case]
    whole = filled.open()
    before = [one for one in checksums(whole) if one.table != LOST.get(case)]
    whole.close()
    damage(filled)
    assert told(filled) == f'{message}. Open the store once with ddl_mode="create" to migrate it.'
    if (filled.kind, case) == ("sqlite", "foreign key"):
        with pytest.raises(SchemaError, match=r"category_items.*to memory_items is missing"):
            filled.make()
        return
    mended = filled.open()
    after = [one for one in checksums(mended) if one.table != LOST.get(case)]
    assert [(one.table, one.owner, one.rows) for one in after] == [(one.table, one.owner, one.rows) for one in before]
    if "column" not in case:
        assert after == before
    mended.close()
    filled.make(mode="validate")


@pytest.mark.parametrize("case", NEVER)
def test_what_cannot_be_mended_is_named_and_left_as_it_is(filled: Place, case: str) -> None:
    damage, message = NEVER[case]
    damage(filled)
    with pytest.raises(SchemaError, match=message):
        filled.make(mode="validate")
    with pytest.raises(SchemaError, match=rf"cannot be mended without.* by hand .*{message}"):
        filled.make()
    assert filled.run("SELECT count(*) FROM memory_items") == [(80,)]


@pytest.mark.parametrize("kind", SERVERS)
def test_a_column_that_holds_less_is_named(kind: str, tmp_path: Path) -> None:
    place = new_place(kind, tmp_path)
    try:
        place.make()
        for case, (postgres, mysql, message) in WEAKER.items():
            place.run("DROP TABLE category_items, item_history, memory_items CASCADE")
            place.make()
            place.run(postgres if kind == "postgres" else mysql)
            assert re.match(rf"column memory_items\.{message}\. Open", told(place)), case
            with pytest.raises(SchemaError, match=rf"cannot be mended without.* by hand .*{message}"):
                place.make()
    finally:
        place.close()


def test_a_missing_index_of_vectors_is_named_and_mended(tmp_path: Path) -> None:
    place = new_place("postgres", tmp_path)
    try:
        with closing(place.open()) as database:
            database.bound(Scope.of({})).create_item(memory_type="event", summary="tea", embedding=[1.0, 2.0])
        place.run("DROP INDEX hnsw_memory_items_2")
        assert told(place).startswith("the index of the vectors of memory_items is missing. Open")
        place.make()
        place.make(mode="validate")
        assert place.run("SELECT count(*) FROM pg_indexes WHERE indexname = 'hnsw_memory_items_2'") == [(1,)]
    finally:
        place.close()


def test_everything_is_named_at_once(place: Place) -> None:
    place.make()
    for case in ("index", "column", "table"):
        DAMAGE[case][0](place)
    assert all(DAMAGE[case][1] in told(place) for case in ("index", "column", "table"))
    place.make()
    place.make(mode="validate")


def test_an_empty_database_is_not_made_by_validate(place: Place) -> None:
    if place.kind == "sqlite":
        Path(place.dsn.removeprefix("sqlite:///")).touch()
    text = told(place)
    assert all(f"table {table.name} is missing" in text for table in build_schema().tables)
    assert place.tables() - {"memu_locks"} == set()


def test_a_unique_key_that_rows_break_is_not_made(filled: Place) -> None:
    DAMAGE["unique key"][0](filled)
    filled.run(
        "UPDATE resources SET version = 1",
        "UPDATE resources SET url_hash = (SELECT h FROM (SELECT min(url_hash) AS h FROM resources) AS one)",
    )
    with pytest.raises(SchemaError, match=r"unique key of resources on .* is missing and cannot be made: rows"):
        filled.make()
    assert filled.run("SELECT count(*) FROM resources") == [(20,)]


def test_a_store_of_a_newer_version_is_refused(place: Place) -> None:
    place.make()
    place.run("INSERT INTO schema_migrations (version, name, applied_at) VALUES (99, 'to come', '2099-01-01')")
    for mode in ("create", "validate"):
        with pytest.raises(SchemaError, match=r"newer version of memu \(schema 99, this one knows up to 1\)"):
            place.open(mode=mode)


def test_a_migration_that_fails_leaves_no_record_and_is_repeated(filled: Place) -> None:
    calls = []

    def notes(connection: sa.Connection) -> None:
        calls.append("notes")
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS notes (id INTEGER)")
        if len(calls) == 1:
            raise SchemaError("the disk was pulled out")

    def never(connection: sa.Connection) -> None:
        calls.append("more")

    records = filled.records((*MIGRATIONS, Migration(2, "notes", notes), Migration(3, "more", never)))
    try:
        with pytest.raises(SchemaError, match="pulled out"):
            records.create()
        assert filled.ledger() == [(1, "first layout")]
        assert ("notes" in filled.tables()) == (filled.kind in ("mariadb", "mysql"))
        assert not records.is_current()
        records.create()
        assert filled.ledger() == [(1, "first layout"), (2, "notes"), (3, "more")]
        assert calls == ["notes", "notes", "more"]
        records.create()
        assert calls == ["notes", "notes", "more"]
        assert records.is_current()
        with records.engine.connect().execution_options(memu_bare=True) as connection:
            assert differences(records.dialect, connection, records.tables) == []
    finally:
        records.close()
    assert filled.run("SELECT count(*) FROM memory_items") == [(80,)]


def test_a_new_store_runs_no_migration_and_records_all(place: Place) -> None:
    def fail(_connection: Any) -> None:
        raise AssertionError("a new store needs no step")

    records = place.records((*MIGRATIONS, Migration(2, "notes", fail)))
    try:
        records.create()
        records.create()
    finally:
        records.close()
    assert place.ledger() == [(1, "first layout"), (2, "notes")]
