"""What is asked of two stores: lists, pages, counts, histories and searches, with filters of every operator."""

from functools import cache
from random import Random
from typing import Any

import numpy as np

from congruence.pairs import Made, Pair, Person, Side
from memu.app.retrieve import TIERS, search_tiers
from memu.scope import Scope
from memu.testing.speech import FACTS

DIMENSION, CLUSTERS = 16, 5
SPEAKERS = ("Anna", "anna", "Änna", "Ben")
CATEGORY_NAMES = ("sea", "Sea", "sée", "😀", "habits", "knowledge")
METADATA: dict[str, tuple[Any, ...]] = {
    "channel": ("mail", "Mail", "call", "maíl", "10", "9"),
    "part": (1, 2, 10, 2.5, -1, "10", True),
    "flag": (True, False, 1),
    "deep.place": ("sea", "Sea", 3),
    "nowhere": (1, "x"),
}
"""Paths into metadata and values to compare with; no type is like another."""

TIMES = ("2024-05-08T13:02:00Z", "2024-05-08", "2024-03-01T00:00:00+00:00", "2030-01-01")
COMPARISONS = ("__gt", "__gte", "__lt", "__lte")
QUERIES = (*FACTS[:5], "Clara", "the harbour in Lisbon", "boat", "garden gate", "zzz", "!")


def vector(draw: Random) -> list[float]:
    """A vector of one of a few clusters, in 32 bits."""
    center = np.random.default_rng(draw.randrange(CLUSTERS)).normal(size=DIMENSION)
    noise = np.random.default_rng(draw.randrange(2**32)).normal(size=DIMENSION)
    return [float(number) for number in (center + 0.2 * noise).astype(np.float32)]


