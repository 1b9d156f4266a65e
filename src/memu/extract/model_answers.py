"""The form of a language model's answer about a window, read so that one bad field takes nothing else with it."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, get_args

from pydantic import BaseModel, Field, ValidationError, WithJsonSchema, model_validator
from pydantic.json_schema import SkipJsonSchema

Numbers = Annotated[list[int | str], WithJsonSchema({"type": "array", "items": {"type": "integer"}})]
OneNumber = Annotated[list[int | str], WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "null"}]})]

WORDS = ("memory_type", "happened_at")
LISTS = ("message_ids", "categories", "replaces", "repeats")

_BETWEEN = re.compile(r"[,;\s]+")


class ItemAnswer(BaseModel):
    """One item of an answer; only its text has to be there."""

    text: str
    memory_type: str = ""
    message_ids: list[int | str] = Field(default_factory=list)
    categories: list[str] = Field(default_factory=list)
    happened_at: str | None = None
    replaces: list[int | str] = Field(default_factory=list)
    repeats: list[int | str] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _mended(cls, data: Any) -> Any:
        """Take values of other kinds as far as it is plain what they say; the rest is as if left out."""
        if not isinstance(data, Mapping):
            return data
        words = {name: _word(data.get(name)) or "" for name in WORDS}
        lists = {name: _list(data.get(name)) for name in LISTS}
        lists["categories"] = [str(one) for one in lists["categories"]]
        for name in ("message_ids", "replaces", "repeats"):
            lists[name] = [part for one in lists[name] for part in _numbers(one)]
        text = data.get("text")
        return {"text": text if isinstance(text, str) else _word(text), **words, **lists}


class ItemsAnswer(BaseModel):
    """The answer for one window."""

    caption: str = ""
    items: list[ItemAnswer]
    refused: SkipJsonSchema[list[str]] = Field(default_factory=list)
    """What is wrong with the items that are none; nothing of it is the model's."""

    @model_validator(mode="before")
    @classmethod
    def _one_by_one(cls, data: Any) -> Any:
        """Leave the bad items out, unless there are no others; a list alone is that of the items."""
        if isinstance(data, list) and data and isinstance(data[0], Mapping):
            data = {"items": data}
        if not isinstance(data, Mapping) or not isinstance(data.get("items"), list):
            return data
        faults = [cls._fault(one) for one in data["items"]]
        good = [one for one, fault in zip(data["items"], faults, strict=True) if fault is None]
        refused = [f"item {at}: {fault}" for at, fault in enumerate(faults, 1) if fault is not None]
        return {
            "caption": _word(data.get("caption")) or "",
            "items": good or data["items"],
            "refused": refused if good else [],
        }

    @classmethod
    def _fault(cls, one: Any) -> str | None:
        (kind,) = get_args(cls.model_fields["items"].annotation)
        try:
            kind.model_validate(one)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            return f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")
        return None


def _word(value: Any) -> str | None:
    """A text, or a number as one."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _list(value: Any) -> list[int | str]:
    """The numbers and texts of a list, or the one that stands in its place."""
    found: list[int | str] = []
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, int | str) and not isinstance(one, bool):
            found.append(one)
        elif isinstance(one, float) and one.is_integer():
            found.append(int(one))
    return found


def _numbers(one: int | str) -> list[int | str]:
    """Several numbers in one text, each for itself."""
    return [part for part in _BETWEEN.split(one) if part] if isinstance(one, str) else [one]
