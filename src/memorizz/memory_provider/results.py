"""What a search gives: a list of documents that also answers for its first one."""

from collections.abc import Iterator
from typing import Any, overload

from memu.errors import InputTypeError

Document = dict[str, Any]


class Results(list[Document]):
    """Documents, the best first; empty, and so false, when there are none.

    With a string in brackets, by `get`, `keys`, `values`, `items` or `in`, the first document is read as if it were the
    result: code that was written for one document and code that was written for many both run.
    """

    @property
    def first(self) -> Document:
        """The first document; an empty one when there is none."""
        return self[0] if self else {}

    @property
    def only(self) -> Document:
        """The one document; InputTypeError when there are none or several."""
        if len(self) != 1:
            raise InputTypeError(
                f"the document is a list of {len(self)}: expected one, such as found[0] of what was found."
            )
        return self[0]

    @overload  # type: ignore[override]
    def __getitem__(self, place: int) -> Document: ...

    @overload
    def __getitem__(self, place: slice) -> "Results": ...

    @overload
    def __getitem__(self, place: str) -> Any: ...

    def __getitem__(self, place: int | slice | str) -> Any:
        """A document by its place, several by a slice, or a value of the first one by its key."""
        if isinstance(place, str):
            return self.first[place]
        if isinstance(place, slice):
            return Results(super().__getitem__(place))
        return super().__getitem__(place)

    def __contains__(self, one: object) -> bool:
        """Whether a document is among these, or a key in the first."""
        return one in self.first if isinstance(one, str) else super().__contains__(one)

    def get(self, key: str, default: Any = None) -> Any:
        """A value of the first document."""
        return self.first.get(key, default)

    def keys(self) -> Iterator[str]:
        """The keys of the first document."""
        return iter(self.first.keys())

    def items(self) -> Iterator[tuple[str, Any]]:
        """The keys and values of the first document."""
        return iter(self.first.items())

    def values(self) -> Iterator[Any]:
        """The values of the first document."""
        return iter(self.first.values())

    def copy(self) -> "Results":
        """The same documents as new dicts: a key that is set there is not set here."""
        return Results(one.copy() for one in self)
