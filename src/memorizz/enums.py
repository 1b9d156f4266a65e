"""The names that documents and agents use: memory types, roles, modes and outcomes."""

from enum import Enum

from memorizz.memory_provider.memory_type import MemoryType

__all__ = ["MemoryMode", "MemoryType", "RoleType", "WorkflowOutcome"]


class RoleType(Enum):
    """What a persona is to the user."""

    GENERAL = "General"
    ASSISTANT = "Virtual Assistant"
    CUSTOMER_SUPPORT = "Customer Support"
    TECHNICAL_EXPERT = "Technical Expert"
    RESEARCHER = "Researcher"


class MemoryMode(Enum):
    """Which memories an agent works with."""

    GENERAL = "general"
    CONVERSATIONAL = "conversational"
    TASK = "task"
    WORKFLOW = "workflow"


class WorkflowOutcome(Enum):
    """How a workflow ended."""

    SUCCESS = "success"
    FAILURE = "failure"
