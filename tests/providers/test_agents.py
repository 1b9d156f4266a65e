"""Agents: kept by their own id, read as objects, and deleted with what is theirs alone."""

from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel

from memorizz.enums import MemoryType, RoleType
from memorizz.memory_provider.agents import MemAgentModel
from memorizz.memory_provider.provider import RecordProvider
from memu.errors import Deadlock, InputError, InputTypeError, NotFoundError

from .places import TYPES

AGENTS = MemoryType.MEMAGENT


class Agent(BaseModel):
    """As the project itself describes one."""

    model: Any = None
    tools: list[dict[str, Any]] | None = None
    persona: Any = None
    instruction: str = "Help."
    memory_mode: str = "conversational"
    max_steps: int = 5
    memory_ids: list[str] = []
    agent_id: str | None = None
    tool_access: str = "private"
    user_id: str | None = None


def test_row_19_agents_come_back(provider: RecordProvider) -> None:
    agent = Agent(agent_id="a-1", memory_ids=["m1"], tools=[{"name": "t", "call": len}], model={"name": "x"})
    stored = provider.store_memagent(agent)
    assert stored == stored["_id"] == stored["id"] == "a-1"
    assert stored[0] == "a"
    assert isinstance(stored, str)
    found = provider.retrieve_memagent(stored)
    assert isinstance(found, MemAgentModel)
    assert found.agent_id == found["agent_id"] == found["_id"] == "a-1"
    assert (found.memory_ids, found.instruction, found.max_steps, found.model) == (["m1"], "Help.", 5, {"name": "x"})
    assert found.tools == [{"name": "t"}]
    assert hasattr(found, "created_at")
    with pytest.raises(AttributeError, match="no 'nothing'"):
        _ = found.nothing
    found.instruction = "Do."
    assert found["instruction"] == "Do."
    assert provider.store_memagent(found)["_id"] == "a-1"
    assert [one.instruction for one in provider.list_memagents()] == ["Do."]
    assert provider.retrieve_memagent("a-2") is None


def test_row_19_storing_again_makes_no_second_agent(provider: RecordProvider) -> None:
    made = provider.store_memagent({"instruction": "one"})
    assert provider.retrieve_memagent(made).agent_id == made
    for instruction in ("two", "three"):
        assert provider.store_memagent({"agent_id": str(made), "instruction": instruction}) == made
    provider.store({"agent_id": str(made), "instruction": "four"}, AGENTS)
    assert [one.instruction for one in provider.list_memagents()] == ["four"]
    other = provider.store_memagent({"_id": "given", "instruction": "x"})
    assert provider.retrieve_memagent("given").agent_id == other == "given"
    assert [one.agent_id for one in provider.list_memagents()] == ["given", made]


def test_row_19_any_form_of_agent(provider: RecordProvider) -> None:
    persona = SimpleNamespace(to_dict=lambda: {"name": "P", "role": RoleType.GENERAL})
    plain = SimpleNamespace(agent_id="plain", persona=persona, run=len, _private=object())
    provider.store_memagent(plain)
    found = provider.retrieve_memagent("plain")
    assert found.persona == {"name": "P", "role": "General"}
    assert "run" not in found
    assert (found.max_steps, found.memory_mode, found.tool_access, found.memory_ids) == (20, "general", "private", [])
    with pytest.raises(InputTypeError, match="the document is a str"):
        provider.store_memagent("agent")
    with pytest.raises(InputError, match="agent_id is ''"):
        provider.store_memagent({"agent_id": ""})


def test_row_19_any_key_of_an_agent_comes_back(provider: RecordProvider) -> None:
    stored = provider.store_memagent({"self": 1, "memory_ids": None})
    assert provider.retrieve_memagent(stored).self == 1
    assert [(one["self"], one.memory_ids) for one in provider.list_memagents()] == [(1, [])]


