"""Workflows: what an agent did step by step, and how it ended, to be found when something like it is asked again."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from memorizz.enums import WorkflowOutcome
from memorizz.keeping import checked_provider, keep, name_of, sentences, text_of
from memorizz.memory_provider.base import UNSET, MemoryProvider, Owner
from memorizz.memory_provider.clock import instant, now
from memorizz.memory_provider.ids import new_id
from memorizz.memory_provider.memory_type import MemoryType
from memorizz.memory_provider.results import Document
from memu.errors import InputError, InputTypeError, NotFoundError

__all__ = ["Workflow", "WorkflowOutcome"]

logger = logging.getLogger("memorizz.workflow")

WORKFLOWS = MemoryType.WORKFLOW_MEMORY
KEYS = (
    "name", "description", "steps", "workflow_id", "created_at", "updated_at", "memory_id", "outcome", "user_query",
    "user_id",
)  # fmt: skip
DEEPEST = 20
"""How far into a step its words are looked for."""


class Workflow:
    """Steps by name, in their order.

    Args:
        name: what it is called; two workflows may share a name.
        description: what it is for.
        steps: what was done, by name.
        workflow_id: its id, that of its document too; a new one when it is not given.
        created_at: when it was made, an ISO string or a datetime; now, when it is not given.
        updated_at: when it was last changed.
        memory_id: the memory that it belongs to.
        outcome: how it ended: a `WorkflowOutcome`, its value, or None while it is not over.
        user_query: what was asked.
        user_id: the user that it belongs to.

    `score` is how near a workflow is to a query that found it, else None.

    Raises:
        InputError: a name, an id, a time or an outcome that is none.
        InputTypeError: something of another type.
    """

    def __init__(
        self,
        name: str,
        description: str = "",
        steps: Mapping[str, Any] | None = None,
        workflow_id: str | None = None,
        created_at: Any = None,
        updated_at: Any = None,
        memory_id: str | None = None,
        outcome: WorkflowOutcome | str | None = None,
        user_query: str | None = None,
        user_id: str | None = None,
    ) -> None:
        self.name = name_of(name, "name")
        self.description = text_of(description, "description")
        self.steps = _steps(steps)
        self.workflow_id = new_id() if workflow_id is None else name_of(workflow_id, "workflow_id")
        self.created_at = _moment(created_at, "created_at")
        self.updated_at = self.created_at if updated_at is None else _moment(updated_at, "updated_at")
        self.memory_id = None if memory_id is None else name_of(memory_id, "memory_id")
        self.outcome = _outcome(outcome)
        self.user_query = None if user_query is None else text_of(user_query, "user_query")
        self.user_id = None if user_id is None else name_of(user_id, "user_id")
        self.score: float | None = None

    def __repr__(self) -> str:
        ended = self.outcome.value if self.outcome else None
        return f"Workflow(name={self.name!r}, steps={list(self.steps)!r}, outcome={ended!r})"

    # --- steps --------------------------------------------------------------------------------------------------------

    def add_step(self, step_id: str, step_data: Any) -> None:
        """Add a step at the end, or set the one of that name where it stands."""
        self.steps[name_of(step_id, "step_id")] = step_data
        self.updated_at = now()

    def get_step(self, step_id: str) -> Any:
        """A step by its name; None when there is none."""
        return self.steps.get(step_id)

    def remove_step(self, step_id: str) -> bool:
        """Remove a step; whether there was one."""
        if step_id not in self.steps:
            return False
        del self.steps[step_id]
        self.updated_at = now()
        return True

    # --- as a document ------------------------------------------------------------------------------------------------

    def to_dict(self) -> Document:
        """The workflow as a document: times as ISO strings, without an embedding; what it does not have is None."""
        return {
            "workflow_id": self.workflow_id, "name": self.name, "description": self.description,
            "steps": dict(self.steps), "created_at": self.created_at.isoformat(),
            "updated_at": self.updated_at.isoformat(), "memory_id": self.memory_id,
            "outcome": self.outcome.value if self.outcome else None, "user_query": self.user_query,
            "user_id": self.user_id,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "Workflow":
        """The workflow of a document; keys that a workflow does not have are passed over."""
        own = {key: document[key] for key in KEYS if document.get(key) is not None}
        own.setdefault("workflow_id", document.get("_id"))
        made = cls(**{"name": None, **own})
        made.score = document.get("score")
        return made

    # --- in a provider ------------------------------------------------------------------------------------------------

    def store_workflow(self, provider: MemoryProvider) -> str:
        """Keep the workflow, or bring the one of its id up to date; returns the id.

        Raises:
            InputError: `memory_id` or `user_id` is another than that of the one that is kept.
        """
        return keep(provider, WORKFLOWS, self.workflow_id, self.to_dict(), self._text())

    def update_workflow(self, provider: MemoryProvider) -> bool:
        """Bring what is kept up to date; True.

        Raises:
            NotFoundError: it was not stored, or was deleted.
        """
        if checked_provider(provider).retrieve_by_id(self.workflow_id, WORKFLOWS) is None:
            raise NotFoundError(f"there is no workflow {self.workflow_id!r} to update: store it.")
        return bool(self.store_workflow(provider))

    @staticmethod
    def retrieve_workflow_by_id(
        workflow_id: str, provider: MemoryProvider, *, user_id: Owner = UNSET
    ) -> "Workflow | None":
        """The workflow of an id."""
        found = checked_provider(provider).retrieve_by_id(workflow_id, WORKFLOWS, user_id=user_id)
        return None if found is None else Workflow.from_dict(found)

    @staticmethod
    def retrieve_workflows_by_query(
        query: str,
        provider: MemoryProvider,
        limit: int = 5,
        *,
        user_id: Owner = UNSET,
        memory_id: str | None = None,
    ) -> "list[Workflow]":
        """The workflows that are nearest to a text, the best first, each with its `score`.

        A document that is no workflow is passed over, with a warning in the log.
        """
        asked = text_of(query, "query")
        found = checked_provider(provider).retrieve_by_query(asked, WORKFLOWS, limit, memory_id, user_id=user_id)
        return [workflow for one in found if (workflow := _read(one)) is not None]

    @staticmethod
    def delete_workflow(workflow_id: str, provider: MemoryProvider, *, user_id: Owner = UNSET) -> bool:
        """Delete a workflow; whether there was one."""
        return checked_provider(provider).delete_by_id(workflow_id, WORKFLOWS, user_id=user_id)

    def _text(self) -> str:
        steps = (f"{name}: {', '.join(_words(step))}" for name, step in self.steps.items())
        return sentences(self.name, self.description, self.user_query, *steps)


def _read(document: Document) -> Workflow | None:
    try:
        return Workflow.from_dict(document)
    except InputError as error:
        logger.warning(
            "the document %s is no workflow and is passed over (%s)", document.get("_id"), type(error).__name__
        )
        return None


def _words(value: Any, depth: int = 0) -> Iterator[str]:
    """The texts in a step."""
    if isinstance(value, str):
        yield value
    elif depth < DEEPEST and isinstance(value, Mapping | list | tuple):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _words(one, depth + 1)


def _steps(given: Any) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InputTypeError(f"steps is a {type(given).__name__}: expected a dict of steps by name.")
    return {name_of(name, "the name of a step"): step for name, step in given.items()}


def _moment(given: Any, what: str) -> Any:
    moment = now() if given is None else instant(given)
    if moment is None:
        raise InputError(f"{what} is {given!r}: expected a datetime or an ISO string.")
    return moment


def _outcome(given: Any) -> WorkflowOutcome | None:
    if given is None or isinstance(given, WorkflowOutcome):
        return given
    try:
        return WorkflowOutcome(given)
    except ValueError:
        known = ", ".join(one.value for one in WorkflowOutcome)
        raise InputError(f"outcome is {given!r}: expected a WorkflowOutcome or one of {known}.") from None
