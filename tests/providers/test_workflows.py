"""Workflows: kept in a provider with their steps, found by their words, changed, and come back as they were."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memorizz import MemoryType, Workflow, WorkflowOutcome
from memorizz.memory_provider.provider import RecordProvider
from memu.errors import InputError, InputTypeError, NotFoundError

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)


def test_a_workflow_comes_back(provider: RecordProvider) -> None:
    steps = {"zeta": {"tool": "search", "arguments": {"q": "x"}}, "alpha": ["a", 1, None], "beta": "words"}
    workflow = Workflow(
        "Refund", "Money back", steps, memory_id="m1", outcome=WorkflowOutcome.SUCCESS, user_query="Please refund me"
    )
    assert workflow.store_workflow(provider) == workflow.workflow_id
    found = Workflow.retrieve_workflow_by_id(workflow.workflow_id, provider)
    assert found is not None
    assert found.to_dict() == workflow.to_dict()
    assert list(found.steps) == ["zeta", "alpha", "beta"]
    assert (found.outcome, found.created_at, found.score) == (WorkflowOutcome.SUCCESS, workflow.created_at, None)
    assert Workflow.from_dict(workflow.to_dict()).to_dict() == workflow.to_dict()
    assert Workflow.delete_workflow(workflow.workflow_id, provider) is True
    assert Workflow.delete_workflow(workflow.workflow_id, provider) is False
    assert Workflow.retrieve_workflow_by_id(workflow.workflow_id, provider) is None


def test_workflows_are_found_by_their_words(provider: RecordProvider) -> None:
    Workflow("aaa", user_query="aaaa", steps={"a": {"deep": [{"deeper": "aaaaa"}], "number": 5}}).store_workflow(
        provider
    )
    Workflow("zzz", steps={"zz": "zzzz"}).store_workflow(provider)
    found = Workflow.retrieve_workflows_by_query("zzz. zz: zzzz.", provider)
    assert [one.name for one in found] == ["zzz", "aaa"]
    assert found[0].score == pytest.approx(1.0)
    assert found[0].score > (found[1].score or 1)
    assert len(Workflow.retrieve_workflows_by_query("z", provider, limit=1)) == 1
    assert Workflow.retrieve_workflows_by_query("aaa. aaaa. a: aaaaa.", provider)[0].name == "aaa"


def test_steps_are_added_set_and_removed(provider: RecordProvider) -> None:
    workflow = Workflow("w", steps={"one": 1})
    before = workflow.updated_at
    workflow.add_step("two", {"x": 2})
    workflow.add_step("one", 11)
    assert list(workflow.steps.items()) == [("one", 11), ("two", {"x": 2})]
    assert workflow.updated_at > before
    assert workflow.get_step("two") == {"x": 2}
    assert workflow.get_step("three") is None
    assert workflow.remove_step("one") is True
    assert workflow.remove_step("one") is False
    assert repr(workflow) == "Workflow(name='w', steps=['two'], outcome=None)"


def test_a_workflow_is_brought_up_to_date(provider: RecordProvider) -> None:
    workflow = Workflow("w", memory_id="m1")
    with pytest.raises(NotFoundError, match=r"there is no workflow .* to update: store it"):
        workflow.update_workflow(provider)
    workflow.store_workflow(provider)
    workflow.add_step("one", "first")
    workflow.outcome = WorkflowOutcome.FAILURE
    assert workflow.update_workflow(provider) is True
    found = Workflow.retrieve_workflow_by_id(workflow.workflow_id, provider)
    assert found.to_dict() == workflow.to_dict()
    workflow.memory_id = "m2"
    with pytest.raises(InputError, match="an update cannot change memory_id"):
        workflow.update_workflow(provider)
    assert len(provider.list_all(MemoryType.WORKFLOW_MEMORY)) == 1
    assert provider.retrieve_by_query({"memory_id": "m1"}, MemoryType.WORKFLOW_MEMORY)["name"] == "w"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": None}, "name is a NoneType: expected a string"),
        ({"steps": ["a"]}, "steps is a list: expected a dict of steps by name"),
        ({"steps": {1: "a"}}, "the name of a step is a int"),
        ({"outcome": "maybe"}, "outcome is 'maybe': expected a WorkflowOutcome or one of success, failure"),
        ({"outcome": []}, "outcome is"),
        ({"created_at": "yesterday"}, "created_at is 'yesterday': expected a datetime or an ISO string"),
        ({"memory_id": ""}, "memory_id is ''"),
        ({"description": None}, "description is a NoneType"),
    ],
)
def test_wrong_workflows_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Workflow(**{"name": "w", **arguments})


def test_a_step_that_cannot_be_kept_leaves_the_workflow_as_it_was(provider: RecordProvider) -> None:
    workflow = Workflow("w", steps={"one": 1})
    workflow.store_workflow(provider)
    workflow.add_step("two", object())
    with pytest.raises(InputTypeError, match=r"steps\.two is a object"):
        workflow.store_workflow(provider)
    assert Workflow.retrieve_workflow_by_id(workflow.workflow_id, provider).steps == {"one": 1}


@settings(max_examples=15, deadline=None)
@given(
    changes=st.lists(
        st.tuples(st.sampled_from(["add", "remove", "store"]), st.sampled_from("abcd"), TEXTS), max_size=12
    )
)
def test_steps_follow_a_dict(shared: RecordProvider, changes: list[tuple[str, str, str]]) -> None:
    workflow, model, kept = Workflow("w"), dict[str, str](), None
    for change, step, text in changes:
        if change == "add":
            workflow.add_step(step, text)
            model[step] = text
        elif change == "remove":
            assert workflow.remove_step(step) == (model.pop(step, None) is not None)
        else:
            workflow.store_workflow(shared)
            kept = list(model.items())
    found = Workflow.retrieve_workflow_by_id(workflow.workflow_id, shared)
    assert list(workflow.steps.items()) == list(model.items())
    assert (None if found is None else list(found.steps.items())) == kept
