"""Metadata: how each database keeps them, and that they come back in the form in which they were given."""

import json
import math
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from memorizz.memory_provider import MemoryType
from memorizz.memory_provider.provider import RecordProvider
from memu.errors import SchemaError

from .places import TYPES, Place

LONG, PERSONAS = MemoryType.LONG_TERM_MEMORY, MemoryType.PERSONAS

FORMS: dict[str, dict[str, Any]] = {
    "order": {"source": "web", "lang": "de", "é": {"bb": 1, "a": [{"z": 1, "y": 2}]}, "aa": None},
    "doubles": {"big": 1e16, "huge": sys.float_info.max, "least": -5e-324, "zero": -0.0, "one": 1.0, "e": 1.5e300},
    "neighbours": {"double": float(2**60), "more": float(2**60 + 256), "int": 2**60 + 1},
    "integers": {"big": 10**16, "long": 10**307, "minus": -(10**300)},
    "plain": {"a": 1, "b": {"c": [True, None, "x", 0.5]}},
    "text": {"quote": '"\\/\b\f\n\r\t\x1f\x7f', "wide": "🦊", "number": "1e16"},
}


def as_written(value: Any) -> str:
    """What tells an int from a float, a zero from the other one, and the order of keys."""
    return json.dumps(value, ensure_ascii=False)


@pytest.mark.parametrize("form", FORMS)
def test_row_09_metadata_come_back_in_their_form(provider: RecordProvider, form: str) -> None:
    given = FORMS[form]
    provider.store({"_id": "a", "metadata": given}, LONG)
    assert provider.update_by_id("a", {"more": 1}, LONG)
    for found in (provider.retrieve_by_id("a", LONG), *provider.list_all(LONG)):
        assert found is not None
        assert as_written(found["metadata"]) == as_written(given)
        assert "given_metadata" not in found
    for key, value in given.items():
        if isinstance(value, str) or (isinstance(value, int | float) and abs(value) < 2**63):
            assert provider.retrieve_by_query({f"metadata.{key}": value}, LONG, limit=9)["_id"] == "a", key
    assert provider.update_by_id("a", {"metadata": {"b": 1}}, LONG)
    assert provider.retrieve_by_id("a", LONG)["metadata"] == {"b": 1}  # type: ignore[index]


def test_numbers_in_metadata_are_told_from_their_neighbours(provider: RecordProvider) -> None:
    for name, number in FORMS["neighbours"].items():
        provider.store({"_id": name, "metadata": {"n": number}}, LONG)
    for name, number in FORMS["neighbours"].items():
        assert [one["_id"] for one in provider.retrieve_by_query({"metadata.n": number}, LONG, limit=9)] == [name]


# --- on PostgreSQL ----------------------------------------------------------------------------------------------------


