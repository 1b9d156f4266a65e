"""What was said: one message of a conversation, as it is kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any

from memorizz.keeping import checked_provider, name_of, text_of
from memorizz.memory_provider.base import MemoryProvider
from memorizz.memory_provider.clock import instant, now
from memorizz.memory_provider.documents import without_scores
from memorizz.memory_provider.memory_type import MemoryType
from memorizz.memory_provider.results import Document
from memu.errors import InputError, InputTypeError


@dataclass
class ConversationMemoryUnit:
    """One message.

    Args:
        role: who said it, such as "user" or "assistant".
        content: what was said.
        timestamp: when, as an ISO string or a datetime; now, when it is not given. It is an ISO string from then on.
        memory_id: the memory that it belongs to.
        conversation_id: the conversation; `thread_id` is its later name, and either stands for both.
        thread_id: the same.
        embedding: its vector; made of `content` when it is stored without one, and anew when `content` has changed
            since the vector was given.
        recall_recency: how recent a recall holds it to be.
        associated_conversation_ids: further conversations that it has to do with.
        id: its document's id, known once it is stored; storing it again replaces that document.
        user_id: the user that it belongs to.
        metadata: whatever is to be kept with it.
        extra: further keys of its document.

    Raises:
        InputError: a time that is none, or a name that cannot be kept.
        InputTypeError: something of another type.
    """

    role: str
    content: str
    timestamp: str = ""
    memory_id: str | None = None
    conversation_id: str | None = None
    thread_id: str | None = None
    embedding: list[float] | None = field(default=None, repr=False)
    recall_recency: float | None = None
    associated_conversation_ids: list[str] = field(default_factory=list)
    id: str | None = None
    user_id: str | None = None
    metadata: Any = None
    extra: Document = field(default_factory=dict, repr=False)
    _embedded: tuple[str, Any] = field(init=False, repr=False, compare=False)
    """The content that a vector is of, and the vector."""

    def __post_init__(self) -> None:
        """Check what was given, and give the two names of the conversation the same value."""
        self.role = name_of(self.role.value if isinstance(self.role, Enum) else self.role, "role")
        text_of(self.content, "content")
        self.timestamp = _iso(self.timestamp)
        for name in ("memory_id", "conversation_id", "thread_id", "id", "user_id"):
            if getattr(self, name) is not None:
                name_of(getattr(self, name), name)
        self.conversation_id = self.conversation_id or self.thread_id
        self.thread_id = self.thread_id or self.conversation_id
        self.associated_conversation_ids = _names(self.associated_conversation_ids)
        self._embedded = self.content, self.embedding

    def to_dict(self) -> Document:
        """The message as a document; what it does not have is left out."""
        named = {("_id" if name == "id" else name): getattr(self, name) for name in OWN}
        return {**self.extra, **{key: value for key, value in named.items() if value is not None}}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "ConversationMemoryUnit":
        """The message of a document; keys that a message does not have are its `extra`, and kept when it is stored."""
        own = {name: document[name] for name in OWN if document.get(name) is not None}
        extra = {key: one for key, one in without_scores(document).items() if key not in (*OWN, *SET)}
        return cls(**{"role": None, "content": None, "id": document.get("_id"), **own}, extra=extra)

    def store(self, provider: MemoryProvider) -> str:
        """Keep the message, with its vector, and return its id; one without any words is kept without a vector.

        Raises:
            ConfigError: it has no embedding, and there is no model to make one.
        """
        own = checked_provider(provider)
        content, vector = self._embedded
        if self.embedding is None or (self.embedding is vector and self.content != content):
            self.embedding = own.embed_text(self.content) if text_of(self.content, "content").strip() else None
        self._embedded = self.content, self.embedding
        self.id = own.store({**self.to_dict(), "embedding": self.embedding}, MemoryType.CONVERSATION_MEMORY)
        return self.id


OWN = tuple(one.name for one in fields(ConversationMemoryUnit) if one.init and one.name != "extra")
"""The keys that a message has by name."""

SET = ("_id", "created_at", "updated_at")
"""Keys that the provider sets."""


def _iso(given: Any) -> str:
    moment = now() if given is None or given == "" else instant(given)
    if moment is None:
        raise InputError(f"timestamp is {given!r}: expected an ISO string, such as 2025-03-01T09:30:00+00:00.")
    return given if isinstance(given, str) and given else moment.isoformat()


def _names(given: Any) -> list[str]:
    if not isinstance(given, list | tuple) or not all(isinstance(one, str) for one in given):
        raise InputTypeError("associated_conversation_ids is no list of strings.")
    return list(given)
