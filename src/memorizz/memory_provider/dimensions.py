"""The dimension of a table's vectors: configured, or that of its first one."""

from collections.abc import Mapping

from memorizz.memory_provider.memory_type import MemoryType, memory_type
from memorizz.memory_provider.schema import META
from memu.backends.base import Transaction, equals
from memu.errors import ConfigError, InputError, VectorError

ByType = Mapping[MemoryType | str, int]


class Dimensions:
    """What is configured, and what a store has recorded.

    Raises:
        ConfigError: a configured dimension is no positive number.
    """

    def __init__(self, configured: int | ByType | None) -> None:
        by_type = configured if isinstance(configured, Mapping) else dict.fromkeys(MemoryType, configured)
        try:
            by_kind = {memory_type(kind): number for kind, number in by_type.items() if number is not None}
        except InputError as error:
            raise ConfigError(f"embedding_dimensions: {error}") from None
        self._configured = {kind: _sound(number) for kind, number in by_kind.items()}

    def known(self, transaction: Transaction, kind: MemoryType) -> int | None:
        """The dimension of a table; None before its first vector, where none is configured."""
        return self._recorded(transaction, kind) or self._configured.get(kind)

    def check(self, transaction: Transaction, kind: MemoryType, dimension: int) -> int | None:
        """What is recorded of a table, in which a vector of this dimension may stand.

        Raises:
            VectorError: the table holds, or is configured for, vectors of another dimension.
        """
        recorded = self._recorded(transaction, kind)
        for expected in (recorded, self._configured.get(kind)):
            self.agree(kind, expected, dimension)
        return recorded

    def agree(self, kind: MemoryType, expected: int | None, dimension: int, *, searched: bool = False) -> None:
        """Raise VectorError unless a vector of this dimension can stand beside, or be searched among, the expected."""
        if expected is not None and expected != dimension:
            remedy = "use one embedding model, or delete_all() of the type before you change to another."
            if searched:
                remedy = "search by the model that the documents were embedded by; embedder= embeds texts."
            raise VectorError(
                f"vector dimension mismatch: the embedding has {dimension} dimensions, {kind.value} takes {expected}: "
                f"{remedy}"
            )

    def allows(self, transaction: Transaction, kind: MemoryType, dimension: int, *, alone: bool) -> bool:
        """Whether a vector may be written; a table's first one only by a transaction alone, which then records it."""
        if self.check(transaction, kind, dimension) is None:
            if not alone:
                return False
            transaction.put(META, [{"name": _name(kind), "number": dimension}], "replace")
            transaction.fix_dimension(kind.value, dimension)
        return True

    def forget(self, transaction: Transaction, kind: MemoryType) -> None:
        """The table's next vector is its first; in a transaction alone."""
        if transaction.delete(META, equals(name=_name(kind))):
            transaction.fix_dimension(kind.value, None)

    def _recorded(self, transaction: Transaction, kind: MemoryType) -> int | None:
        row = transaction.get(META, equals(name=_name(kind)))
        return int(row["number"]) if row else None


def _name(kind: MemoryType) -> str:
    return f"dimension:{kind.value}"


def _sound(number: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ConfigError(f"embedding_dimensions is {number!r}: expected a positive number, or one by memory type.")
    return number
