"""Documents and rows: a key that has a column is kept there, all others as JSON; a document comes back as it was."""

import functools
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from types import ModuleType
from typing import Any

from memorizz.memory_provider.clock import instant, moment, now, positions
from memorizz.memory_provider.ids import given_id, is_uuid, new_id, row_id
from memorizz.memory_provider.memory_type import MemoryType
from memorizz.memory_provider.results import Document, Results
from memorizz.memory_provider.schema import DOCUMENT, GIVEN_METADATA, METADATA, STRICT, text_columns, time_columns
from memorizz.memory_provider.values import alike, decoded, encoded, normal, plain_text, without_callables
from memu.backends.base import Row
from memu.backends.tables import LENGTHS, Kind
from memu.backends.vectors import checked
from memu.errors import InputError, InputTypeError, VectorError

EMBEDDING = "embedding"
ID_KEYS = ("_id", "id")
FIXED = ("memory_id", "user_id")
"""Keys that a document has as long as it is there: whose it is, and where."""

NO_DOCUMENTS = (str, bytes, list, tuple, set, frozenset, BaseException, Enum, ModuleType, functools.partial)
"""What has attributes, and is no document for all that."""

SMALLEST = 1e-15
"""The least that the largest number of a vector may be, so that its length is above zero in single precision."""

BARE = frozenset(
    {MemoryType.PERSONAS, MemoryType.TOOLBOX, MemoryType.WORKFLOW_MEMORY, MemoryType.MEMAGENT, MemoryType.SKILLBOX}
)
"""Types whose documents are read by id without their embedding, unless it is asked for."""


def as_mapping(data: Any) -> Document:
    """A caller's document as a new dict.

    Raises:
        InputTypeError: it is no dict, no pydantic model, and no object with `to_dict` or attributes.
    """
    if isinstance(data, Results):
        return without_scores(data.only)
    if isinstance(data, Mapping):
        return without_scores(data)
    if not isinstance(data, type):
        for name in ("model_dump", "to_dict"):
            if callable(read := getattr(data, name, None)) and isinstance(found := read(), Mapping):
                return without_scores(found)
        if hasattr(data, "__dict__") and not (isinstance(data, NO_DOCUMENTS) or inspect.isroutine(data)):
            return {key: value for key, value in vars(data).items() if not key.startswith("_") or key == "_id"}
    raise InputTypeError(f"the document is a {type(data).__name__}: expected a dict, a pydantic model or a to_dict().")


def without_scores(document: Mapping[Any, Any]) -> Document:
    """A copy, without what a search said of the document: `score` and `distance`, when the two fit each other."""
    score, distance = document.get("score"), document.get("distance")
    told = type(score) is float and type(distance) is float and distance == 1 - score
    return {key: value for key, value in document.items() if not (told and key in ("score", "distance"))}


def vector_of(given: Any) -> list[float] | None:
    """A document's embedding as it is kept; VectorError when it could not be compared."""
    vector = checked(given)
    if vector is not None and max(map(abs, vector)) < SMALLEST:
        raise VectorError(f"the embedding has no number above {SMALLEST:g}: it is too short to be compared.")
    return vector


@dataclass(frozen=True, slots=True)
class Given:
    """A document that is to be kept, checked.

    Attributes:
        id: the caller's, or a new one.
        key: that of the row.
        says_vector: whether the document says that it has a vector, or has none.
    """

    kind: MemoryType
    id: str
    key: str
    is_new: bool
    vector: list[float] | None
    says_vector: bool
    keys: Document

    @classmethod
    def of(cls, kind: MemoryType, document: Document) -> "Given":
        """Read a caller's document, and leave it as it is."""
        own = given_id(document)
        chosen = own or new_id()
        keys = {key: value for key, value in document.items() if key not in (*ID_KEYS, EMBEDDING)}
        vector = vector_of(document.get(EMBEDDING))
        return cls(kind, chosen, row_id(kind, chosen), own is None, vector, EMBEDDING in document, keys)

    def row(self, held: Row | None) -> Row:
        """The row; one that it replaces hands on when and where it was made, and its vector when none is said.

        Raises:
            InputError: the one that it replaces is another user's, or of another memory.
        """
        keys, times = self.keys, dict.fromkeys(time_columns(self.kind), now())
        position, vector = positions.next(), self.vector
        if held is not None:
            times["created_at"], position = held["created_at"], held["position"]
            keys = _with_times(self.kind, held, keys)
            vector = vector if self.says_vector else held[EMBEDDING]
        named = None if is_uuid(self.id) else self.id
        row = {
            **_columns(self.kind, keys, times),
            "id": self.key, "given_id": named, EMBEDDING: vector, "position": position, "seq": 0,
        }  # fmt: skip
        _refuse_a_move(held, row, "storing it again")
        return row


