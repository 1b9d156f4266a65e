"""Tools: how they are kept once, found, changed, and called."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from memorizz import Toolbox
from memorizz.memory_provider.provider import RecordProvider
from memorizz.memory_provider.sqlite import SQLiteProvider
from memorizz.signatures import tool_document
from memu.errors import ConfigError, InputTypeError

from .places import REACHABLE, Place, embed
from .tools import add, later, weather

ROOT = Path(__file__).parents[2]

# --- registering ------------------------------------------------------------------------------------------------------


def test_a_call_gives_the_id_and_a_decorator_something_to_call(provider: RecordProvider) -> None:
    toolbox = Toolbox(provider)
    tool_id = toolbox.register_tool(weather)
    assert isinstance(tool_id, str)
    assert tool_id == tool_document(weather)["tool_id"]

    @toolbox.register_tool
    def double(n: int) -> int:
        """Double a number."""
        return 2 * n

    @toolbox.register_tool(name="treble", description="Three times a number.")
    def times_three(n: int) -> int:
        return 3 * n

    assert (double(4), double.__name__, double.__doc__) == (8, "double", "Double a number.")
    assert toolbox.get_tool_by_id(double)["name"] == "double"
    assert times_three(4) == 12
    assert not isinstance(times_three, str)
    assert toolbox.get_tool_by_name("treble")["description"] == "Three times a number."
    assert toolbox.register_tool(double) == double
    assert len(toolbox.list_tools()) == 3
    agent = provider.store_memagent({"name": "a", "tools": [double]})
    assert provider.retrieve_memagent(agent).tools == [str(double)]


def test_registering_again_brings_one_row_up_to_date(provider: RecordProvider) -> None:
    toolbox = Toolbox(provider)
    tool_id = toolbox.register_tool(add)
    assert toolbox.update_tool_by_id(tool_id, {"queries": ["1 + 1"], "description": "Other."}) is True
    assert Toolbox(provider).register_tool(add) == tool_id
    (found,) = toolbox.list_tools()
    assert (found["description"], found["queries"]) == ("Add two numbers.", ["1 + 1"])


def test_augment_is_refused_by_name(provider: RecordProvider) -> None:
    with pytest.raises(ConfigError, match="augment needs a language model"):
        Toolbox(provider).register_tool(add, augment=True)
    with pytest.raises(ConfigError, match="augment"):
        Toolbox(provider).register_tool(augment=True)


def test_a_function_is_at_hand_where_it_was_registered(provider: RecordProvider) -> None:
    toolbox = Toolbox(provider)
    tool_id = toolbox.register_tool(weather)
    assert toolbox.get_function_by_id(tool_id) is weather
    restarted = Toolbox(provider)
    assert restarted.get_tool_by_id(tool_id)["name"] == "weather"
    assert restarted.get_function_by_id(tool_id) is None
    assert restarted.register_tool(weather) == tool_id
    assert restarted.get_function_by_id(tool_id) is weather
    assert toolbox.get_function_by_id("no such") is None


# --- finding, changing, deleting --------------------------------------------------------------------------------------


def test_tools_are_found_by_what_they_do(provider: RecordProvider) -> None:
    toolbox = Toolbox(provider)
    for name in ("aaaa", "zzzz", "mmmm"):
        toolbox.register_tool(later, name=name, description=name)
    found = toolbox.get_most_similar_tools("zzzz. zzzz.")
    assert len(found) == 3
    assert (found["name"], found["score"]) == ("zzzz", pytest.approx(1.0))
    assert len(toolbox.get_most_similar_tools("a", limit=2)) == 2
    with pytest.raises(InputTypeError, match="query is a int"):
        toolbox.get_most_similar_tools(5)  # type: ignore[arg-type]


def test_an_update_is_found_by_its_new_words(provider: RecordProvider) -> None:
    toolbox = Toolbox(provider)
    tool_id = toolbox.register_tool(later, name="aaaa", description="aaaa")
    assert toolbox.update_tool_by_id(tool_id, {"description": "zzzzzzzz"}) is True
    assert toolbox.get_most_similar_tools("aaaa. zzzzzzzz.")["score"] == pytest.approx(1.0)
    assert toolbox.update_tool_by_id(tool_id, {"policy": "ask"}) is True
    assert toolbox.get_tool_by_id(tool_id)["policy"] == "ask"
    assert toolbox.update_tool_by_id("no such", {"policy": "ask"}) is False
    with pytest.raises(InputTypeError, match="data is a list: expected a dict"):
        toolbox.update_tool_by_id(tool_id, ["x"])  # type: ignore[arg-type]


def test_tools_are_deleted_with_their_functions(provider: RecordProvider) -> None:
    toolbox = Toolbox(provider)
    one, other, third = (toolbox.register_tool(func) for func in (weather, add, later))
    assert toolbox.delete_tool_by_name("weather") is True
    assert toolbox.delete_tool_by_name("weather") is False
    assert toolbox.delete_tool_by_id(other) is True
    assert toolbox.delete_tool_by_id(other) is False
    assert [toolbox.get_function_by_id(key) for key in (one, other)] == [None, None]
    assert toolbox.delete_all() is True
    assert toolbox.list_tools() == []
    assert toolbox.get_function_by_id(third) is None


def test_hostile_names_are_only_names(provider: RecordProvider) -> None:
    toolbox, name = Toolbox(provider), "x'; DROP TABLE toolbox; --"
    tool_id = toolbox.register_tool(later, name=name, description=name)
    assert toolbox.get_tool_by_name(name)["_id"] == tool_id
    assert toolbox.get_tool_by_name("' OR 1=1 --") is None
    assert toolbox.delete_tool_by_name(name) is True
    assert toolbox.list_tools() == []


# --- at the same time -------------------------------------------------------------------------------------------------

REGISTER = """
import sys, time
from pathlib import Path
sys.path[:0] = sys.argv[1:2]
from memorizz import Toolbox
from providers.places import Place, embed
from providers.tools import add, later, weather
place = Place.__new__(Place)
place.kind, place.path, place.dsn = sys.argv[2], Path(sys.argv[3]), sys.argv[4]
Path(sys.argv[5]).touch()
while not Path(sys.argv[6]).exists():
    time.sleep(0.001)
