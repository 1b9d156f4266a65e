"""The records that users see: resources, memory items, categories and the links between the last two."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, ClassVar, Literal, Self, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, computed_field

from memu.errors import InputError

MemoryType = Literal["profile", "event", "knowledge", "behavior", "skill", "tool"]
MEMORY_TYPES: tuple[str, ...] = get_args(MemoryType)
Modality = Literal["conversation", "document", "text", "image", "video", "audio"]
MODALITIES: tuple[str, ...] = get_args(Modality)

TOOL_CALLS = "tool_calls"
"""Under which name in `extra` an item keeps the calls of a tool."""
TOOL_CALLS_KEPT = 100
"""How many calls of a tool an item keeps: the latest."""

Writer = Callable[["Record", str, Any], None]


def utc_now() -> datetime:
    """The present time, in UTC with microseconds."""
    return datetime.now(UTC)


class Record(BaseModel):
    """What all records share: an id, an owner and two times.

    A record that came from a store is live: assigning one of its `writable` fields changes the stored row, and an
    assignment that the store refuses leaves the record as it was. Further scope fields of the user model appear as
    attributes of the same name.
    """

    model_config = ConfigDict(extra="allow", validate_assignment=True)
    writable: ClassVar[frozenset[str]] = frozenset()

    id: str
    user_id: str = "default"
    agent_id: str = "default"
    created_at: datetime = Field(default_factory=utc_now)
    updated_at: datetime = Field(default_factory=utc_now)

    _writer: Writer | None = PrivateAttr(default=None)

    def attach(self, writer: Writer) -> Self:
        """Let assignments to this record reach the store through `writer`."""
        self._writer = writer
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        writer = None if name.startswith("_") else self._writer
        if writer is None:
            super().__setattr__(name, value)
            return
        if name not in self.writable:
            fields = ", ".join(sorted(self.writable)) or "no field"
            raise InputError(f"{type(self).__name__}.{name} cannot be changed in a store: {fields} can.")
        before = getattr(self, name)
        try:
            super().__setattr__(name, value)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]["msg"]
            raise InputError(f"{type(self).__name__}.{name} cannot be set so: {fault}.") from None
        try:
            writer(self, name, getattr(self, name))
        except BaseException:
            super().__setattr__(name, before)
            raise


class Resource(Record):
    """Something that was memorized: a conversation, a document, a sentence; with where it came from."""

    writable = frozenset({"caption", "embedding", "local_path", "metadata", "extra"})

    url: str
    modality: str
    local_path: str = ""
    caption: str | None = None
    embedding: list[float] | None = None
    content_hash: str | None = None
    version: int = 1
    superseded_by: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    extra: dict[str, Any] = Field(default_factory=dict)


class MemoryItem(Record):
    """One thing worth remembering, in the words it came from, and where those words stand."""

    writable = frozenset({"memory_type", "summary", "embedding", "happened_at", "metadata", "extra"})

    resource_id: str | None = None
    memory_type: str
    summary: str
    embedding: list[float] | None = None
    speaker: str | None = None
    said_at: datetime | None = None
    happened_at: datetime | None = None
    message_ids: list[str] = Field(default_factory=list, exclude=True)
    source_start: int | None = Field(default=None, exclude=True)
    source_end: int | None = Field(default=None, exclude=True)
    content_hash: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    superseded_by: str | None = None
    fact: dict[str, Any] = Field(default_factory=dict)
    metadata: dict[str, Any] = Field(default_factory=dict)
    extra: dict[str, Any] = Field(default_factory=dict)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def source(self) -> dict[str, Any]:
        """Where the item came from: resource, message ids, and character offsets into the resource's verbatim text."""
        return {
            "resource_id": self.resource_id,
            "message_ids": self.message_ids,
            "start": self.source_start,
            "end": self.source_end,
        }


class MemoryCategory(Record):
    """A folder of items with a living summary."""

    writable = frozenset({"name", "description", "embedding", "summary", "extra"})

    name: str
    description: str = ""
    embedding: list[float] | None = None
    summary: str | None = None
    stale: bool = False
    extra: dict[str, Any] = Field(default_factory=dict)


class CategoryItem(Record):
    """The link that files one item in one category."""

    item_id: str
    category_id: str


class ToolCallResult(BaseModel):
    """One call of a tool, and what came of it.

    `time_cost` is in seconds; a `token_cost` of -1 and a `score` of None are not known. `call_hash` tells calls apart:
    it is made of the tool, its input, its output and the time, unless the caller gives one.
    """

    model_config = ConfigDict(extra="forbid")

    tool_name: str = Field(min_length=1, max_length=255)
    input: Any = ""
    output: Any = ""
    success: bool = True
    time_cost: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    token_cost: int = Field(default=-1, ge=-1)
    score: float | None = Field(default=None, allow_inf_nan=False)
    call_hash: str = Field(default="", max_length=128)
    created_at: AwareDatetime = Field(default_factory=utc_now)

    def generate_hash(self) -> str:
        """The hash of this call: equal for the same record given twice, another for the same input at another time."""
        told = [self.tool_name, self.input, self.output, self.created_at.astimezone(UTC).isoformat()]
        return sha256(json.dumps(told, sort_keys=True, default=str).encode("utf-8", "replace")).hexdigest()[:32]

    def ensure_hash(self) -> str:
        """The hash of this call, made if it has none."""
        self.call_hash = self.call_hash or self.generate_hash()
        return self.call_hash


class DefaultUserModel(BaseModel):
    """The scope fields of a store whose user model is not named: one user and one agent."""

    user_id: str = "default"
    agent_id: str = "default"
