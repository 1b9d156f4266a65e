"""The seam between text and memory items: what an extractor is given and what it makes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from memu.sources.base import Source


@dataclass(frozen=True, slots=True)
class Fact:
    """One value of one functional attribute of one subject: "maya", "lives in", "Lisbon"."""

    subject: str
    attribute: str
    value: str

    def as_dict(self) -> dict[str, str]:
        """The form in which it is kept with its item."""
        return {"subject": self.subject, "attribute": self.attribute, "value": self.value}


@dataclass(slots=True)
class ExtractedItem:
    """One thing worth remembering.

    `summary` is the words of `source.text[start:end]` verbatim, unless `note` says why it is not. `categories` is None
    when the extractor leaves the filing to a `Categorizer`. `happened_at` is when the thing happened or is to happen,
    where the words say so; `said_at` when they were said. `around` is what its message says beside all its items, and
    the question that it answers: the message is found by those words, too, but they are not remembered for themselves.
    `fact` is what it states of an attribute that has one value at a time; `supersedes` are the ids of items that the
    extractor itself has found not to hold beside this one: of the two, the one that was said first has ended. `repeats`
    is nothing, or the id of an item that says all of it already, which then counts it.
    """

    summary: str
    memory_type: str
    message_ids: tuple[str, ...]
    start: int
    end: int
    speaker: str | None = None
    said_at: datetime | None = None
    happened_at: datetime | None = None
    heading: str | None = None
    categories: tuple[str, ...] | None = None
    note: str | None = None
    around: str | None = None
    fact: Fact | None = None
    supersedes: tuple[str, ...] = ()
    repeats: tuple[str, ...] = ()

    @property
    def index_text(self) -> str:
        """The words that search sees: the summary with its speaker or heading."""
        return index_text(self.summary, self.speaker, self.heading)


@dataclass(slots=True)
class Extraction:
    """All that one source gave: its items in the order of the text, and a caption of one or two sentences.

    `windows` counts the parts that it was read in, by who read them: a language model, or the rules.
    """

    items: list[ExtractedItem]
    caption: str | None = None
    warnings: list[str] = field(default_factory=list)
    windows: dict[str, int] = field(default_factory=lambda: {"model": 0, "rules": 1})


@dataclass(frozen=True, slots=True)
class CategoryView:
    """A category as filing and summarising see it; `vector` embeds "name: description", None without an embedder."""

    name: str
    description: str
    vector: NDArray[np.float32] | None = None


class Extractor(Protocol):
    """Turns a source into items."""

    def extract(
        self,
        source: Source,
        *,
        first: int = 0,
        memory_types: Sequence[str] = (),
        positions: Sequence[int] | None = None,
    ) -> Extraction:
        """Extract from the messages of `source` from position `first` on (earlier ones are context only).

        With `positions`, which are in order, only the messages at these are extracted from.
        """
        ...


class Categorizer(Protocol):
    """Files items in categories."""

    def assign(
        self, items: Sequence[ExtractedItem], vectors: NDArray[np.float32] | None, categories: Sequence[CategoryView]
    ) -> list[tuple[str, ...]]:
        """The names of the categories of each item, best first; none where no category is sure enough.

        Args:
            items: n items.
            vectors: their embeddings, shape (n, dimension), unit rows; None without an embedder.
            categories: the categories to choose from.
        """
        ...


class Summarizer(Protocol):
    """Keeps a category's summary alive."""

    def choose(
        self, category: CategoryView, texts: Sequence[str], vectors: NDArray[np.float32] | None, *, target_length: int
    ) -> list[int]:
        """The positions of the texts (oldest first) that make the summary, in the order in which they are to stand.

        Together they have at most about `target_length` characters; at least one is chosen when there is any.
        """
        ...


def index_text(summary: str, speaker: str | None = None, heading: str | None = None) -> str:
    """The words that search sees for an item: who said it or where it stands, and what it says."""
    lead = speaker or heading
    return f"{lead}: {summary}" if lead else summary
