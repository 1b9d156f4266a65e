"""Statements that are made once for every form of question."""

from typing import Any

import pytest
from sqlalchemy.engine import make_url

from memu.backends.base import Condition, RowsOf, equals
from memu.backends.sql import SqlRecordStore
from memu.backends.sqlite import SQLite
from memu.backends.statements import Statements
from memu.testing.probe import SCHEMA, SHELVES, THINGS

CANARY, OTHER = "canary-5511", "another one"


@pytest.fixture
def statements() -> Statements:
    return SqlRecordStore(SQLite(make_url("sqlite://")), SCHEMA).statements


def select(statements: Statements, *where: Condition, limit: int | None = None) -> tuple[Any, dict[str, Any]]:
    return statements.select(THINGS, ["id", "name"], where, ["name"], limit, None)


def on_shelves(label: str) -> Condition:
    return Condition("shelf", "in_rows", RowsOf(SHELVES, "id", tuple(equals(label=label))))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (equals(name=CANARY), equals(name=OTHER)),
        ([Condition("name", "gt", CANARY)], [Condition("name", "gt", OTHER)]),
        ([Condition("name", "in", (CANARY,))], [Condition("name", "in", [OTHER, "a third"])]),
        ([on_shelves(CANARY)], [on_shelves(OTHER)]),
        ([*equals(name=CANARY, number=None), on_shelves("1")], [*equals(name=OTHER, number=None), on_shelves("2")]),
    ],
)
def test_questions_of_one_form_share_a_statement_that_knows_no_value(
    statements: Statements, one: list[Condition], other: list[Condition]
) -> None:
    first, values = select(statements, *one, limit=1)
    second, others = select(statements, *other, limit=2)
    assert first is second
    assert CANARY in str(values)
    assert CANARY not in str(first.compile().params)
    assert values.keys() == others.keys()
    assert (values["most"], others["most"]) == (1, 2)


@pytest.mark.parametrize(
    "where",
    [
        equals(name=None),
        equals(body=CANARY),
        [Condition("name", "ne", CANARY)],
        [Condition("name", "in", (CANARY, None))],
        [Condition("data", "eq", CANARY, ("name",))],
        [],
    ],
)
def test_questions_of_other_forms_do_not(statements: Statements, where: list[Condition]) -> None:
    plain, _ = select(statements, *equals(name=CANARY))
    assert select(statements, *where)[0] is not plain
    assert select(statements, *equals(name=CANARY), limit=3)[0] is not plain
    assert select(statements, *equals(name=CANARY))[0] is plain


@pytest.mark.parametrize("where", [Condition("name", "in", (CANARY, None)), Condition("data", "eq", CANARY, ("name",))])
def test_a_statement_that_holds_a_value_is_not_kept(statements: Statements, where: Condition) -> None:
    assert select(statements, where)[0] is not select(statements, where)[0]
