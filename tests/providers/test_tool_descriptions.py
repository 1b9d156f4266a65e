"""How functions are described as tools, and what is no tool."""

import functools
import json
import sys
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from pydantic import Field

from memorizz import MemoryType, Toolbox
from memorizz.memory_provider.provider import RecordProvider
from memorizz.signatures import tool_document
from memu.errors import InputError

from .tools import OPAQUE, Colour, Opaque, Point, Typed, add, bare, later, weather


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
