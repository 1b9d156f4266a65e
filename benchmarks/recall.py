"""Speed and memory of the resident index, on made-up entries: `python benchmarks/recall.py --entries 100000`."""

import argparse
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import count

import numpy as np

from memu.recall.base import Delta, Entry, Query
from memu.recall.dense import unit
from memu.recall.index import ScopeIndex
from memu.recall.ranking import fuse
from memu.recall.text import analyzer

WORDS_PER_ENTRY = 20
GROUP = 500
VOCABULARY = 30_000


class Corpus:
    """Entries whose words follow Zipf's law, with random vectors, in groups of `GROUP` with two speakers each."""

    def __init__(self, dimension: int) -> None:
        self.random = np.random.default_rng(7)
        self.dimension = dimension
        letters = np.array(list("abcdefghijklmnoprstuvw"))
        self.words = ["".join(self.random.choice(letters, self.random.integers(3, 10))) for _ in range(VOCABULARY)]
        self.odds = 1 / np.arange(3, VOCABULARY + 3)
        self.odds /= self.odds.sum()

    def text(self, words: int = WORDS_PER_ENTRY) -> str:
        return " ".join(self.words[i] for i in self.random.choice(VOCABULARY, words, p=self.odds))

    def vector(self) -> np.ndarray:
        return self.random.standard_normal(self.dimension, np.float32)

    def entries(self, size: int) -> Iterator[Entry]:
        picks = self.random.choice(VOCABULARY, (size, WORDS_PER_ENTRY), p=self.odds)
        for i in range(size):
            yield Entry(
                id=entry_id(i),
                text="user: " + " ".join(self.words[word] for word in picks[i]),
                vector=self.vector(),
                group=f"resource-{i // GROUP}",
                position=i % GROUP * 100,
                speaker=("user", "assistant")[i % 2],
                fields={"memory_type": "event", "rare": i % 1000 == 0, "number": i},
            )


class Paused:
    """Hands on entries and sums up the time that making them took, so that it can be left out."""

    def __init__(self, entries: Iterator[Entry]) -> None:
        self.entries = entries
        self.seconds = 0.0

    def __iter__(self) -> Iterator[Entry]:
        return self

    def __next__(self) -> Entry:
        start = time.perf_counter()
        try:
            return next(self.entries)
        finally:
            self.seconds += time.perf_counter() - start


def entry_id(number: int) -> str:
    """Ids whose order is not that of their numbers."""
    return f"{number * 2654435761 % 2**32:08x}"


def milliseconds(call: Callable[[], object], repeat: int = 30) -> str:
    """Median and 95th percentile of a call."""
    call()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1000)
    return f"median {statistics.median(times):6.2f} ms   p95 {sorted(times)[int(repeat * 0.95) - 1]:6.2f} ms"


def rate(label: str, number: int, start: float) -> None:
    seconds = time.perf_counter() - start
    print(f"{label:42} {number / seconds:10,.0f} entries/s   ({seconds / number * 1e6:.1f} µs each)")


def resident_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def signals(index: ScopeIndex, corpus: Corpus, queries: Iterator[Query]) -> None:
    """Time each step of a search alone."""
    table = index._table
    analyze = analyzer().terms
    query = next(queries)
    terms, vector = analyze(query.text), unit(corpus.vector())
    evidence = table.evidence(terms, vector)

    def lexical_scores() -> object:
        return table.lexical.scores(terms, table.live, table.passages.of_slot, len(table.passages.before))

    print(f"{'  analysis':42} {milliseconds(lambda: analyze(query.text))}")
    print(f"{'  lexical':42} {milliseconds(lexical_scores)}")
    print(f"{'  dense':42} {milliseconds(lambda: table.dense.scores(vector, len(table.ids)))}")
    print(f"{'  fusion':42} {milliseconds(lambda: fuse(evidence, table.weights))}")


def searches(index: ScopeIndex, corpus: Corpus) -> None:
    queries = iter([Query(text="user " + corpus.text(8), vector=corpus.vector(), top_k=10) for _ in range(64)] * 1000)
    print(f"{'search, words and vector, top 10':42} {milliseconds(lambda: index.search(next(queries)))}")
    signals(index, corpus, queries)

    def changed(**changes: object) -> Callable[[], object]:
        def call() -> object:
            query = next(queries)
            values = {"text": query.text, "vector": query.vector, "top_k": 10} | changes
            return index.search(Query(**values))  # type: ignore[arg-type]

        return call

    print(f"{'search, words only':42} {milliseconds(changed(vector=None))}")
    print(f"{'search, vector only':42} {milliseconds(changed(text=''))}")
    print(f"{'search, filter that keeps 1 in 1000':42} {milliseconds(changed(keep=lambda fields: fields['rare']))}")
    print(f"{'search, filter that keeps none':42} {milliseconds(changed(keep=lambda fields: False))}")
    print(f"{'search, no evidence at all':42} {milliseconds(changed(text='the', vector=None))}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=384)
    options = parser.parse_args()
    corpus = Corpus(options.dimension)
    entries = Paused(corpus.entries(options.entries))
    before = resident_bytes()
    index = ScopeIndex()
    start = time.perf_counter()
    index.apply(Delta(entries, (), seq=1, epoch="e", complete=True))
    rate(f"load of {options.entries:,} x {options.dimension}", len(index), start + entries.seconds)
    held = resident_bytes() - before
    print(
        f"{'memory per entry':42} {index.nbytes / len(index):10,.0f} bytes estimated, {held / len(index):,.0f} measured"
    )
    searches(index, corpus)

    sequence = count(2)
    fresh = [Entry(f"new-{i}", corpus.text(), corpus.vector(), "resource-0", i * 7) for i in range(2000)]
    start = time.perf_counter()
    for entry in fresh:
        index.apply(Delta([entry], (), seq=next(sequence), epoch="e"))
    rate("one entry at a time", len(fresh), start)
    start = time.perf_counter()
    for entry in fresh:
        index.apply(Delta([entry], (), seq=next(sequence), epoch="e"))
    rate("one replacement at a time", len(fresh), start)
    gone = [entry_id(number) for number in range(options.entries // 3)]
    start = time.perf_counter()
    index.apply(Delta((), gone, seq=next(sequence), epoch="e"))
    rate("removal of a third", len(gone), start)
    start = time.perf_counter()
    index._table = index._table.compacted()
    rate("compaction", len(index), start)


if __name__ == "__main__":
    main()
