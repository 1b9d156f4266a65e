"""Personas, tools, workflows and knowledge of two users: nothing of one reaches the other."""

import pytest

from memorizz import KnowledgeBase, MemoryType, Persona, Toolbox, Workflow
from memorizz.memory_provider.provider import RecordProvider
from memu.errors import InputError

from .tools import weather


def test_personas_of_two_users(provider: RecordProvider) -> None:
    ann, nobody = Persona("Ada", "General", user_id="ann"), Persona("Noa", "General")
    for one in (ann, nobody):
        one.store_persona(provider)
    assert Persona.retrieve_persona(ann.persona_id, provider, user_id="ann") == ann
    assert [one["name"] for one in Persona.list_personas(provider, user_id="ann")] == ["Ada"]
    assert Persona.get_most_similar_persona("Noa", provider, 9, user_id="ann")["user_id"] == "ann"
    assert [one["name"] for one in Persona.list_personas(provider, user_id=None)] == ["Noa"]
    assert len(Persona.get_most_similar_persona("Ada", provider, 9)) == 2
    assert Persona.retrieve_persona(ann.persona_id, provider, user_id="bob") is None
    assert not Persona.list_personas(provider, user_id="bob")
    assert not Persona.get_most_similar_persona("Ada", provider, user_id="bob")
    assert Persona.delete_persona(ann.persona_id, provider, user_id="bob") is False
    assert ann.update({"goals": "Peace."}, provider) is True
    with pytest.raises(InputError, match="user"):
        Persona("Bob's", "General", persona_id=ann.persona_id, user_id="bob").store_persona(provider)
    assert Persona.retrieve_persona(ann.persona_id, provider) == ann
    assert Persona.delete_persona(ann.persona_id, provider, user_id="ann") is True


def test_workflows_of_two_users(provider: RecordProvider) -> None:
    ann = Workflow("Plan", user_id="ann", memory_id="m")
    ann.store_workflow(provider)
    found = Workflow.retrieve_workflows_by_query("Plan", provider, user_id="ann", memory_id="m")
    assert [one.to_dict() for one in found] == [ann.to_dict()]
    assert Workflow.retrieve_workflow_by_id(ann.workflow_id, provider, user_id="ann").user_id == "ann"
    for user in ("bob", None):
        assert Workflow.retrieve_workflows_by_query("Plan", provider, user_id=user) == []
        assert Workflow.retrieve_workflow_by_id(ann.workflow_id, provider, user_id=user) is None
        assert Workflow.delete_workflow(ann.workflow_id, provider, user_id=user) is False
    assert Workflow.retrieve_workflows_by_query("Plan", provider, memory_id="other") == []
    with pytest.raises(InputError, match="user"):
        Workflow("Bob's", workflow_id=ann.workflow_id, user_id="bob").store_workflow(provider)
    assert Workflow.delete_workflow(ann.workflow_id, provider, user_id="ann") is True


def test_knowledge_of_two_users_and_of_nobody(provider: RecordProvider) -> None:
    knowledge = KnowledgeBase(provider)
    ann, common = knowledge.ingest_knowledge("Ann's.", user_id="ann"), knowledge.ingest_knowledge("Everybody's.")
    for user, seen in (("ann", {"Ann's.", "Everybody's."}), ("bob", {"Everybody's."}), (None, {"Everybody's."})):
        assert {one["content"] for one in knowledge.retrieve_knowledge_by_query("s", limit=9, user_id=user)} == seen
        assert len(knowledge.retrieve_knowledge(ann, user_id=user)) == (user == "ann")
        assert len(knowledge.retrieve_knowledge(common, user_id=user)) == 1
    assert knowledge.delete_knowledge(ann, user_id="bob") is False
    assert knowledge.delete_knowledge(common, user_id="ann") is False
    assert len(provider.list_all(MemoryType.KNOWLEDGE_BASE)) == 2
    assert knowledge.delete_knowledge(ann, user_id="ann") is knowledge.delete_knowledge(common, user_id=None) is True


def test_tools_of_two_users_and_of_nobody(provider: RecordProvider) -> None:
    toolbox = Toolbox(provider)
    ann, bob = (toolbox.register_tool(weather, user_id=user, description=user) for user in ("ann", "bob"))
    common = toolbox.register_tool(weather)
    assert len({ann, bob, common}) == 3
    assert {one["_id"] for one in toolbox.list_tools(user_id="ann")} == {ann, common}
    assert {one["_id"] for one in toolbox.get_most_similar_tools("bob", 9, user_id="ann")} == {ann, common}
    assert toolbox.get_tool_by_name("weather", user_id="ann")["_id"] == common
    assert toolbox.get_tool_by_id(bob, user_id="ann") is None
    for other in (bob, common):
        assert toolbox.update_tool_by_id(other, {"policy": "ask"}, user_id="ann") is False
        assert toolbox.delete_tool_by_id(other, user_id="ann") is False
        assert toolbox.get_function_by_id(other) is weather
    assert toolbox.update_tool_by_id(ann, {"policy": "ask"}, user_id="ann") is True
    assert toolbox.delete_tool_by_name("weather", user_id="ann") is True
    assert toolbox.delete_tool_by_name("weather", user_id="ann") is False
    assert {one["_id"] for one in toolbox.list_tools()} == {bob, common}
    assert toolbox.get_function_by_id(ann) is None


def test_a_function_stays_when_its_tool_could_not_be_deleted(
    provider: RecordProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    toolbox = Toolbox(provider)
    tool_id = toolbox.register_tool(weather)

    def fails(*_: object, **__: object) -> bool:
        raise ConnectionError

    monkeypatch.setattr(provider, "delete_by_id", fails)
    with pytest.raises(ConnectionError):
        toolbox.delete_tool_by_id(tool_id)
    assert toolbox.get_function_by_id(tool_id) is weather