def _with_times(kind: MemoryType, held: Row, keys: Document) -> Document:
    """A document's keys over those that are held: when it was made stays, when it was changed is now.

    A time that was read from the document and comes back with it says nothing new.
    """
    earlier, keys = kept(kind, held), dict(keys)
    if keys.get("created_at") in (None, held["created_at"]):
        keys.pop("created_at", None)
        keys |= {"created_at": earlier["created_at"]} if "created_at" in earlier else {}
    if _is_held(keys.get("updated_at"), held, earlier):
        keys.pop("updated_at")
    return keys


def _is_held(given: Any, held: Row, earlier: Document) -> bool:
    """Whether a given time of the last change is the one that is held, in whatever form."""
    if given is None:
        return False
    return bool(given == earlier.get("updated_at", held["updated_at"])) or instant(given) == held["updated_at"]


def changed(kind: MemoryType, held: Row, changes: Document) -> Row:
    """The row with some keys set; `updated_at` is now, unless it is among them.

    Raises:
        InputError: the id, the user or the memory would change.
    """
    wanted = given_id(changes)
    if wanted is not None and row_id(kind, wanted) != held["id"]:
        raise InputError(f"an update cannot change the id to {wanted!r}: store the document anew and delete this one.")
    keys = {**kept(kind, held), **{key: one for key, one in changes.items() if key not in (*ID_KEYS, EMBEDDING)}}
    if changes.get("updated_at") is None or _is_held(changes["updated_at"], held, kept(kind, held)):
        keys.pop("updated_at", None)
    times = {name: held[name] for name in time_columns(kind)} | {"updated_at": now()}
    row = {**held, **_columns(kind, keys, times)}
    _refuse_a_move(held, row, "an update")
    if EMBEDDING in changes:
        row[EMBEDDING] = vector_of(changes[EMBEDDING])
    return row


def _refuse_a_move(held: Row | None, row: Row, what: str) -> None:
    for key in FIXED:
        if held is not None and row[key] != held[key]:
            raise InputError(
                f"{what} cannot change {key}, which says whose the document is: give the new one an id of its own."
            )


def _columns(kind: MemoryType, keys: Document, times: Mapping[str, datetime]) -> Row:
    """The columns of a document's keys; a time that a caller gave stands beside its column in the form it was given."""
    keys = {key: one for key, one in keys.items() if not (key in times and one is None)}
    has_metadata = isinstance(keys.get(METADATA), Mapping)
    rest = _encoded(without_callables(keys))
    row: Row = {name: moment(keys[name], name) if name in keys else default for name, default in times.items()}
    for name, held in text_columns(kind).items():
        row[name] = rest.pop(name) if _fits(name, rest.get(name), held) else None
    row |= _metadata(rest.pop(METADATA) if has_metadata else None)
    row[DOCUMENT] = rest
    return row


def _metadata(given: Document | None) -> Row:
    """Metadata in the form that every server keeps, and as they were given where that is another one."""
    kept = normal(given)
    return {METADATA: kept, GIVEN_METADATA: None if json.dumps(kept) == json.dumps(given) else given}


def _encoded(keys: Document) -> Document:
    for key in keys:
        if not isinstance(key, str):
            raise InputTypeError(f"the document has the key {key!r}: expected strings as keys.")
        plain_text(key, "a key of the document")
    return {key: encoded(one, key) for key, one in keys.items()}


def _fits(name: str, value: Any, held: Kind) -> bool:
    """Whether a value goes into its column; an error when it must and cannot."""
    longest = LENGTHS.get(held)
    if name in STRICT and value is not None:
        if not isinstance(value, str):
            raise InputTypeError(f"{name} is of type {type(value).__name__}: expected a string or None.")
        if longest is not None and len(value) > longest:
            raise InputError(f"{name} has {len(value)} characters: at most {longest} can be kept, shorten it.")
    return isinstance(value, str) and (longest is None or len(value) <= longest)


def kept(kind: MemoryType, row: Row) -> Document:
    """What the caller gave, but for the id and the embedding."""
    document = {key: decoded(one) for key, one in row[DOCUMENT].items()}
    document |= {name: row[name] for name in text_columns(kind) if row[name] is not None}
    if row[METADATA] is not None:
        given = row[GIVEN_METADATA]  # unless somebody has changed the column beside it by hand
        document[METADATA] = decoded(given if given is not None and alike(given, row[METADATA]) else row[METADATA])
    return document


def to_document(kind: MemoryType, row: Row, *, include_embedding: bool) -> Document:
    """The document of a row: what was given, its id, its times, and its embedding when it is asked for."""
    own = row["given_id"] or row["id"]
    document = {"_id": own, "id": own, **kept(kind, row)}
    for name in time_columns(kind):
        document.setdefault(name, row[name])
    if include_embedding:
        document[EMBEDDING] = row[EMBEDDING]
    return document


def columns_read(kind: MemoryType, *, include_embedding: bool) -> list[str]:
    """The columns that `to_document` needs, and those that rows are put in order by."""
    names = ["id", "given_id", *text_columns(kind), *time_columns(kind), METADATA, GIVEN_METADATA]
    names += [DOCUMENT, "position"]
    return [*names, EMBEDDING] if include_embedding else names
