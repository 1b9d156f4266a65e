"""Memory providers for agents, with the interface of Memorizz, on PostgreSQL, MongoDB or SQLite."""

from memorizz.enums import MemoryMode, MemoryType, RoleType, WorkflowOutcome
from memorizz.memory_provider import MemoryProvider

__all__ = ["MemoryMode", "MemoryProvider", "MemoryType", "RoleType", "WorkflowOutcome"]
