"""The blocks kept here are those of the documents, and each has a test of its own."""

import importlib

import pytest

from .harness import EDITS, PAGES, SEEDS, commands, names, seed_blocks, seed_commands, source

TESTS = (
    "test_sqlite_page",
    "test_sqlite_page_to_postgres",
    "test_user_agent_page",
    "test_migration_guide_page",
    "test_mysql_page",
    "test_memorizz_page",
)
COUNTS = {"sqlite": 6, "user_agent": 11, "migration_guide": 16, "mysql": 4, "memorizz": 6}
COMMANDS = {"mysql_bash_01", "mysql_bash_02", "mysql_sql_01"}


def test_no_block_is_missing() -> None:
    assert {page: sum(name.rpartition("_")[0] == page for name in names()) for page in PAGES} == COUNTS


def test_every_block_has_a_test() -> None:
    tests = {name for module in TESTS for name in dir(importlib.import_module(f"{__package__}.{module}"))}
    every = {*names(), *commands()}
    covered = {name for name in every if any(test.startswith(f"test_{name}_") for test in tests)}
    assert covered == every
    assert set(commands()) == COMMANDS


def test_every_edit_applies() -> None:
    assert set(EDITS) <= set(names())
    for name in EDITS:
        source(name)


@pytest.mark.skipif(not SEEDS.is_dir(), reason="the documents are not beside the project here")
def test_blocks_are_those_of_the_documents() -> None:
    from .harness import BLOCKS

    assert dict(seed_blocks()) == {name: (BLOCKS / f"{name}.py").read_text(encoding="utf-8") for name in names()}
    assert dict(seed_commands()) == commands()
