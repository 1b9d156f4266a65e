"""What keeps memories: the interface, and a provider for each database in a module of its own."""

from memorizz.memory_provider.base import MemoryProvider
from memorizz.memory_provider.memory_type import MemoryType

__all__ = ["MemoryProvider", "MemoryType"]
