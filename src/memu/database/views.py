"""Records as mappings: what `store.items` and its kin are, read when they are asked for."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Generic, TypeVar, overload

from memu.database.repository import Repository
from memu.models import CategoryItem, Record

R = TypeVar("R", bound=Record)


class RecordMap(Mapping[str, R], Generic[R]):
    """All records of one table in a scope, by id, oldest first; nothing is held in memory but the page being read."""

    def __init__(self, repository: Repository[R]) -> None:
        self._repository = repository

    def __getitem__(self, record_id: str) -> R:
        record = self._repository.get(record_id)
        if record is None:
            raise KeyError(record_id)
        return record

    def __iter__(self) -> Iterator[str]:
        return (record.id for record in self._repository.iterate())

    def __len__(self) -> int:
        return self._repository.count()

    def values(self) -> Iterator[R]:  # type: ignore[override]
        """The records, read a page at a time."""
        return self._repository.iterate()

    def items(self) -> Iterator[tuple[str, R]]:  # type: ignore[override]
        """Ids and records, read a page at a time."""
        return ((record.id, record) for record in self._repository.iterate())

    def __repr__(self) -> str:
        return f"<{len(self)} {self._repository.table}>"


class Relations(Sequence[CategoryItem]):
    """The links between items and categories: a sequence, oldest first, that also answers by id."""

    def __init__(self, repository: Repository[CategoryItem]) -> None:
        self._repository = repository

    @overload
    def __getitem__(self, key: int | str) -> CategoryItem: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[CategoryItem]: ...
    def __getitem__(self, key: int | str | slice) -> CategoryItem | Sequence[CategoryItem]:
        if not isinstance(key, str):
            return list(self._repository.iterate())[key]
        record = self._repository.get(key)
        if record is None:
            raise KeyError(key)
        return record

    def __iter__(self) -> Iterator[CategoryItem]:
        return self._repository.iterate()

    def __len__(self) -> int:
        return self._repository.count()

    def keys(self) -> Iterator[str]:
        """The ids of the links."""
        return (record.id for record in self)

    def values(self) -> Iterator[CategoryItem]:
        """The links."""
        return iter(self)

    def items(self) -> Iterator[tuple[str, CategoryItem]]:
        """Ids and links."""
        return ((record.id, record) for record in self)
