"""The records at the path that some documents import them from: the same classes as `memu.models`."""

from memu.models import MEMORY_TYPES, CategoryItem, MemoryCategory, MemoryItem, MemoryType, Resource, ToolCallResult

__all__ = ["MEMORY_TYPES", "CategoryItem", "MemoryCategory", "MemoryItem", "MemoryType", "Resource", "ToolCallResult"]
