"""The page about the command line names every command and every option, and no other."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from memu.cli import app

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
PROGRAM: Any = typer.main.get_command(app)
COMMANDS = PROGRAM.commands


def options(command: Any) -> set[str]:
    return {name for one in command.params for name in one.opts if name.startswith("-")}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_shown_in_a_block_and_its_options_are_told(name: str) -> None:
    assert re.search(rf"^(.*\| )?memu {name}\b", PAGE, re.M)
    assert f"`memu {name}" in PAGE
    for option in options(COMMANDS[name]):
        assert re.search(rf"`{option}[ `]", PAGE), option
    assert COMMANDS[name].help


def test_the_shared_options_are_told() -> None:
    for option in options(PROGRAM):
        assert re.search(rf"`{option}[ `]", PAGE), option


def test_nothing_is_told_that_is_not_there() -> None:
    known = {"--help", "-h", *options(PROGRAM), *(one for each in COMMANDS.values() for one in options(each))}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", PAGE)) <= known
    assert set(re.findall(r"`memu ([a-z]+)", PAGE)) <= set(COMMANDS)
    assert set(re.findall(r"^memu ([a-z]+)", PAGE, re.M)) <= set(COMMANDS)
