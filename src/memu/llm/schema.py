"""The form of an answer: what a pydantic model is as a JSON schema, and how a model's text is read as one."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)

THINKING, THOUGHT = "<think>", "</think>"
"""Between which some models write what they think before their answer."""

FENCE = "```"

LONGEST = 1_000_000
"""Characters of an answer that are read."""

STARTS = 8
"""At how many brackets amid other words it is tried whether JSON begins there."""

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
    if len(text) > LONGEST:
        return None, [f"the answer has {len(text)} characters: expected at most {LONGEST}"]
    faults: list[str] = []
    for candidate in _candidates(_without_thoughts(text)):
        try:
            return schema.model_validate_json(candidate), []
        except ValidationError as error:
            faults = faults or [_fault(one) for one in error.errors(include_url=False, include_input=False)]
    return None, faults[:FAULTS_TOLD]


def _without_thoughts(text: str) -> str:
    if not text.lstrip().startswith(THINKING):
        return text
    return text.partition(THOUGHT)[2] or text


def _candidates(text: str) -> Iterable[str]:
    yield text.strip()
    yield from islice(_fenced(text), STARTS)
    yield from _amid_words(text)


def _fenced(text: str) -> Iterator[str]:
    """What stands in fenced blocks. It is found without a regular expression, which blank lines could hold up."""
    start = text.find(FENCE)
    while start >= 0:
        begin = start + len(FENCE)
        end = text.find(FENCE, begin)
        if end < 0:
            return
        yield text[begin:end].strip().removeprefix("json").strip()
        start = text.find(FENCE, end + len(FENCE))


def _amid_words(text: str) -> Iterator[str]:
    """Objects, and lists of objects, that begin somewhere in a text; what follows one may be anything."""
    decoder, at = json.JSONDecoder(), 0
    for _ in range(STARTS):
        start = min((found for mark in "{[" if (found := text.find(mark, at)) >= 0), default=-1)
        if start < 0:
            return
        try:
            value, at = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            at = start + 1
            continue
        if isinstance(value[0] if value and isinstance(value, list) else value, dict):
            yield text[start:at]


def _fault(one: Any) -> str:
    place = ".".join(str(part)[:80] for part in one["loc"])
    return f"{place}: {one['msg']}" if place else str(one["msg"])
