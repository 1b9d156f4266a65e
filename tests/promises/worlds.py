"""A store that two users share, on each backend of this package, and services on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from memu.app.service import MemoryService
from memu.app.sync import SyncService
from memu.scope import Scope
from memu.testing import ALICE, BOB, Backend
from memu.testing.speech import FACTS, talk

SECRET = "xylograph"
"""A word that only Alice ever used."""


class World:
    """Alice's and Bob's memories in one store, and Bob, who calls."""

    def __init__(self, backend: Backend, operator: MemoryService, bob: MemoryService) -> None:
        self.backend = backend
        self.operator = operator
        self.service = bob
        self.bob: SyncService = bob.sync
        self.named = {} if bob.scope else {"user": BOB}
        self.where = {} if bob.scope else dict(BOB)
        memory = operator.sync
        self.resource = memory.memorize([*talk(FACTS[:3]), *talk([f"I keep a {SECRET} in the attic."])], user=ALICE)
        made = memory.create_memory_item(
            memory_type="skill",
            memory_content=f"Prints with a {SECRET} press.",
            memory_categories=[f"{SECRET}s"],
            user=ALICE,
        )
        memory.memorize(talk(FACTS[:3]), user=BOB)
        self.item_id: str = made["memory_item"]["id"]
        self.operation_id: str = made["operation_id"]
        self.resource_id: str = self.resource["resource"]["id"]
        self.url: str = self.resource["resource"]["url"]
        self.database = operator.parts.database
        self.alice = self.database.bound(Scope.of(ALICE))
        self.category_id: str = next(one for one in self.alice.categories.values() if SECRET in one.name).id

    def rows_of(self, person: str) -> dict[str, list[dict[str, Any]]]:
        """All rows of one user, by a bare driver."""
        dump = self.backend.dump(self.database)
        return {name: [row for row in rows if row.get("user_id") == person] for name, rows in dump.items()}


@contextmanager
def fresh(kind: type[Backend], folder: Path) -> Iterator[Backend]:
    """An empty store, which is taken away afterwards."""
    backend = kind(folder)
    try:
        yield backend
    finally:
        backend.wipe()


@contextmanager
def shared_world(kind: type[Backend], folder: Path, *, bound: bool = False) -> Iterator[World]:
    """A world in a fresh store; `bound` gives Bob a service of his own, which a store in RAM cannot share."""
    with fresh(kind, folder) as backend, backend.service() as operator:
        if not bound:
            yield World(backend, operator, operator)
            return
        with backend.service(**BOB) as bob:
            yield World(backend, operator, bob)