@pytest.mark.parametrize("key", ["_id", "id"])
def test_row_19_an_agent_has_one_id(provider: RecordProvider, key: str) -> None:
    with pytest.raises(InputError, match="two ids, agent_id 'C' and _id 'zzz': expected one"):
        provider.store_memagent({"agent_id": "C", key: "zzz"})
    assert provider.list_memagents() == []


def test_row_19_updates(provider: RecordProvider) -> None:
    provider.store_memagent(Agent(agent_id="a", instruction="one", memory_ids=["m"]))
    assert provider.update_memagent({"agent_id": "a", "instruction": "two"}) is True
    found = provider.retrieve_memagent("a")
    assert (found.instruction, found.memory_ids) == ("two", ["m"])
    found.max_steps = 7
    assert provider.update_memagent(found) is True
    assert provider.retrieve_memagent("a").max_steps == 7
    assert provider.update_memagent(Agent(agent_id="nobody")) is False
    with pytest.raises(InputError, match="cannot change agent_id"):
        provider.update_by_id("a", {"agent_id": "b"}, AGENTS)


def test_row_21_memory_ids(provider: RecordProvider) -> None:
    provider.store_memagent(Agent(agent_id="a", memory_ids=["m"]))
    assert provider.update_memagent_memory_ids("a", ["x", "y"]) is True
    assert provider.retrieve_memagent("a").memory_ids == ["x", "y"]
    assert provider.delete_memagent_memory_ids("a") is True
    assert provider.retrieve_memagent("a").memory_ids == provider.retrieve_by_id("a", AGENTS)["memory_ids"] == []
    assert provider.update_memagent_memory_ids("nobody", ["x"]) is False
    assert provider.delete_memagent_memory_ids("nobody") is False
    for bad in ("m", [1], {"m": 1}, None):
        with pytest.raises(InputTypeError, match="memory_ids"):
            provider.update_memagent_memory_ids("a", bad)


def test_row_20_cascade_deletes_what_is_the_agents_alone(provider: RecordProvider) -> None:
    provider.store_memagent(Agent(agent_id="a", memory_ids=["own", "shared"]))
    provider.store_memagent(Agent(agent_id="b", memory_ids=["shared", "b's"]))
    others = [kind for kind in TYPES if kind is not AGENTS]
    for kind in others:
        for memory in ("own", "shared", "b's", None):
            provider.store({"_id": str(memory), "memory_id": memory, "embedding": [1, 2]}, kind)
    assert provider.delete_memagent("a", cascade=True) is True
    for kind in others:
        assert {one["_id"] for one in provider.list_all(kind)} == {"shared", "b's", "None"}
        assert len(provider.retrieve_by_query([1, 2], kind, limit=9)) == 3
    assert [one.agent_id for one in provider.list_memagents()] == ["b"]
    assert provider.delete_memagent("b") is True
    assert len(provider.list_all(others[0])) == 3
    assert provider.delete_memagent("b") is False
    for missing in ("b", "", None, "x" * 300):
        with pytest.raises(NotFoundError, match="there is no agent"):
            provider.delete_memagent(missing, cascade=True)
    with pytest.raises(ValueError, match="there is no agent"):
        provider.delete_memagent("b", cascade=True)


