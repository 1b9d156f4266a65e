"""Tools: how functions are described, kept once, found, and called."""

import functools
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from pydantic import Field

from memorizz import MemoryType, Toolbox
from memorizz.memory_provider.provider import RecordProvider
from memorizz.memory_provider.sqlite import SQLiteProvider
from memorizz.signatures import tool_document
from memu.errors import ConfigError, InputError, InputTypeError

from .places import Place, embed

ROOT = Path(__file__).parents[2]


class Colour(Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    y: int = 0


class Typed(TypedDict):
    n: int


class Opaque:
    """Something that JSON has no word for."""


def weather(city: str, unit: Literal["c", "f"] = "c") -> str:
    """Tell the weather in a city.

    It may be wrong.

    Args:
        city: where, by its
            name: in full
        unit (str): Celsius or Fahrenheit

    Returns:
        what it is like
    """
    return f"{city}: 20 {unit}"


def add(a: int, b: int) -> int:
    """Add two numbers.

    :param a: the first
    :param int b: the second
    :returns: the sum
    """
    return a + b


OPAQUE = Opaque()


def bare(one, *rest, two=OPAQUE, **more):  # type: ignore[no-untyped-def]
    return one


async def later(seconds: float) -> float:
    """Wait."""
    return seconds


# --- descriptions -----------------------------------------------------------------------------------------------------


def test_a_description_has_the_words_and_a_schema() -> None:
    found = tool_document(weather)
    assert found["name"] == "weather"
    assert found["description"] == "Tell the weather in a city. It may be wrong."
    assert found["signature"] == "weather(city: str, unit: Literal['c', 'f'] = 'c') -> str"
    assert found["input_schema"] == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "where, by its name: in full"},
            "unit": {
                "type": "string",
                "enum": ["c", "f"],
                "default": "c",
                "description": "Celsius or Fahrenheit",
            },
        },
        "required": ["city"],
        "additionalProperties": False,
    }
    assert found["parameters"][0] == {
        "name": "city",
        "type": "string",
        "description": "where, by its name: in full",
        "required": True,
    }
    assert (found["type"], found["required"]) == ("function", ["city"])
    assert found["function"] == {
        "name": "weather",
        "description": found["description"],
        "parameters": found["input_schema"],
    }


def test_fields_of_a_docstring_are_read() -> None:
    found = tool_document(add)
    assert found["description"] == "Add two numbers."
    assert [one["description"] for one in found["parameters"]] == ["the first", "the second"]
    assert tool_document(add, "plus", "Sum.")["function"]["description"] == "Sum."


def test_arguments_of_many_kinds() -> None:
    def many(
        point: Point,
        points: list[Point],
        colour: Colour = Colour.RED,
        none: str | None = None,
        some: Annotated[int, Field(description="own words", ge=1)] = 2,
        _hidden: int = 3,
        schema: str = "",
        model_config: str = "",
        copy: bool = False,
    ) -> None:
        """Take many.

        Args:
            some: other words
        """

    schema = tool_document(many)["input_schema"]
    assert list(schema["properties"]) == [
        "point", "points", "colour", "none", "some", "_hidden", "schema", "model_config", "copy",
    ]  # fmt: skip
    assert schema["required"] == ["point", "points"]
    assert schema["properties"]["some"] == {"type": "integer", "minimum": 1, "default": 2, "description": "own words"}
    assert schema["properties"]["points"]["items"] == {"$ref": "#/$defs/Point"}
    assert schema["properties"]["none"]["anyOf"] == [{"type": "string"}, {"type": "null"}]
    assert json.loads(json.dumps(schema)) == schema


def test_functions_without_annotations_and_with_any_further_arguments() -> None:
    found = tool_document(bare)
    assert list(found["input_schema"]["properties"]) == ["one", "two"]
    assert found["input_schema"]["additionalProperties"] is True
    assert " at 0x" not in found["signature"]
    assert found == tool_document(bare)


def test_defaults_that_json_does_not_have_are_left_out(provider: RecordProvider) -> None:
    def odd(
        a: float = float("inf"), b: str = "\x00", c: Any = OPAQUE, d: int | None = None, e: tuple[int, str] = (1, "x")
    ) -> None: ...

    tool_id = Toolbox(provider).register_tool(odd)
    properties = provider.retrieve_by_id(tool_id, MemoryType.TOOLBOX)["input_schema"]["properties"]
    assert {name: one["default"] for name, one in properties.items() if "default" in one} == {"d": None, "e": [1, "x"]}


def test_methods_partials_objects_and_coroutines() -> None:
    class Service:
        """A service."""

        def search(self, text: str) -> str:
            """Search."""
            return text

        def __call__(self, n: int) -> int:
            return n

    assert list(tool_document(Service().search)["input_schema"]["properties"]) == ["text"]
    assert tool_document(functools.partial(add, 1), "more")["description"] == ""
    assert tool_document(Service(), "service")["input_schema"]["required"] == ["n"]
    assert tool_document(later)["description"] == "Wait."
    assert tool_document(later)["tool_id"] != tool_document(add)["tool_id"]
    assert tool_document(add)["tool_id"] != tool_document(add, "plus")["tool_id"]


def _opaque(one: Opaque) -> None: ...
def _absent(one: "Nowhere") -> None: ...  # type: ignore[name-defined] # noqa: F821
def _placed(one: int, /) -> None: ...
def _called(one: Callable[[int], int]) -> None: ...
def _typed(one: Typed) -> None: ...


@pytest.mark.parametrize(
    ("func", "message"),
    [
        (5, "the tool is a int: expected a function"),
        ("weather", "the tool is a str: expected a function"),
        (lambda x: x, "<lambda> has no name that a tool could have: give one, name="),
        (functools.partial(add, 1), "partial has no name"),
        (_opaque, "one of _opaque is annotated with .*Opaque, which has no JSON schema"),
        (_called, "one of _called is annotated with"),
        pytest.param(
            _typed,
            "one of _typed is annotated with .*Typed, which has no JSON schema: Please use `typing_extensions",
            marks=pytest.mark.skipif(sys.version_info >= (3, 12), reason="a TypedDict has a schema there"),
        ),
        (_absent, "an annotation of _absent names what is not there: name 'Nowhere' is not defined"),
        (_placed, "one of _placed can only be given by its place, and tools are called with names: wrap it"),
        (iter, "iter does not say which arguments it takes|can only be given by its place"),
    ],
)
def test_what_is_no_tool_is_refused(provider: RecordProvider, func: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Toolbox(provider).register_tool(func)
    assert provider.list_all(MemoryType.TOOLBOX) == []


@pytest.mark.parametrize("name", ["", " ", "x" * 256, "a\x00"])
def test_a_name_that_cannot_be_kept_is_refused(provider: RecordProvider, name: str) -> None:
    with pytest.raises(InputError, match="the name of the tool is"):
        Toolbox(provider).register_tool(add, name=name)


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
from providers.test_toolbox import add, later, weather
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
