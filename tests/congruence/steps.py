"""What is done to two stores: every operation that changes memories, drawn at random, refused ones among them."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from congruence.pairs import Pair, Person
from congruence.questions import CATEGORY_NAMES, METADATA, SPEAKERS, vector
from memu.models import MEMORY_TYPES
from memu.testing.speech import FACTS, talk

MORE = (
    "I keep a boat in the harbour. It is blue.",
    "We have a garden with a green gate, and my neighbour waters it.",
    "My friend 李 sells 😀 stickers in Kraków.",
)


class Steps:
    """Random operations on one pair of stores, for some owners."""

    def __init__(self, pair: Pair, draw: Random, people: tuple[Person, ...], folder: Path) -> None:
        self.pair = pair
        self.draw = draw
        self.people = people
        self.folder = folder
        self.talks: dict[str, list[list[str]]] = {}
        self.done: dict[str, int] = {}
        self.refused = 0

    def step(self) -> None:
        """One operation."""
        person = self.draw.choice(self.people)
        chosen = self.draw.choices(list(OPERATIONS), weights=list(OPERATIONS.values()))[0]
        answer = chosen(self, person)
        self.refused += isinstance(answer, str) and answer.startswith("refused")
        self.done[chosen.__name__] = self.done.get(chosen.__name__, 0) + 1

    # --- what is drawn ---

    def _item(self, person: Person) -> str:
        return self._one(person, "items")

    def _one(self, person: Person, mapping: str) -> str:
        """The id of a record; sometimes another owner's, or nobody's."""
        if self.draw.random() < 0.08:
            person = self.draw.choice(self.people)
        ids = list(getattr(self.pair.reference.of(person), mapping))
        return self.draw.choice(ids) if ids else "00000000-0000-4000-8000-000000000000"

    def _metadata(self) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for path in self.draw.sample(("channel", "part", "flag", "deep.place"), k=2):
            name, _, inner = path.partition(".")
            value = self.draw.choice(METADATA[path])
            made[name] = {inner: value} if inner else value
        return made

    def _names(self) -> list[str]:
        return self.draw.sample(CATEGORY_NAMES, k=self.draw.randrange(3))

    def _words(self) -> str:
        return self.draw.choice((*FACTS, *MORE))

    # --- memorize ---

    def memorize_talk(self, person: Person) -> Any:
        """A conversation: a new one, a known one, or a known one with more at its end."""
        known = self.talks.setdefault(str(person), [])
        facts = self.draw.sample(FACTS, k=self.draw.randint(1, 4))
        if known and self.draw.random() < 0.5:
            before = self.draw.choice(known)
            facts = [*before, *(one for one in facts if one not in before)][: len(before) + self.draw.randrange(3)]
        known.append(facts)
        messages = talk(facts, self.draw.choice(SPEAKERS))
        return self.pair.call("memorize", messages, user=dict(person), metadata=self._metadata())

    def memorize_sentence(self, person: Person) -> Any:
        return self.pair.call("memorize", self._words(), user=dict(person))

    def memorize_file(self, person: Person) -> Any:
        path = self.folder / f"notes-{self.draw.randrange(2)}.md"
        parts = self.draw.sample((*FACTS[:4], *MORE), k=3)
        path.write_text("# Notes\n\n" + "\n\n".join(parts) + "\n", encoding="utf-8")
        return self.pair.call("memorize", resource_url=str(path), user=dict(person), metadata=self._metadata())

    # --- items ---

    def create(self, person: Person) -> Any:
        return self.pair.call(
            "create_memory_item",
            memory_type=self.draw.choice(MEMORY_TYPES),
            memory_content=self._words(),
            memory_categories=self._names(),
            metadata=self._metadata(),
            user=dict(person),
        )

    def create_with_vector(self, person: Person) -> Any:
        options: dict[str, Any] = {
            "memory_type": self.draw.choice(MEMORY_TYPES),
            "summary": self._words(),
            "embedding": vector(self.draw),
            "resource_id": self.draw.choice((None, self._one(person, "resources"))),
            "metadata": self._metadata(),
            "speaker": self.draw.choice((None, *SPEAKERS)),
            "said_at": self.draw.choice((None, datetime.fromisoformat("2024-05-08T13:02:00.000001+00:00"))),
            "happened_at": self.draw.choice((None, datetime.fromisoformat("2024-03-01T00:00:00+00:00"))),
        }
        return self.pair.ask(lambda side: side.of(person).memory_item_repo.create_item(**side.own(options)))

    def update(self, person: Person) -> Any:
        return self.pair.call(
            "update_memory_item",
            memory_id=self._item(person),
            memory_content=self.draw.choice((None, self._words())),
            memory_type=self.draw.choice((None, *MEMORY_TYPES)),
            memory_categories=self.draw.choice((None, self._names())),
            metadata=self._metadata(),
            user=dict(person),
        )

    def update_with_vector(self, person: Person) -> Any:
        options = {"item_id": self._item(person), "embedding": vector(self.draw), "extra": {"n": self.draw.random()}}
        return self.pair.ask(lambda side: side.of(person).memory_item_repo.update_item(**side.own(options)))

    def assign(self, person: Person) -> Any:
        """Change a live record."""
        one, words, numbers = self._item(person), self._words(), self.draw.choice((None, vector(self.draw)))

        def change(side: Any) -> Any:
            item = side.of(person).memory_item_repo.get(side.own(one))
            if item is not None:
                item.summary = words
                item.embedding = numbers
            return item

        return self.pair.ask(change)

    def delete(self, person: Person) -> Any:
        return self.pair.call("delete_memory_item", memory_id=self._item(person), user=dict(person))

    # --- resources, categories, links ---

    def resource(self, person: Person) -> Any:
        options = {
            "url": f"https://example.org/{self.draw.choice(('1', 'É', 'é', '1 '))}",
            "modality": "text",
            "caption": self.draw.choice((None, self._words())),
            "embedding": self.draw.choice((None, vector(self.draw))),
            "metadata": self._metadata(),
        }
        return self.pair.ask(lambda side: side.of(person).resource_repo.create_resource(**options))

    def delete_resource(self, person: Person) -> Any:
        return self.pair.call("delete_resource", self._one(person, "resources"), user=dict(person))

    def category(self, person: Person) -> Any:
        name, numbers = self.draw.choice(CATEGORY_NAMES), self.draw.choice((None, vector(self.draw)))
        return self.pair.ask(lambda side: side.of(person).get_or_create_category(name=name, embedding=numbers))

    def change_category(self, person: Person) -> Any:
        """A new summary and maybe a new name, which another category may have."""
        options = {
            "category_id": self._one(person, "categories"),
            "name": self.draw.choice((None, *CATEGORY_NAMES)),
            "summary": self._words(),
            "embedding": vector(self.draw),
        }
        return self.pair.ask(lambda side: side.of(person).memory_category_repo.update_category(**side.own(options)))

    def clear_categories(self, person: Person) -> Any:
        name = self.draw.choice(CATEGORY_NAMES)
        return self.pair.ask(lambda side: side.of(person).memory_category_repo.clear({"name": name}))

    def link(self, person: Person) -> Any:
        ids = [self._item(person), self._one(person, "categories")]
        return self.pair.ask(lambda side: side.of(person).link_item_category(*side.own(ids)))

    def unlink(self, person: Person) -> Any:
        ids = [self._item(person), self._one(person, "categories")]
        return self.pair.ask(lambda side: side.of(person).category_item_repo.unlink_item_category(*side.own(ids)))

    # --- many at once, and what is refused ---

    def clear_some(self, person: Person) -> Any:
        path = self.draw.choice(("channel", "part"))
        where = {f"metadata.{path}": self.draw.choice(METADATA[path]), "memory_type": self.draw.choice(MEMORY_TYPES)}
        return self.pair.call("clear_memory", {**person, **where})

    def clear_all(self, person: Person) -> Any:
        self.talks.pop(str(person), None)
        return self.pair.call("clear_memory", dict(person))

    def forget(self, person: Person) -> Any:
        self.talks.pop(str(person), None)
        return self.pair.call("forget", user=dict(person))

    def offend(self, person: Person) -> Any:
        """A call that no store may take."""
        numbers, item = vector(self.draw), self._item(person)
        bad: dict[str, Any] = self.draw.choice(
            (
                {"embedding": numbers[:-1]},
                {"embedding": [float("nan"), *numbers[1:]]},
                {"embedding": [0.0] * len(numbers)},
                {"summary": "a\x00b"},
                {"summary": "half \ud83d"},
                {"metadata": {"a.b": 1}},
                {"memory_type": "wish"},
                {"speaker": "x" * 256},
            )
        )
        options = {"memory_type": "tool", "summary": "x", "metadata": {}, **bad}
        self.pair.ask(
            lambda side: side.of(person).memory_item_repo.update_item(item_id=side.own(item), embedding=[1.0])
        )
        return self.pair.ask(lambda side: side.of(person).memory_item_repo.create_item(**options))


OPERATIONS: dict[Callable[[Steps, Person], Any], int] = {
    Steps.memorize_talk: 6,
    Steps.memorize_sentence: 3,
    Steps.memorize_file: 4,
    Steps.create: 6,
    Steps.create_with_vector: 12,
    Steps.update: 6,
    Steps.update_with_vector: 5,
    Steps.assign: 3,
    Steps.delete: 2,
    Steps.resource: 3,
    Steps.delete_resource: 1,
    Steps.category: 3,
    Steps.change_category: 3,
    Steps.clear_categories: 1,
    Steps.link: 4,
    Steps.unlink: 2,
    Steps.clear_some: 2,
    Steps.clear_all: 1,
    Steps.forget: 1,
    Steps.offend: 2,
}
"""How often each comes, beside the others."""
