"""Text to vectors: what an embedder is, and the one that runs on this machine."""

from memu.embedding.base import Embedder, EmbedderIdentity
from memu.embedding.weights import find_weights, load_embedder

__all__ = ["Embedder", "EmbedderIdentity", "find_weights", "load_embedder"]
