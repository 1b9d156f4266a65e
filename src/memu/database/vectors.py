"""Which vectors stand in one store: all of one dimension, all of one embedder."""

from dataclasses import dataclass
from typing import Any

from memu.backends.base import Transaction, equals
from memu.backends.schema import META
from memu.errors import EmbedderMismatch, VectorError

EMBEDDER = "embedder"


@dataclass(frozen=True, slots=True)
class Recorded:
    """The embedder that a store's vectors come from."""

    name: str
    dimension: int
    normalized: bool = False

    @property
    def known(self) -> bool:
        """False for vectors whose model nobody named."""
        return not self.name.startswith("unknown/")

    def as_dict(self) -> dict[str, Any]:
        """As it is stored."""
        return {"name": self.name, "dimension": self.dimension, "normalized": self.normalized}


def unknown(dimension: int) -> Recorded:
    """What is recorded for vectors that came with no model name."""
    return Recorded(f"unknown/{dimension}", dimension)


def recorded(transaction: Transaction) -> Recorded | None:
    """The store's embedder; None before its first vector."""
    row = transaction.get(META, equals(name=EMBEDDER))
    return Recorded(**row["value"]) if row else None


def record(transaction: Transaction, embedder: Recorded) -> None:
    """Name the store's embedder, whatever it was before."""
    transaction.put(META, [{"name": EMBEDDER, "value": embedder.as_dict()}], "replace")


def fits(held: Recorded | None, wanted: Recorded) -> bool:
    """Whether vectors of `wanted` can stand beside those of `held`."""
    if held is None:
        return True
    return held.dimension == wanted.dimension and (held.name == wanted.name or not (held.known and wanted.known))


def require(transaction: Transaction, wanted: Recorded) -> Recorded | None:
    """The store's embedder, which vectors of `wanted` can stand beside; raises as `claim` does when they cannot."""
    held = recorded(transaction)
    if held is not None and not fits(held, wanted):
        raise mismatch(held, wanted)
    return held


def decides(held: Recorded | None, wanted: Recorded) -> bool:
    """Whether claiming `wanted` would change what is recorded."""
    return held is None or (wanted.known and not held.known)


def claim(transaction: Transaction, wanted: Recorded) -> bool:
    """Record `wanted` as the store's embedder, or make sure that it is; whether these are the store's first vectors.

    Raises:
        EmbedderMismatch: the store's vectors come from another embedder.
        VectorError: vectors without a model name have another dimension than the store's.
    """
    held = require(transaction, wanted)
    if decides(held, wanted):
        record(transaction, wanted)
    return held is None


def mismatch(held: Recorded, wanted: Recorded) -> EmbedderMismatch | VectorError:
    """The error for vectors that do not belong together."""
    if not wanted.known:
        return VectorError(
            f"the vector has {wanted.dimension} dimensions: this store holds vectors of {held.dimension} ({held.name})."
        )
    return EmbedderMismatch(
        f"the store's vectors come from {held.name} ({held.dimension} dimensions), the service is configured for "
        f"{wanted.name} ({wanted.dimension}): configure {held.name}, or move the store with `memu reembed`."
    )
