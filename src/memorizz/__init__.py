"""Memory providers for agents, with the interface of Memorizz, on PostgreSQL, MongoDB or SQLite."""

from memorizz.enums import MemoryMode, MemoryType, RoleType, WorkflowOutcome
from memorizz.knowledge_base import KnowledgeBase
from memorizz.memory_provider import MemoryProvider
from memorizz.memory_unit import ConversationMemoryUnit
from memorizz.persona import Persona
from memorizz.toolbox import Toolbox
from memorizz.workflow import Workflow

__all__ = [
    "ConversationMemoryUnit",
    "KnowledgeBase",
    "MemoryMode",
    "MemoryProvider",
    "MemoryType",
    "Persona",
    "RoleType",
    "Toolbox",
    "Workflow",
    "WorkflowOutcome",
]