class Questions:
    """Random questions about one pair of stores."""

    def __init__(self, pair: Pair, draw: Random) -> None:
        self.pair = pair
        self.draw = draw

    def ask_all(self, person: Person) -> None:
        """One round."""
        self.everything(person)
        for _ in range(4):
            self.listed(person)
        self.paged(person)
        self.counted(person)
        self.histories(person)
        self.texts(person)
        for _ in range(3):
            self.retrieved(person, with_vector=False)
            self.retrieved(person, with_vector=True)
            self.nearest(person)

    def everything(self, person: Person) -> None:
        """All records with their vectors and links, in their order; after this every id has its counterpart."""

        def read(side: Side) -> Any:
            database = side.of(person)
            return {
                "resources": database.resource_repo.page(),
                "items": database.memory_item_repo.page(superseded=True),
                "categories": database.memory_category_repo.page(),
                "links": database.category_item_repo.page(),
            }

        self.pair.ask(read)

    def items_filter(self, person: Person) -> dict[str, Any]:
        """A filter of one or two fields."""
        made = [self._item_test(person) for _ in range(self.draw.choice((1, 1, 2)))]
        return {key: value for one in made for key, value in one.items()}

    def _item_test(self, person: Person) -> dict[str, Any]:
        draw, ids, resources = self.draw, self._ids(person, "items"), self._ids(person, "resources")
        path = draw.choice(tuple(METADATA))
        value = draw.choice(METADATA[path])
        tests: list[dict[str, Any]] = [
            self._names("memory_type", ("event", "tool", "profile", "TOOL")),
            self._names("speaker", SPEAKERS),
            self._names("category", CATEGORY_NAMES),
            self._names("resource", (*resources, "memu:none")),
            self._names("resource_id", (*resources, "x")),
            self._names("id", (*ids, "x")),
            {f"{draw.choice(('said_at', 'happened_at'))}{draw.choice(('', '__ne', *COMPARISONS))}": draw.choice(TIMES)},
            self._names(f"metadata.{path}", METADATA[path]),
            {f"metadata.{path}{draw.choice(COMPARISONS)}": value},
        ]
        if ids:
            tests.append({f"created_at{draw.choice(COMPARISONS)}": Made(draw.choice(ids))})
        return draw.choice(tests)

    def _names(self, field: str, values: tuple[Any, ...]) -> dict[str, Any]:
        match self.draw.randrange(3):
            case 0:
                return {field: self.draw.choice(values)}
            case 1:
                return {f"{field}__ne": self.draw.choice(values)}
            case _:
                return {f"{field}__in": [self.draw.choice(values) for _ in range(self.draw.randrange(4))]}

    def _ids(self, person: Person, mapping: str) -> tuple[str, ...]:
        return tuple(getattr(self.pair.reference.of(person), mapping))

    def listed(self, person: Person) -> None:
        """Lists, whole."""
        superseded = self.draw.random() < 0.3
        where = {**person, **self.items_filter(person)}
        self.pair.call("list_memory_items", where, include_superseded=superseded)
        self.pair.call("list_memory_categories", {**person, **self._names("name", CATEGORY_NAMES)})
        url = self.draw.choice(("https://example.org/1", "https://example.org/É", "https://example.org/é"))
        mail = self._names("metadata.channel", METADATA["channel"])
        self.pair.call("list_resources", {**person, **self.draw.choice(({"url": url}, {"url__ne": url}, mail))})

    def paged(self, person: Person) -> None:
        """Lists, page by page."""
        size = self.draw.randint(1, 7)
        for name, where in (
            ("list_memory_items", {**person, **self.items_filter(person)}),
            ("list_memory_categories", dict(person)),
            ("list_resources", dict(person)),
        ):

            def walk(side: Side, name: str = name, where: dict[str, Any] = where) -> list[Any]:
                pages, cursor = [], None
                while not pages or cursor:
                    answer = getattr(side.memory, name)(side.own(where), limit=size, cursor=cursor)
                    pages.append({key: value for key, value in answer.items() if key != "next_cursor"})
                    cursor = answer["next_cursor"]
                return pages

            self.pair.ask(walk)

    def counted(self, person: Person) -> None:
        """Counts, of one owner and of all."""
        where = self.items_filter(person)
        self.pair.ask(lambda side: side.of(person).memory_item_repo.count(side.own(where)))
        whole = {"memory_type__in": ["event", "tool"], **self._names("metadata.channel", METADATA["channel"])}
        self.pair.ask(lambda side: side.service.database.memory_item_repo.count(whole))
        self.pair.ask(lambda side: side.service.database.memory_item_repo.count({"user_id": person["user_id"]}))
        self.pair.ask(lambda side: side.of(person).category_item_repo.count())

    def histories(self, person: Person) -> None:
        """What items were before."""
        for one in self._ids(person, "items")[-8:]:
            self.pair.ask(lambda side, one=one: side.of(person).memory_item_repo.history(side.own(one)))
            self.pair.call("get_memory_item", one, user=dict(person))

    def texts(self, person: Person) -> None:
        """The words of resources."""
        for one in self._ids(person, "resources")[-4:]:
            self.pair.call("get_resource_text", one, user=dict(person))
            self.pair.call("get_resource_messages", one, user=dict(person))

    def retrieved(self, person: Person, *, with_vector: bool) -> None:
        """The three tiers of an answer, by words, or by words and a vector."""
        question = self.draw.choice(QUERIES)
        numbers = np.asarray(vector(self.draw), dtype=np.float32)
        asked = numbers / np.linalg.norm(numbers) if with_vector else None
        where = self.items_filter(person) if self.draw.random() < 0.5 else {}
        top_k, least = self.draw.choice((1, 3, 10, 60)), self.draw.choice((None, None, 0.2))

        @cache
        def tiers(side: Side, count: int) -> dict[str, Any]:
            parts, scope = side.service.parts, Scope.of(person)
            return search_tiers(parts, scope, question, asked, side.own(where), count, least)[0]

        for tier, _, _ in TIERS:
            self.pair.rank(
                top_k,
                lambda side, count, tier=tier: [(one["id"], one["score"]) for one in tiers(side, count)[tier]],
            )
        if not with_vector:
            self.pair.ask(lambda side: side.memory.retrieve(question, side.own({**person, **where}))["signals"])

    def nearest(self, person: Person) -> None:
        """Items by their vectors alone."""
        numbers = vector(self.draw)
        where = self.items_filter(person) if self.draw.random() < 0.5 else {}
        top_k = self.draw.choice((1, 3, 10, 60))
        self.pair.rank(
            top_k,
            lambda side, count: side.of(person).memory_item_repo.vector_search_items(numbers, count, side.own(where)),
        )
