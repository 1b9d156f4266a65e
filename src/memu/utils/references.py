"""References to items in texts, such as the summaries of categories: `[ref:ID]`."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from memu.models import MemoryItem

SHORTEST = 8
"""How many characters the beginning of an id needs to be a reference."""

_ID = r"[A-Za-z0-9_.:-]{1,64}"
_REFERENCE = re.compile(rf"\[ref:[ ]*({_ID}(?:[ ]*,[ ]*{_ID}){{0,50}})[ ]*\]")
_STRIPPED = re.compile(rf"(?m)^(?:{_REFERENCE.pattern}[ \t]*)+|(?<![ \t])[ \t]*{_REFERENCE.pattern}")
_WHOLE = re.compile(_ID)


class Items(Protocol):
    """The repository of items, as far as references need it."""

    def list_items_by_ref_ids(
        self, ref_ids: Sequence[str], where: Mapping[str, Any] | None = None
    ) -> dict[str, MemoryItem]:
        """The items that references name."""


class Store(Protocol):
    """A database, or one scope's part of it."""

    @property
    def memory_item_repo(self) -> Items:
        """The items."""


def reference_to(item_id: str) -> str:
    """The reference to an item; "" for an id with characters that no reference can hold."""
    return f"[ref:{item_id}]" if _WHOLE.fullmatch(item_id) else ""


def extract_references(text: str | None) -> list[str]:
    """What the references of a text name, each once, in their order; `[ref:a,b]` names two."""
    named = (one.strip() for found in _REFERENCE.finditer(text or "") for one in found[1].split(","))
    return list(dict.fromkeys(named))


def strip_references(text: str) -> str:
    """A text without its references and the blanks before them."""
    return _STRIPPED.sub("", text)


def keep_references(text: str, known: Mapping[str, str]) -> str:
    """A text whose references are exchanged for whole ids; those that are not known are taken out."""

    def exchanged(found: re.Match[str]) -> str:
        named = [one.strip() for one in found[1].split(",")]
        return ",".join(dict.fromkeys(known[one] for one in named if one in known))

    marked = re.sub(
        rf"(?<![ \t])[ \t]*{_REFERENCE.pattern}",
        lambda found: f" [ref:{ids}]" if (ids := exchanged(found)) else "",
        text,
    )
    return marked.strip()


def format_references_as_citations(text: str, citations: Mapping[str, str] | None = None) -> str:
    """A text with numbers in the place of its references, and what each number stands for below.

    Args:
        text: a text with references.
        citations: what is to stand for a reference below, such as the summary of its item; else the reference itself.
    """
    names = extract_references(text)
    if not names:
        return text
    numbers = {name: number for number, name in enumerate(names, 1)}
    numbered = _REFERENCE.sub(lambda found: "".join(f"[{numbers[one.strip()]}]" for one in found[1].split(",")), text)
    shown = citations or {}
    return numbered + "\n\n" + "\n".join(f"[{number}] {shown.get(name, name)}" for name, number in numbers.items())


def fetch_referenced_items(text: str, store: Store, where: Mapping[str, Any] | None = None) -> dict[str, MemoryItem]:
    """The items that a text refers to, by id, in the order of the text; what is gone or has ended is left out.

    Args:
        text: a text with references.
        store: one scope's part of a database, or a database.
        where: whose items, for a database of several users; and filters.
    """
    named = extract_references(text)
    return store.memory_item_repo.list_items_by_ref_ids(named, where) if named else {}


def build_item_reference_map(items: Iterable[MemoryItem | Mapping[str, Any]]) -> dict[str, str]:
    """For each item, by id, its shortest reference: the beginning of its id that no other item of these has."""
    ids = sorted({one.id if isinstance(one, MemoryItem) else str(one["id"]) for one in items})
    return {
        one: one[: max(SHORTEST, *(_shared(one, other) + 1 for other in ids[max(0, at - 1) : at + 2] if other != one))]
        if len(ids) > 1
        else one[:SHORTEST]
        for at, one in enumerate(ids)
    }


def _shared(one: str, other: str) -> int:
    """How many characters two ids have in common at their beginning."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
