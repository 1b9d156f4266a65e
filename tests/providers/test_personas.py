"""Personas: kept in a provider, found by what they are about, changed, and come back as they were."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memorizz import ConversationMemoryUnit, KnowledgeBase, MemoryType, Persona, RoleType, Workflow
from memorizz.memory_provider.provider import RecordProvider
from memu.errors import InputError, InputTypeError

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=20).filter(str.strip)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
HOSTILE = "x'; DROP TABLE personas; --"


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
