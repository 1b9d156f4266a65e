"""The store names that older code imports, over today's database."""

from memu.memory.repo import InMemoryStore, PersistentStore

__all__ = ["InMemoryStore", "PersistentStore"]
