"""Personas: who an agent is, kept in a provider and found by what they are about."""

from collections.abc import Mapping
from typing import Any

from memorizz.enums import RoleType
from memorizz.keeping import checked_provider, keep, name_of, sentences, text_of
from memorizz.memory_provider.base import UNSET, MemoryProvider, Owner
from memorizz.memory_provider.ids import new_id
from memorizz.memory_provider.memory_type import MemoryType
from memorizz.memory_provider.results import Document, Results
from memu.errors import InputError

__all__ = ["Persona", "RoleType"]

PERSONAS = MemoryType.PERSONAS
CHANGEABLE = ("name", "role", "goals", "background")

TASKS = {
    RoleType.GENERAL: "You help with whatever is asked of you.",
    RoleType.ASSISTANT: "You take tasks off the user's hands and keep track of what was agreed.",
    RoleType.CUSTOMER_SUPPORT: "You solve customers' problems patiently and say what happens next.",
    RoleType.TECHNICAL_EXPERT: "You answer technical questions exactly and say how an answer can be checked.",
    RoleType.RESEARCHER: "You gather evidence, weigh it, and name your sources.",
}
"""What the prompt says of each known role."""


class Persona:
    """Who an agent is. It stays as it was made: what its role adds stands in the prompt, never in what is kept.

    Args:
        name: what it is called; two personas may share a name.
        role: a `RoleType`, its value, or words of your own.
        goals: what it is after.
        background: what it knows and where it comes from.
        persona_id: its id, that of its document too; a new one when it is not given.
        user_id: the user that it belongs to.

    Raises:
        InputError: a name or an id that cannot be kept.
        InputTypeError: something that is no string.
    """

    def __init__(
        self,
        name: str,
        role: RoleType | str,
        goals: str = "",
        background: str = "",
        persona_id: str | None = None,
        user_id: str | None = None,
    ) -> None:
        self.name = name_of(name, "name")
        self.role = role_of(role)
        self.goals = text_of(goals, "goals")
        self.background = text_of(background, "background")
        self.persona_id = new_id() if persona_id is None else name_of(persona_id, "persona_id")
        self.user_id = None if user_id is None else name_of(user_id, "user_id")

    def __repr__(self) -> str:
        return f"Persona(name={self.name!r}, role={self.role_name!r}, persona_id={self.persona_id!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Persona) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(self.persona_id)

    @property
    def role_name(self) -> str:
        """The role in words."""
        return self.role.value if isinstance(self.role, RoleType) else self.role

    def to_dict(self) -> Document:
        """The persona as a document, without an embedding."""
        return {
            "persona_id": self.persona_id, "name": self.name, "role": self.role_name,
            "goals": self.goals, "background": self.background, "user_id": self.user_id,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "Persona":
        """The persona of a document; keys that a persona does not have are passed over."""
        own = {key: document[key] for key in (*CHANGEABLE, "user_id") if document.get(key) is not None}
        return cls(**{"name": None, "role": RoleType.GENERAL, **own}, persona_id=_id_of(document))

    def generate_system_prompt_input(self) -> str:
        """The persona as the beginning of a system prompt."""
        task = TASKS.get(self.role) if isinstance(self.role, RoleType) else None
        lines = [f"You are {self.name}. Your role: {self.role_name}.", task or ""]
        lines += [
            f"{title}: {text}" for title, text in (("Goals", self.goals), ("Background", self.background)) if text
        ]
        return "\n".join(filter(None, lines))

    def store_persona(self, provider: MemoryProvider) -> str:
        """Keep the persona, or bring the one of its id up to date; returns the id."""
        text = sentences(self.name, self.role_name, self.goals, self.background)
        return keep(provider, PERSONAS, self.persona_id, self.to_dict(), text)

    def update(self, updates: Mapping[str, Any], provider: MemoryProvider | None = None) -> bool:
        """Change some of `name`, `role`, `goals` and `background`, here and, with a provider, where it is kept.

        Returns:
            Whether it was kept.

        Raises:
            InputError: another key, or a value that cannot be kept; nothing is changed then.
        """
        unknown = sorted(set(map(str, updates)) - set(CHANGEABLE))
        if unknown:
            raise InputError(f"a persona's {unknown[0]!r} cannot be changed: expected {', '.join(CHANGEABLE)}.")
        own = {key: getattr(self, key) for key in (*CHANGEABLE, "persona_id", "user_id")}
        changed = Persona(**own | dict(updates))
        place = provider
        if place is not None:
            changed.store_persona(place)
        self.__dict__.update(vars(changed))
        return place is not None

    @staticmethod
    def retrieve_persona(persona_id: str, provider: MemoryProvider, *, user_id: Owner = UNSET) -> "Persona | None":
        """The persona of an id."""
        found = checked_provider(provider).retrieve_by_id(persona_id, PERSONAS, user_id=user_id)
        return None if found is None else Persona.from_dict(found)

    @staticmethod
    def delete_persona(persona_id: str, provider: MemoryProvider, *, user_id: Owner = UNSET) -> bool:
        """Delete a persona; whether there was one."""
        return checked_provider(provider).delete_by_id(persona_id, PERSONAS, user_id=user_id)

    @staticmethod
    def list_personas(provider: MemoryProvider, *, user_id: Owner = UNSET) -> Results:
        """The documents of all personas, the newest first; `from_dict` makes a persona of each."""
        return checked_provider(provider).list_all(PERSONAS, user_id)

    @staticmethod
    def get_most_similar_persona(
        input: str, provider: MemoryProvider, limit: int = 1, *, user_id: Owner = UNSET
    ) -> Results:
        """The documents of the personas that suit a text best, with `score`; `from_dict` makes a persona of each."""
        return checked_provider(provider).retrieve_by_query(text_of(input, "input"), PERSONAS, limit, user_id=user_id)


def role_of(given: Any) -> RoleType | str:
    """A role: a known one by its value, or words."""
    if isinstance(given, RoleType):
        return given
    words = name_of(given, "role")
    return RoleType(words) if words in {one.value for one in RoleType} else words


def _id_of(document: Mapping[str, Any]) -> str | None:
    return next((str(one) for key in ("persona_id", "_id", "id") if (one := document.get(key)) is not None), None)
