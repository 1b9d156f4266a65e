"""The form of an answer: what a pydantic model is as a JSON schema, and how a model's text is read as one."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)

THOUGHTS = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
"""What some models write before their answer."""

FENCED = re.compile(r"```(?:json)?\s*\n(.*?)\n?\s*```", re.DOTALL)

FAULTS_TOLD = 8

VALUES = ("enum", "const")
"""Keywords whose value is no schema."""

BY_NAME = ("properties", "$defs")
"""Keywords whose value maps names to schemas; the names may be those of keywords, too."""


def strict(schema: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema in the form that strict endpoints ask for: every property is required, and no other allowed."""
    made: dict[str, Any] = _strict(schema.model_json_schema())
    return made


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(one) for one in node]
    if not isinstance(node, Mapping):
        return node
    made = {key: value if key in VALUES else _strict(value) for key, value in node.items() if key != "default"}
    for key in set(BY_NAME) & set(node):
        made[key] = {name: _strict(value) for name, value in node[key].items()}
    if node.get("type") == "object" and "properties" in node:
        made |= {"required": list(node["properties"]), "additionalProperties": False}
    return made


def in_words(schema: type[BaseModel]) -> str:
    """The same as an instruction, for endpoints that cannot be told otherwise."""
    return (
        "Answer with one JSON object and nothing else. It has to be valid by this JSON schema:\n"
        f"{json.dumps(schema.model_json_schema(), ensure_ascii=False)}"
    )


def read(schema: type[M], text: str) -> tuple[M | None, list[str]]:
    """The object in a model's text, or what is wrong with it.

    JSON is also found in a fenced block, or amid other words.
    """
    faults: list[str] = []
    for candidate in _candidates(THOUGHTS.sub("", text)):
        try:
            return schema.model_validate_json(candidate), []
        except ValidationError as error:
            faults = faults or [_fault(one) for one in error.errors(include_url=False, include_input=False)]
    return None, faults[:FAULTS_TOLD]


def _candidates(text: str) -> Iterable[str]:
    yield text.strip()
    yield from (found.strip() for found in FENCED.findall(text))
    start, end = text.find("{"), text.rfind("}")
    if 0 <= start < end:
        yield text[start : end + 1]


def _fault(one: Any) -> str:
    place = ".".join(str(part)[:80] for part in one["loc"])
    return f"{place}: {one['msg']}" if place else str(one["msg"])
