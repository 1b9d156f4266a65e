"""What references to items lead to: ids, and the beginnings of ids that only one item of the scope has."""

from collections.abc import Sequence

from memu.backends.base import Condition
from memu.backends.schema import ITEMS
from memu.database.unit import ScopedReader
from memu.errors import InputError
from memu.utils.references import SHORTEST

SHOWN = 5
"""How many ids an error about an ambiguous reference names."""


def resolve(reader: ScopedReader, references: Sequence[str], *, strict: bool = True) -> list[str]:
    """The ids that references name, each once, in their order; those that name nothing here are left out.

    Raises:
        InputError: the beginning of several ids; where it is not `strict`, that is left out, too.
    """
    asked = tuple(dict.fromkeys(references))
    whole = {row["id"] for row in reader.find(ITEMS, [Condition("id", "in", asked)], columns=("id",))}
    found = [one if one in whole else _begins(reader, one, strict) for one in asked]
    return list(dict.fromkeys(one for one in found if one is not None))


def _begins(reader: ScopedReader, beginning: str, strict: bool) -> str | None:
    if len(beginning) < SHORTEST:
        return None
    end = beginning[:-1] + chr(ord(beginning[-1]) + 1)
    between = [Condition("id", "gte", beginning), Condition("id", "lt", end)]
    ids = [row["id"] for row in reader.find(ITEMS, between, order=("id",), limit=SHOWN, columns=("id",))]
    if len(ids) > 1 and strict:
        raise InputError(f"the reference {beginning!r} is the beginning of several ids, {', '.join(ids)}: give more.")
    return ids[0] if len(ids) == 1 else None
