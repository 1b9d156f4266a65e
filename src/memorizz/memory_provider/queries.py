"""The forms that a query may have, read into one: a text or a vector, conditions, and a limit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memorizz.memory_provider.base import UNSET, Owner
from memorizz.memory_provider.documents import EMBEDDING, vector_of
from memorizz.memory_provider.filters import conditions, of_owner
from memorizz.memory_provider.ids import refuse_many
from memorizz.memory_provider.memory_type import MemoryType
from memu.backends.base import Condition
from memu.errors import InputError, InputTypeError

TEXT_KEYS = ("query", "text")
LIMIT = "limit"
MOST = 2**31 - 2**16
"""What every database takes as a limit; none has as many documents."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked: the rows that meet `where`, nearest to a text or a vector, or the newest."""

    kind: MemoryType
    text: str | None
    vector: NDArray[np.float32] | None
    where: list[Condition]
    owner: list[Condition]
    limit: int

    @property
    def by_likeness(self) -> bool:
        """Whether documents are sought by their vectors."""
        return self.text is not None or self.vector is not None


def read_query(
    query: Any, kind: MemoryType, limit: int | None, user_id: Owner, further: Mapping[str, Any], default: int = 1
) -> Query:
    """Read a query of any form; `further` are filters beside those in it, None among them for no filter.

    Raises:
        InputError: both a text and a vector, one of them that is None, or a limit that is none.
        InputTypeError: something that is no query.
        FilterError: a filter that cannot be compared.
        VectorError: a vector that cannot be compared.
    """
    asked = _as_dict(query)
    for key in (EMBEDDING, *TEXT_KEYS):
        if key in asked and asked[key] is None:  # what failed to be embedded is not everything
            raise InputError(f"the query's {key} is None: leave the key out to find whatever meets the filters.")
    vector, text = vector_of(asked.pop(EMBEDDING, None)), _text(asked)
    if vector is not None and text is not None:
        raise InputError("the query has both an embedding and a text: expected one of them.")
    own = asked.pop(LIMIT, None)
    owner = of_owner(kind, user_id)
    where = [*owner, *conditions(kind, asked), *conditions(kind, _given(further))]
    array = None if vector is None else np.asarray(vector, np.float32)
    return Query(kind, text, array, where, owner, checked_limit(limit if limit is not None else own, default))


def checked_limit(limit: Any, default: int) -> int:
    """How many documents are wanted.

    Raises:
        InputTypeError: it is no whole number.
        InputError: it is below zero.
    """
    if limit is None:
        return default
    if isinstance(limit, bool) or not isinstance(limit, int | np.integer):
        raise InputTypeError(f"limit is of type {type(limit).__name__}: expected a whole number.")
    if limit < 0:
        raise InputError(f"limit is {limit}: expected 0 or more.")
    return min(int(limit), MOST)


def _as_dict(query: Any) -> dict[Any, Any]:
    if query is None:
        return {}
    if isinstance(query, Mapping):
        return dict(query)
    if isinstance(query, str):
        return {"query": query}
    if isinstance(query, np.ndarray | Sequence) and not isinstance(query, bytes | bytearray):
        return {EMBEDDING: query}
    raise InputTypeError(f"the query is a {type(query).__name__}: expected a text, a vector, a dict or None.")


def _text(asked: dict[Any, Any]) -> str | None:
    found = [text for key in TEXT_KEYS if (text := asked.pop(key, None)) is not None]
    if len(found) > 1:
        raise InputError("the query has both `query` and `text`: expected one of them.")
    if found and not isinstance(found[0], str):
        raise InputTypeError(f"the query's text is a {type(found[0]).__name__}: expected a string.")
    return found[0] if found else None


LISTS = {"knowledge_base_ids": "knowledge_base_id", "statuses": "status"}
"""Filters by any of several values, and the key that has the value."""


def _given(further: Mapping[str, Any]) -> dict[str, Any]:
    """The filters that were given as keywords, by the keys that they are about."""
    filters: dict[str, Any] = {}
    for name, value in further.items():
        if value is None:
            continue
        if name in LISTS:
            if isinstance(value, str | bytes) or not isinstance(value, Sequence | set | frozenset):
                raise InputTypeError(f"{name} is a {type(value).__name__}: expected a list of strings.")
            filters[LISTS[name]] = list(value)
        else:
            filters[name] = refuse_many(value, name)
    return filters


def scope(memory_id: Any, user_id: Any, agent_ids: Any) -> dict[str, Any]:
    """The filters of what is to be deleted, by the keys that they are about; None asks for documents without the key.

    Raises:
        InputError: there is none.
        InputTypeError: one is no string, or no list of strings.
    """
    asked = {key: value for key, value in (("memory_id", memory_id), ("user_id", user_id)) if value is not UNSET}
    for key, value in asked.items():
        if refuse_many(value, key) is not None and not isinstance(value, str):
            raise InputTypeError(f"{key} is of type {type(value).__name__}: expected a string or None.")
    if agent_ids is not None:
        several = not isinstance(agent_ids, str) and isinstance(agent_ids, Sequence | set | frozenset)
        if not several or not all(isinstance(one, str) for one in agent_ids):
            raise InputTypeError("agent_ids is no list of strings: expected one, such as ['a'].")
        asked["agent_id"] = list(agent_ids)
    if not asked:
        raise InputError("no scope is given: name a memory_id, a user_id or agent_ids; delete_all empties a type.")
    return asked