def ask(place: Place, statement: str, values: Any = None) -> list[tuple[Any, ...]]:
    """Run a statement by hand."""
    assert place.server is not None
    with closing(place.server.bare(place.dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(statement, values)
        found = list(cursor.fetchall()) if cursor.description else []
        connection.commit()
        return found


def columns(place: Place) -> dict[str, str]:
    """The type of the metadata of each table."""
    statement = "SELECT table_name, data_type FROM information_schema.columns WHERE column_name = 'metadata'"
    return dict(ask(place, statement))  # type: ignore[arg-type]


def test_metadata_are_jsonb_and_may_be_asked_for_and_set_by_hand(postgres: Place) -> None:
    with postgres.open() as provider:
        provider.store({"_id": "a", "metadata": FORMS["order"]}, LONG)
        provider.store({"_id": "b", "metadata": FORMS["doubles"]}, LONG)
        assert columns(postgres) == {kind.value: "jsonb" for kind in TYPES}
        found = ask(postgres, """SELECT given_id FROM long_term_memory WHERE metadata @> '{"lang": "de"}'""")
        assert found == [("a",)]
        ask(postgres, """UPDATE long_term_memory SET metadata = metadata || '{"lang": "fr"}' WHERE given_id = 'a'""")
        assert provider.retrieve_by_id("a", LONG)["metadata"] == {**FORMS["order"], "lang": "fr"}  # type: ignore[index]
        ask(postgres, "UPDATE long_term_memory SET metadata = NULL")
        assert "metadata" not in (provider.retrieve_by_id("b", LONG) or {})


def test_metadata_by_hand_that_look_like_a_tag_are_what_they_are(postgres: Place) -> None:
    for given in ('{"$memorizz": "evil"}', '{"$memorizz": "evil", "value": 1}', '{"$memorizz": ["x"], "value": 1}'):
        with postgres.open() as provider:
            provider.delete_all(PERSONAS)
            ask(postgres, f"INSERT INTO personas (name, metadata) VALUES ('by hand', '{given}')")
            assert provider.list_all(PERSONAS)[0]["metadata"] == json.loads(given)


def test_rows_that_were_inserted_by_hand_are_documents(postgres: Place) -> None:
    with postgres.open() as provider:
        ask(
            postgres,
            """INSERT INTO conversation_memory (role, content, memory_id, metadata) VALUES
            ('user', 'hello', 'm', '{"by": "hand"}'), ('assistant', 'hi', 'm', NULL)""",
        )
        said = provider.retrieve_conversation_history_ordered_by_timestamp("m")
        assert sorted(one["content"] for one in said) == ["hello", "hi"]
        found = provider.retrieve_by_query({"metadata.by": "hand"}, MemoryType.CONVERSATION_MEMORY)
        assert found["content"] == "hello"
        assert found["created_at"].tzinfo is not None
        assert provider.update_by_id(found["_id"], {"content": "hello again"}, MemoryType.CONVERSATION_MEMORY)
        for kind in TYPES:
            ask(postgres, f"INSERT INTO {kind.value} (name) VALUES ('by hand')")
            assert provider.retrieve_by_name("by hand", kind) is not None


def downgrade(place: Place, rows: dict[str, dict[str, Any]]) -> None:
    """Make of the tables what the first form of them was, with these metadata."""
    for kind in TYPES:
        ask(place, f"ALTER TABLE {kind.value} DROP COLUMN given_metadata, DROP COLUMN metadata")
        ask(place, f"ALTER TABLE {kind.value} ADD COLUMN metadata json")
        for name in ("id", "created_at", "updated_at", "document", "position", "seq"):
            ask(place, f"ALTER TABLE {kind.value} ALTER COLUMN {name} DROP DEFAULT")
    ask(place, "DELETE FROM memorizz_migrations WHERE version > 1")
    for name, given in rows.items():
        ask(place, "UPDATE personas SET metadata = %s::json WHERE name = %s", (as_written(given), name))


def test_tables_whose_metadata_are_json_are_migrated(postgres: Place) -> None:
    with postgres.open() as provider:
        provider.store_many([{"_id": name, "name": name} for name in (*FORMS, "none")], PERSONAS)
    downgrade(postgres, FORMS)
    with postgres.open() as provider:
        assert columns(postgres) == {kind.value: "jsonb" for kind in TYPES}
        for name, given in FORMS.items():
            found = provider.retrieve_by_id(name, PERSONAS)
            assert found is not None
            assert as_written(found["metadata"]) == as_written(given)
        assert "metadata" not in (provider.retrieve_by_id("none", PERSONAS) or {})
        for name, number in FORMS["neighbours"].items():
            assert provider.retrieve_by_query({f"metadata.{name}": number}, PERSONAS)["_id"] == "neighbours"
        ask(postgres, "INSERT INTO personas (name) VALUES ('by hand')")
        assert provider.retrieve_by_name("by hand", PERSONAS) is not None
        (kept,) = ask(postgres, "SELECT count(*) FROM personas WHERE given_metadata IS NOT NULL")
        assert kept == (len(FORMS) - 2,)  # "plain" and "text" are the same in either type
    with postgres.open() as again:  # and a second opening finds nothing to do
        assert len(again.list_all(PERSONAS)) == len(FORMS) + 2


def test_several_migrate_at_once(postgres: Place) -> None:
    with postgres.open() as provider:
        provider.store_many([{"_id": name, "name": name} for name in FORMS], PERSONAS)
    downgrade(postgres, FORMS)
    barrier = threading.Barrier(4)

    def work(_thread: int) -> list[str]:
        barrier.wait()
        with postgres.open() as provider:
            return [as_written(provider.retrieve_by_id(name, PERSONAS)["metadata"]) for name in FORMS]  # type: ignore[index]

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(work, range(4))) == [[as_written(given) for given in FORMS.values()]] * 4
    assert ask(postgres, "SELECT version FROM memorizz_migrations ORDER BY version") == [(1,), (2,)]


def test_what_is_to_be_migrated_is_named(postgres: Place) -> None:
    with postgres.open() as provider:
        records = provider._store.records
        records.validate()
        downgrade(postgres, {})
        with pytest.raises(SchemaError, match=r"column personas\.metadata is of type json, expected jsonb"):
            records.validate()
        records.create()
        records.validate()


def test_a_migration_that_is_broken_off_leaves_the_tables_as_they_were(
    postgres: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres.open() as provider:
        provider.store({"_id": "doubles", "name": "doubles"}, PERSONAS)
    downgrade(postgres, {"doubles": FORMS["doubles"]})
    with monkeypatch.context() as patch:
        patch.setattr("memorizz.memory_provider.upgrades.normal", lambda given: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            postgres.open()
    assert columns(postgres) == {kind.value: "json" for kind in TYPES}
    with postgres.open() as provider:
        found = provider.retrieve_by_id("doubles", PERSONAS)
        assert found is not None
        assert as_written(found["metadata"]) == as_written(FORMS["doubles"])
        assert math.copysign(1, found["metadata"]["zero"]) == -1
