"""Extractive summaries and captions: the most telling sentences, as they stand."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memu.extract.base import CategoryView, ExtractedItem, index_text
from memu.extract.patterns import lazy
from memu.extract.reading import Reading, read_sentence
from memu.extract.sentences import LONGEST
from memu.extract.smalltalk import weight

CAPTION_LENGTH = 200
"""Characters that a caption has at most."""

_LEAD = lazy(r"^[^:.!?\n]{1,120}:\s+")
_SAME = 0.8
_UNLIKE = 0.3  # the cosine of sentences that have the speaker in common and nothing else
_WORTH = 0.4
_REPETITION = 0.5
_CAPTION_SENTENCES = 2
_CAPTION_TEXTS = 1000

Scores = NDArray[np.float64]


class ExtractiveSummarizer:
    """A `Summarizer` without a language model: central and new sentences, none of them twice."""

    def choose(
        self, category: CategoryView, texts: Sequence[str], vectors: NDArray[np.float32] | None, *, target_length: int
    ) -> list[int]:
        """The positions of the chosen texts, in the order of the texts (oldest first); see `Summarizer`.

        A text gains by being near to the others and to the category, by its figures, names and content, and by being
        new. A text that is said again later, almost in the same words, is left out for the later one. When no text is
        as short as `target_length`, the shortest is chosen.
        """
        if not texts:
            return []
        group = _Group(texts, vectors)
        score = 0.3 * group.centrality() + 0.35 * np.linspace(0.0, 1.0, len(texts)) + 0.35 * group.substance()
        if vectors is not None and category.vector is not None:
            score = score + 0.4 * _spread(vectors @ category.vector)
        return group.pick(score, target_length)


def choose_caption(items: Sequence[ExtractedItem]) -> str | None:
    """One or two telling sentences of a source, with who said them; None when it gave no items.

    In a document the first sentences count for more, because that is where it says what it is about.
    """
    spoken = any(item.speaker for item in items)
    texts = [" ".join(index_text(item.summary, item.speaker).split()) for item in items[:_CAPTION_TEXTS]]
    if not texts:
        return None
    group = _Group(texts, None)
    lead = np.zeros(len(texts)) if spoken else 1.0 / np.arange(1, len(texts) + 1)
    score = 0.5 * group.centrality() + 0.5 * group.substance() + lead
    chosen = group.pick(score, CAPTION_LENGTH, most=_CAPTION_SENTENCES)
    caption = " ".join(texts[position] for position in chosen)
    return caption if len(caption) <= CAPTION_LENGTH else caption[: CAPTION_LENGTH - 1].rstrip() + "…"


class _Group:
    """Texts that are compared with each other, by their vectors where there are any, else by their words."""

    def __init__(self, texts: Sequence[str], vectors: NDArray[np.float32] | None) -> None:
        self.lengths = np.array([len(text) for text in texts])
        self.vectors = vectors
        self.readings = [read_sentence(_LEAD().sub("", text[:LONGEST])) for text in texts]
        self.words = [_words(reading) for reading in self.readings]

    def centrality(self) -> Scores:
        """How near each text is to all of them, 0..1."""
        if self.vectors is not None:
            return _spread(self.vectors @ self.vectors.mean(axis=0))
        frequency = Counter(word for words in self.words for word in words)
        shared = [sum(frequency[word] - 1 for word in words) / max(1, len(words)) ** 0.5 for words in self.words]
        return _spread(np.array(shared, dtype=np.float64))

    def substance(self) -> Scores:
        """How much each text says, 0..1."""
        return np.array([min(max(weight(reading) / 8.0, 0.0), 1.0) for reading in self.readings])

    def likeness(self, position: int) -> Scores:
        """How alike each text is to the one at `position`, 0..1."""
        if self.vectors is not None:
            cosines: Scores = (self.vectors @ self.vectors[position]).astype(np.float64)
            return np.clip((cosines - _UNLIKE) / (1.0 - _UNLIKE), 0.0, 1.0)
        words = self.words[position]
        return np.array([len(words & other) / max(1, len(words | other)) for other in self.words])

    def pick(self, score: Scores, room: int, *, most: int | None = None) -> list[int]:
        """Choose the best that fit into `room` characters, each counting less the more it repeats one chosen before.

        Once one is chosen, those that are worth much less than the best are not taken just because they fit.
        """
        score, chosen = score.copy(), list[int]()
        least = _WORTH * float(score.max())
        while len(chosen) < (most or len(score)):
            score[self.lengths > room] = -np.inf
            best = int(np.argmax(score))
            if score[best] == -np.inf or (chosen and score[best] < least):
                break
            alike = self.likeness(best)
            later = np.flatnonzero(alike[best + 1 :] >= _SAME)
            if later.size and self.lengths[best + 1 + later[-1]] <= room:
                score[best] = -np.inf
                continue
            chosen.append(best)
            room -= int(self.lengths[best]) + 1
            score -= _REPETITION * alike
            score[(alike >= _SAME)] = -np.inf
            score[best] = -np.inf
        return sorted(chosen) or [int(np.argmin(self.lengths))]


def _words(reading: Reading) -> frozenset[str]:
    """What a text is compared by where there are no vectors: its words with content, else all its words."""
    return frozenset(reading.content or reading.tokens or (reading.text,))


def _spread(values: NDArray[np.floating]) -> Scores:
    """Values stretched to 0..1; all equal ones are 0."""
    low, high = float(np.min(values)), float(np.max(values))
    return (np.asarray(values, dtype=np.float64) - low) / (high - low) if high > low else np.zeros(len(values))