def test_row_20_cascade_is_all_or_nothing(provider: RecordProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    provider.store_memagent(Agent(agent_id="a", memory_ids=["own"]))
    provider.store({"_id": "kept", "memory_id": "own"}, MemoryType.PERSONAS)
    writer = provider._store.writer
    real = writer.erase

    def failing(transaction: Any, kind: MemoryType, where: Any) -> int:
        if kind is AGENTS:
            raise OSError("gone")
        return real(transaction, kind, where)

    monkeypatch.setattr(writer, "erase", failing)
    with pytest.raises(OSError, match="gone"):
        provider.delete_memagent("a", cascade=True)
    monkeypatch.undo()
    assert provider.retrieve_by_id("kept", MemoryType.PERSONAS) is not None
    assert provider.retrieve_memagent("a") is not None


def test_a_cascade_is_repeated_after_a_deadlock(provider: RecordProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    provider.store_memagent(Agent(agent_id="a", memory_ids=["own"]))
    provider.store({"memory_id": "own"}, MemoryType.PERSONAS)
    writer, left = provider._store.writer, [1]
    real = writer.erase

    def victim(transaction: Any, kind: MemoryType, where: Any) -> int:
        if kind is AGENTS and left:
            raise Deadlock(f"chosen for the {left.pop()}st time")
        return real(transaction, kind, where)

    monkeypatch.setattr(writer, "erase", victim)
    assert provider.delete_memagent("a", cascade=True) is True
    assert provider.list_all(MemoryType.PERSONAS) == provider.list_memagents() == []


@pytest.mark.parametrize("bad", ["m", [1], {"m": 1}, 5, ["m", None]])
def test_memory_ids_are_checked_wherever_they_are_kept(provider: RecordProvider, bad: Any) -> None:
    provider.store_memagent({"agent_id": "a", "memory_ids": None})
    for call in (
        lambda: provider.store_memagent({"agent_id": "b", "memory_ids": bad}),
        lambda: provider.store({"agent_id": "b", "memory_ids": bad}, AGENTS),
        lambda: provider.store_many([{"agent_id": "b", "memory_ids": bad}], AGENTS),
        lambda: provider.update_memagent({"agent_id": "a", "memory_ids": bad}),
        lambda: provider.update_by_id("a", {"memory_ids": bad}, AGENTS),
    ):
        with pytest.raises(InputTypeError, match=r"memory_ids (is|holds) a .*: expected a list of strings"):
            call()
    assert [one["memory_ids"] for one in provider.list_memagents()] == [[]]


# --- scopes -----------------------------------------------------------------------------------------------------------


def test_a_scope_is_deleted_everywhere(provider: RecordProvider) -> None:
    for kind in TYPES:
        for n, (memory, user, agent) in enumerate([("m", "u", "a"), ("m", "v", "b"), ("n", "u", "a"), (None,) * 3]):
            document = {"memory_id": memory, "user_id": user, "agent_id": agent or "x", "embedding": [1, n]}
            provider.store({**document, "agent_id": f"{kind.value}{n}"} if kind is AGENTS else document, kind)
    assert provider.delete_scope(memory_id="m", user_id="u") == dict.fromkeys((kind.value for kind in TYPES), 1)
    deleted = provider.delete_scope(agent_ids=["b", "nobody", "agents0"])
    assert deleted == {kind.value: kind is not AGENTS for kind in TYPES}
    assert provider.delete_memory_units("n") == dict.fromkeys((kind.value for kind in TYPES), 1)
    for kind in TYPES:
        assert {one.get("memory_id") for one in provider.list_all(kind)} == ({None, "m"} if kind is AGENTS else {None})
        assert len(provider.retrieve_by_query([1, 1], kind, limit=9)) == len(provider.list_all(kind))
    assert sum(provider.delete_scope(agent_ids=[]).values()) == 0
    with pytest.raises(InputError, match="no scope is given"):
        provider.delete_scope()
    for wrong in ({"memory_id": 5}, {"user_id": ["u"]}, {"agent_ids": "a"}, {"agent_ids": [None]}):
        with pytest.raises(InputError, match="expected"):
            provider.delete_scope(**wrong)


def test_a_scope_of_none_is_what_is_nobodys(provider: RecordProvider) -> None:
    def left() -> set[str]:
        return {one["_id"] for kind in TYPES if kind is not AGENTS for one in provider.list_all(kind)}

    def fill() -> None:
        for kind in TYPES:
            if kind is not AGENTS:
                for memory, user in (("m", "u"), ("m", None), (None, "u"), (None, None)):
                    provider.store({"_id": f"{memory} {user}", "memory_id": memory, "user_id": user}, kind)

    everything = {"m u", "m None", "None u", "None None"}
    for scope, gone in (
        ({"user_id": None}, {"m None", "None None"}),
        ({"memory_id": None}, {"None u", "None None"}),
        ({"memory_id": "m", "user_id": None}, {"m None"}),
        ({"memory_id": None, "user_id": None}, {"None None"}),
        ({"user_id": "u"}, {"m u", "None u"}),
    ):
        fill()
        assert sum(provider.delete_scope(**scope).values()) == len(gone) * (len(TYPES) - 1)
        assert left() == everything - gone
    fill()
    for call in (provider.delete_scope, lambda: provider.delete_memory_units(None)):
        with pytest.raises(InputError, match=r"no scope is given|memory_id is of type NoneType"):
            call()
    assert left() == everything


def test_users_reach_by_id_and_name_what_is_theirs(provider: RecordProvider) -> None:
    tools, talk = MemoryType.TOOLBOX, MemoryType.CONVERSATION_MEMORY
    for kind in (tools, talk):
        for user in ("u", "v", None):
            provider.store({"_id": str(user), "name": "N", "user_id": user}, kind)
    for kind, shared in ((tools, True), (talk, False)):
        everyones = {"None"} if shared else set()
        for user, seen in (("u", {"u"} | everyones), (None, {"None"}), ("w", everyones)):
            assert seen == {one for one in ("u", "v", "None") if provider.retrieve_by_id(one, kind, user_id=user)}
        assert provider.retrieve_by_name("N", kind)["_id"] == "None"
        assert provider.retrieve_by_name("N", kind, user_id="u")["_id"] == ("None" if shared else "u")
        assert provider.retrieve_by_name("N", kind, user_id=None)["_id"] == "None"
        for user, other in (("u", "v"), ("u", "None"), (None, "u")):
            assert provider.update_by_id(other, {"x": 1}, kind, user_id=user) is False
            assert provider.delete_by_id(other, kind, user_id=user) is False
        assert provider.update_by_id("u", {"x": 1}, kind, user_id="u") is True
        assert provider.delete_by_name("N", kind, user_id="w") is False
        assert provider.delete_by_name("N", kind, user_id="u", all=True) is True
        assert provider.delete_by_name("N", kind, user_id=None) is True
        assert provider.delete_by_id("v", kind, user_id="v") is True
        assert provider.list_all(kind) == []
    with pytest.raises(InputError, match="user_id"):
        provider.retrieve_by_id("u", tools, user_id=5)


@pytest.mark.parametrize("kind", [MemoryType.KNOWLEDGE_BASE, MemoryType.TOOLBOX, MemoryType.SKILLBOX])
def test_users_read_what_is_nobodys_and_never_change_it(provider: RecordProvider, kind: MemoryType) -> None:
    given = {"_id": "common", "name": "N", "content": "tea", "memory_id": "m"}
    provider.store(given, kind)
    before = provider.retrieve_by_id("common", kind, user_id="u")
    assert before is not None
    assert provider.update_by_id("common", {"content": "mine"}, kind, user_id="u") is False
    assert provider.delete_by_id("common", kind, user_id="u") is False
    assert provider.delete_by_name("N", kind, user_id="u") is False
    assert provider.delete_by_name("N", kind, user_id="u", all=True) is False
    assert sum(provider.delete_scope(user_id="u", memory_id="m").values()) == 0
    assert provider.retrieve_by_id("common", kind, user_id="u") == before
    assert provider.update_by_id("common", {"content": "coffee"}, kind, user_id=None) is True
    assert provider.retrieve_by_id("common", kind, user_id="u")["content"] == "coffee"
    assert provider.delete_by_id("common", kind) is True


def test_two_memories_that_differ_are_refused(provider: RecordProvider) -> None:
    with pytest.raises(InputError, match="memory_id is 'a' in the document and 'b' in the call: expected one"):
        provider.store({"memory_id": "a"}, AGENTS, "b")
    for document in ({}, {"memory_id": None}, {"memory_id": "b"}):
        assert provider.retrieve_by_id(provider.store(document, AGENTS, "b"), AGENTS)["memory_id"] == "b"
