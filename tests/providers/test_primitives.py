"""Personas, workflows, messages and knowledge: objects that are kept in a provider, and come back as they were."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import memorizz
from memorizz import ConversationMemoryUnit, KnowledgeBase, MemoryType, Persona, RoleType, Workflow, WorkflowOutcome
from memorizz.knowledge_base import paragraphs
from memorizz.memory_provider import MemoryProvider
from memorizz.memory_provider.provider import RecordProvider
from memorizz.memory_provider.sqlite import SQLiteProvider
from memu.errors import ConfigError, InputError, InputTypeError, NotFoundError, VectorError

from .places import embed

TALK = MemoryType.CONVERSATION_MEMORY
LONG = MemoryType.LONG_TERM_MEMORY
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=20).filter(str.strip)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
HOSTILE = "x'; DROP TABLE personas; --"


def test_the_top_module_gathers_what_users_make() -> None:
    assert {name for name in memorizz.__all__ if not hasattr(memorizz, name)} == set()
    assert memorizz.Toolbox.__module__ == "memorizz.toolbox"
    assert memorizz.ConversationMemoryUnit.__module__ == "memorizz.memory_unit"
    assert memorizz.Workflow.__module__ == "memorizz.workflow"
    from memorizz.persona import RoleType as RoleOfPersonas
    from memorizz.workflow import WorkflowOutcome as OutcomeOfWorkflows

    assert (RoleOfPersonas, OutcomeOfWorkflows) == (RoleType, WorkflowOutcome)


# --- texts to vectors -------------------------------------------------------------------------------------------------


def test_embed_text_is_what_queries_are_searched_with(provider: RecordProvider) -> None:
    vector = provider.embed_text("bees")
    assert vector == embed("bees")
    provider.store({"content": "bees", "embedding": vector}, LONG)
    assert provider.retrieve_by_query("bees", LONG)["score"] == pytest.approx(1.0)
    with pytest.raises(InputTypeError, match="the text is a int: expected a string"):
        provider.embed_text(5)  # type: ignore[arg-type]


def test_a_provider_that_embeds_nothing_says_so(provider: RecordProvider) -> None:
    with pytest.raises(ConfigError, match="Provider embeds no texts: override embed_text"):
        MemoryProvider.embed_text(provider, "bees")


async def _embedded(provider: RecordProvider) -> list[float]:
    return await provider.aio.embed_text("bees")


def test_embed_text_has_a_coroutine() -> None:
    import asyncio

    with SQLiteProvider({"path": ":memory:", "embedder": embed}) as provider:
        assert asyncio.run(_embedded(provider)) == embed("bees")


# --- personas ---------------------------------------------------------------------------------------------------------


def test_a_persona_comes_back(provider: RecordProvider) -> None:
    persona = Persona("Ada", RoleType.RESEARCHER, "Find sources.", "Reads Latin.")
    assert persona.store_persona(provider) == persona.persona_id
    found = Persona.retrieve_persona(persona.persona_id, provider)
    assert found == persona
    assert hash(found) == hash(persona)
    assert found.role is RoleType.RESEARCHER
    assert repr(found) == f"Persona(name='Ada', role='Researcher', persona_id={persona.persona_id!r})"
    assert provider.retrieve_by_name("Ada", MemoryType.PERSONAS)["goals"] == "Find sources."
    assert Persona.delete_persona(persona.persona_id, provider) is True
    assert Persona.delete_persona(persona.persona_id, provider) is False
    assert Persona.retrieve_persona(persona.persona_id, provider) is None


def test_storing_a_persona_again_is_one_persona_and_keeps_what_others_added(provider: RecordProvider) -> None:
    persona = Persona("Ada", "pirate", persona_id="ada")
    persona.store_persona(provider)
    provider.update_by_id("ada", {"mood": "fine"}, MemoryType.PERSONAS)
    persona.goals = "Gold."
    persona.store_persona(provider)
    found = Persona.list_personas(provider)
    assert len(found) == 1
    assert (found["goals"], found["mood"], found["role"]) == ("Gold.", "fine", "pirate")


def test_personas_are_found_by_what_they_are_about(provider: RecordProvider) -> None:
    for name, goals in (("Ada", "aaaa"), ("Zoe", "zzzzzz"), ("Mia", "mmmm")):
        Persona(name, "x", goals).store_persona(provider)
    best = Persona.get_most_similar_persona("Zoe. x. zzzzzz.", provider)
    assert len(best) == 1
    assert Persona.from_dict(best.first).name == "Zoe"
    assert best["score"] == pytest.approx(1.0)
    assert "embedding" not in best
    assert Persona.get_most_similar_persona("zz", provider, limit=5)[0]["name"] == "Zoe"


def test_the_prompt_says_who_it_is_and_keeps_the_role_out_of_the_goals(provider: RecordProvider) -> None:
    persona = Persona("Ada", RoleType.TECHNICAL_EXPERT, "Be exact.", "Built engines.")
    prompt = persona.generate_system_prompt_input().splitlines()
    assert prompt[0] == "You are Ada. Your role: Technical Expert."
    assert prompt[2:] == ["Goals: Be exact.", "Background: Built engines."]
    assert Persona("Bo", "pirate").generate_system_prompt_input() == "You are Bo. Your role: pirate."
    for role in RoleType:
        assert len(Persona("A", role).generate_system_prompt_input().splitlines()) == 2
    assert persona.to_dict()["goals"] == "Be exact."


def test_a_persona_changes_here_and_where_it_is_kept(provider: RecordProvider) -> None:
    persona = Persona("Ada", "General")
    assert persona.role is RoleType.GENERAL
    assert persona.update({"goals": "Peace."}) is False
    assert persona.update({"name": "Bea", "role": "Researcher"}, provider) is True
    found = Persona.retrieve_persona(persona.persona_id, provider)
    assert (found.name, found.role, found.goals) == ("Bea", RoleType.RESEARCHER, "Peace.")
    assert Persona.get_most_similar_persona("Bea. Researcher. Peace.", provider)["score"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("updates", "message"),
    [
        ({"persona_id": "x"}, "'persona_id' cannot be changed: expected name, role, goals, background"),
        ({"goals": "new", "name": ""}, "name is '': expected 1 to 255 characters"),
        ({"goals": "new", "background": None}, "background is a NoneType: expected a string"),
    ],
)
def test_a_wrong_change_changes_nothing(provider: RecordProvider, updates: dict[str, Any], message: str) -> None:
    persona = Persona("Ada", "General")
    persona.store_persona(provider)
    before = persona.to_dict()
    with pytest.raises(InputError, match=message):
        persona.update(updates, provider)
    assert persona.to_dict() == before
    assert Persona.retrieve_persona(persona.persona_id, provider) == persona


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": 5}, "name is a int: expected a string"),
        ({"name": " "}, "name is ' ': expected 1 to 255 characters"),
        ({"name": "a\x00b"}, "name is"),
        ({"name": "x" * 256}, "expected 1 to 255"),
        ({"role": None}, "role is a NoneType"),
        ({"goals": ["a"]}, "goals is a list: expected a string"),
        ({"persona_id": ""}, "persona_id is ''"),
    ],
)
def test_wrong_personas_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Persona(**{"name": "Ada", "role": "General", **arguments})


def test_what_is_no_provider_is_refused() -> None:
    calls = [
        lambda: Persona("Ada", "General").store_persona("db"),  # type: ignore[arg-type]
        lambda: Persona.retrieve_persona("x", None),  # type: ignore[arg-type]
        lambda: Workflow("w").store_workflow({}),  # type: ignore[arg-type]
        lambda: ConversationMemoryUnit("user", "hi").store(5),  # type: ignore[arg-type]
        lambda: KnowledgeBase("db"),  # type: ignore[arg-type]
    ]
    for call in calls:
        with pytest.raises(InputTypeError, match=r"the provider is a .*: expected a memory provider"):
            call()


def test_hostile_names_are_only_names(provider: RecordProvider) -> None:
    Persona(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE).store_persona(provider)
    Workflow(HOSTILE, HOSTILE, {HOSTILE: HOSTILE}, HOSTILE, memory_id=HOSTILE).store_workflow(provider)
    assert Persona.retrieve_persona(HOSTILE, provider).name == HOSTILE
    assert Workflow.retrieve_workflow_by_id(HOSTILE, provider).steps == {HOSTILE: HOSTILE}
    assert Persona.delete_persona(HOSTILE, provider)
    assert len(provider.list_all(MemoryType.WORKFLOW_MEMORY)) == 1


@settings(max_examples=15, deadline=None)
@given(name=NAMES, role=NAMES, goals=TEXTS, background=TEXTS)
def test_any_persona_survives(shared: RecordProvider, name: str, role: str, goals: str, background: str) -> None:
    persona = Persona(name, role, goals, background)
    persona.store_persona(shared)
    assert Persona.retrieve_persona(persona.persona_id, shared) == persona


# --- workflows --------------------------------------------------------------------------------------------------------


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


# --- messages ---------------------------------------------------------------------------------------------------------


def test_messages_are_a_history(provider: RecordProvider) -> None:
    for minute, (role, content) in enumerate([("user", "Hi"), ("assistant", "Hello"), ("user", "Bye")]):
        moment = datetime(2025, 3, 1, 9, 10 - minute, tzinfo=UTC)
        ConversationMemoryUnit(role, content, moment, "m1", "t1").store(provider)  # type: ignore[arg-type]
    ConversationMemoryUnit("user", "Elsewhere", memory_id="m2").store(provider)
    history = provider.retrieve_conversation_history_ordered_by_timestamp("m1", thread_id="t1")
    units = [ConversationMemoryUnit.from_dict(one) for one in history]
    assert [unit.content for unit in units] == ["Bye", "Hello", "Hi"]
    assert units[0].timestamp == "2025-03-01T09:08:00+00:00"
    assert {unit.conversation_id for unit in units} == {unit.thread_id for unit in units} == {"t1"}
    assert provider.retrieve_memory_components_by_query("Hello", memory_id="m1", limit=1)["content"] == "Hello"


def test_a_message_comes_back_and_stores_again_as_itself(provider: RecordProvider) -> None:
    unit = ConversationMemoryUnit(
        RoleType.ASSISTANT,  # type: ignore[arg-type]
        "Hi",
        memory_id="m1",
        thread_id="t",
        recall_recency=0.5,
        associated_conversation_ids=["a", "b"],
    )
    assert unit.role == "Virtual Assistant"
    assert datetime.fromisoformat(unit.timestamp).tzinfo is UTC
    assert unit.store(provider) == unit.id
    found = ConversationMemoryUnit.from_dict(provider.retrieve_by_id(unit.id, TALK))
    assert found == unit
    unit.content = "Ho"
    assert unit.store(provider) == found.id
    assert len(provider.list_all(TALK)) == 1
    assert ConversationMemoryUnit.from_dict(unit.to_dict()) == unit


def test_a_message_without_words_is_kept(provider: RecordProvider) -> None:
    unit = ConversationMemoryUnit("assistant", " \n", memory_id="m1")
    unit.store(provider)
    assert unit.embedding is None
    history = provider.retrieve_conversation_history_ordered_by_timestamp("m1")
    assert ConversationMemoryUnit.from_dict(history[0]) == unit


def test_both_names_of_a_conversation_may_differ() -> None:
    unit = ConversationMemoryUnit("user", "hi", conversation_id="c", thread_id="t")
    assert (unit.conversation_id, unit.thread_id) == ("c", "t")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"role": None}, "role is a NoneType"),
        ({"content": 5}, "content is a int: expected a string"),
        ({"timestamp": "noon"}, "timestamp is 'noon': expected an ISO string"),
        ({"memory_id": ""}, "memory_id is ''"),
        ({"associated_conversation_ids": "abc"}, "associated_conversation_ids is no list of strings"),
        ({"associated_conversation_ids": [1]}, "associated_conversation_ids is no list of strings"),
        ({"associated_conversation_ids": 5}, "associated_conversation_ids is no list of strings"),
    ],
)
def test_wrong_messages_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ConversationMemoryUnit(**{"role": "user", "content": "hi", **arguments})


def test_a_message_with_another_dimension_is_refused(provider: RecordProvider) -> None:
    ConversationMemoryUnit("user", "hi").store(provider)
    with pytest.raises(VectorError, match="dimension"):
        ConversationMemoryUnit("user", "hi", embedding=[1.0, 2.0]).store(provider)
    assert len(provider.list_all(TALK)) == 1


# --- knowledge --------------------------------------------------------------------------------------------------------

CORPUS = "  First one,\r\nof two lines.\r\n\r\n \t\n\nSecond zzzz.\n\n"


def test_knowledge_comes_back_in_order(provider: RecordProvider) -> None:
    knowledge = KnowledgeBase(provider)
    one, other = knowledge.ingest_knowledge(CORPUS, "a"), knowledge.ingest_knowledge("Third zzzz.", "b")
    found = knowledge.retrieve_knowledge(one)
    assert [part["content"] for part in found] == ["First one,\nof two lines.", "Second zzzz."]
    assert [(part["chunk_index"], part["chunk_count"]) for part in found] == [(0, 2), (1, 2)]
    assert {part["knowledge_base_id"] for part in found} == {one}
    assert knowledge.retrieve_knowledge_by_query("Second zzzz.")["content"] == "Second zzzz."
    assert [part["content"] for part in knowledge.retrieve_knowledge_by_query("zzzz", "b")] == ["Third zzzz."]
    assert len(knowledge.retrieve_knowledge_by_query("zzzz", limit=2)) == 2
    assert knowledge.delete_knowledge(one) is True
    assert knowledge.delete_knowledge(one) is False
    assert knowledge.retrieve_knowledge(one) == []
    assert len(knowledge.retrieve_knowledge(other)) == 1


def test_knowledge_is_kept_whole_or_not_at_all(provider: RecordProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    knowledge = KnowledgeBase(provider)
    monkeypatch.setattr(provider, "embed_text", lambda text: [1.0] * (2 if text == "c" else 3))
    with pytest.raises(VectorError, match="dimension"):
        knowledge.ingest_knowledge("a\n\nb\n\nc")
    assert provider.list_all(LONG) == []
    assert len(knowledge.retrieve_knowledge(knowledge.ingest_knowledge("a\n\nb"))) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((" \n\n ",), "the corpus is empty: expected a text"),
        ((5,), "corpus is a int"),
        (("a", ""), "namespace is ''"),
    ],
)
def test_wrong_knowledge_is_refused(provider: RecordProvider, arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        KnowledgeBase(provider).ingest_knowledge(*arguments)
    assert provider.list_all(LONG) == []


@given(st.lists(st.text("ab \n", min_size=1)))
def test_paragraphs_lose_no_word(parts: list[str]) -> None:
    text = "\n\n".join(parts)
    assert " ".join(paragraphs(text)).split() == text.split()
    assert all(part.strip() == part and part for part in paragraphs(text))