with place.open() as provider:
    toolbox = Toolbox(provider)
    for _ in range(5):
        print(*(str(toolbox.register_tool(func)) for func in (weather, add, later)))
"""


@pytest.mark.parametrize("place", REACHABLE, indirect=True)
def test_two_processes_that_register_the_same_tools_make_one_row_each(place: Place, tmp_path: Path) -> None:
    go, ready = tmp_path / "go", [tmp_path / "one", tmp_path / "other"]
    arguments = [str(ROOT / "tests"), place.kind, str(place.path), place.dsn]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", REGISTER, *arguments, str(file), str(go)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for file in ready
    ]
    try:
        while not all(file.exists() for file in ready):
            assert all(one.poll() is None for one in running), [one.communicate() for one in running]
            time.sleep(0.01)
        go.touch()
        results = [one.communicate(timeout=120) for one in running]
    finally:
        for one in running:
            one.kill()
            one.wait()
    assert [one.returncode for one in running] == [0, 0], results
    assert len({line for output, _ in results for line in output.splitlines()}) == 1
    with place.open() as provider:
        assert sorted(one["name"] for one in provider.list_all("toolbox")) == ["add", "later", "weather"]


# --- state ------------------------------------------------------------------------------------------------------------

TOOLS = st.sampled_from([weather, add, later])


class Tools(RuleBasedStateMachine):
    """A toolbox, restarted now and then, beside a dict of what should be in it."""

    def __init__(self) -> None:
        super().__init__()
        self.provider = SQLiteProvider({"path": ":memory:", "embedder": embed})
        self.toolbox = Toolbox(self.provider)
        self.kept: dict[str, Any] = {}
        self.at_hand: dict[str, Any] = {}

    def teardown(self) -> None:
        self.provider.close()

    @rule(func=TOOLS)
    def register(self, func: Any) -> None:
        tool_id = self.toolbox.register_tool(func)
        self.kept[tool_id] = {**self.kept.get(tool_id, {}), "name": func.__name__}
        self.at_hand[tool_id] = func

    @rule(func=TOOLS, text=st.text("ab", min_size=1))
    def update(self, func: Any, text: str) -> None:
        tool_id = tool_document(func)["tool_id"]
        assert self.toolbox.update_tool_by_id(tool_id, {"note": text}) == (tool_id in self.kept)
        if tool_id in self.kept:
            self.kept[tool_id]["note"] = text

    @rule(func=TOOLS, by_name=st.booleans())
    def delete(self, func: Any, by_name: bool) -> None:
        tool_id = tool_document(func)["tool_id"]
        deleted = (
            self.toolbox.delete_tool_by_name(func.__name__) if by_name else self.toolbox.delete_tool_by_id(tool_id)
        )
        assert deleted == (self.kept.pop(tool_id, None) is not None)
        self.at_hand.pop(tool_id, None)

    @rule()
    def delete_all(self) -> None:
        self.toolbox.delete_all()
        self.kept.clear()
        self.at_hand.clear()

    @rule()
    def restart(self) -> None:
        self.toolbox = Toolbox(self.provider)
        self.at_hand.clear()

    @invariant()
    def the_same_tools(self) -> None:
        found = {
            one["_id"]: {key: one[key] for key in ("name", "note") if key in one} for one in self.toolbox.list_tools()
        }
        assert found == self.kept
        for func in (weather, add, later):
            tool_id = tool_document(func)["tool_id"]
            assert self.toolbox.get_function_by_id(tool_id) is self.at_hand.get(tool_id)


TestTools = Tools.TestCase
TestTools.settings = settings(max_examples=10, stateful_step_count=15, deadline=None)
