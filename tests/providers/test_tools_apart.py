"""Tools that could be taken for each other, and what a registered one survives."""

import copy
import functools
import logging
import pickle
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from memorizz import MemoryType, Toolbox, Workflow
from memorizz.memory_provider.provider import RecordProvider
from memu.errors import InputError

if TYPE_CHECKING:
    from somewhere import Frame, frames  # type: ignore[import-not-found]


class Account:
    def __init__(self, owner: str) -> None:
        self.owner = owner

    def balance(self) -> str:
        """Tell what is left."""
        return self.owner


def made(value: Any, step: int = 1) -> Callable[[], Any]:
    def tool() -> Any:
        """Give a value."""
        return value, step

    return tool


def read(path: str) -> "Frame":
    """Read a table."""


def split(path: str) -> "dict[str, frames.Frame | None] | None":
    """Read tables."""


def write(path: str, frame: "list[Frame]") -> "Frame":
    """Write a table."""


def test_methods_of_two_objects_are_two_tools(provider: RecordProvider) -> None:
    toolbox, ann, bob = Toolbox(provider), Account("ann"), Account("bob")
    first = toolbox.register_tool(ann.balance)
    assert toolbox.register_tool(ann.balance) == first
    with pytest.raises(
        InputError, match=r"Account.balance.* has the id of .*Account.balance.*: give one of them a name"
    ):
        toolbox.register_tool(bob.balance)
    assert toolbox.get_function_by_id(first)() == "ann"
    second = toolbox.register_tool(bob.balance, name="bobs_balance")
    assert (toolbox.get_function_by_id(second)(), len(toolbox.list_tools())) == ("bob", 2)
    assert Toolbox(provider).register_tool(bob.balance) == first
    toolbox.delete_tool_by_id(first)
    assert toolbox.register_tool(bob.balance) == first


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (made(1), made(2), False),
        (made([1]), made([1]), True),
        (made(np.zeros(2)), made(np.zeros(2)), False),
        (functools.partial(made, 1), functools.partial(made, 2), False),
        (functools.partial(made, 1), functools.partial(made, 1), True),
        (Account, Account, True),
    ],
)
def test_what_one_definition_made_twice(provider: RecordProvider, one: Any, other: Any, alike: bool) -> None:
    toolbox = Toolbox(provider)
    first = toolbox.register_tool(one, name="t")
    if alike:
        assert toolbox.register_tool(other, name="t") == first
        assert toolbox.get_function_by_id(first) is other
    else:
        with pytest.raises(InputError, match="has the id of"):
            toolbox.register_tool(other, name="t")
        assert toolbox.get_function_by_id(first) is one


def test_a_definition_that_is_read_again_takes_the_place(provider: RecordProvider) -> None:
    toolbox, source = Toolbox(provider), "def tool():\n    return {}"
    functions = []
    for n in (1, 2):
        names: dict[str, Any] = {"__name__": "notebook"}
        exec(source.format(n), names)
        functions.append(names["tool"])
    assert len({str(toolbox.register_tool(one)) for one in functions}) == 1
    assert toolbox.get_function_by_id(toolbox.list_tools()["_id"])() == 2


def test_what_a_function_returns_may_be_there_for_the_type_checker_only(provider: RecordProvider) -> None:
    toolbox = Toolbox(provider)
    found = toolbox.get_tool_by_id(toolbox.register_tool(read))
    assert found["signature"] == "read(path: str) -> Frame"
    assert toolbox.get_tool_by_id(toolbox.register_tool(split))["required"] == ["path"]
    with pytest.raises(InputError, match="an annotation of write names what is not there: name 'Frame' is not defined"):
        toolbox.register_tool(write)


def test_a_registered_tool_can_be_copied(provider: RecordProvider) -> None:
    tool = Toolbox(provider).register_tool(Account("ann").balance)
    for again in (copy.copy(tool), copy.deepcopy(tool), copy.deepcopy({"tools": [tool]})["tools"][0]):
        assert again == tool
        assert again() == "ann"
    assert pickle.loads(pickle.dumps(tool)) == str(tool)


def test_a_foreign_document_hides_no_workflow(provider: RecordProvider, caplog: pytest.LogCaptureFixture) -> None:
    Workflow("Plan").store_workflow(provider)
    for foreign in (
        {"steps": "a secret"},
        {"name": "x", "outcome": "a secret"},
        {},
        {"name": "x", "steps": [1]},
    ):
        provider.store({**foreign, "embedding": provider.embed_text("Plan")}, MemoryType.WORKFLOW_MEMORY)
    with caplog.at_level(logging.WARNING):
        found = Workflow.retrieve_workflows_by_query("Plan", provider, limit=9)
    assert [one.name for one in found] == ["Plan"]
    assert len(caplog.records) == 4
    assert "is no workflow and is passed over" in caplog.text
    assert "secret" not in caplog.text
