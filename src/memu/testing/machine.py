"""Random sequences of every operation, two users interleaved, held step by step to a model of plain dicts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from memu.app.service import MemoryService
from memu.app.sync import SyncService
from memu.backends.schema import HISTORY, ITEMS, LINKS, TEXTS, TOMBSTONES
from memu.database.core import Database
from memu.errors import NotFoundError
from memu.scope import Scope
from memu.testing.backend import Backend, Suite, ids
from memu.testing.speech import FACTS

STEPS, LEAST = 75, 43
"""The most steps of one run, and how many must have been done in one on average."""

USERS = (
    {"user_id": "zoe", "agent_id": "helper"},
    {"user_id": "zoë", "agent_id": "helper"},
    {"user_id": "Zoe", "agent_id": "helper"},
)
"""Owners that a careless comparison takes for one."""

_WHO = st.sampled_from(range(2))
_FACTS = st.lists(st.sampled_from(FACTS), min_size=1, max_size=4, unique=True)
_TYPES = st.sampled_from(["profile", "event", "knowledge", "behavior", "skill", "tool"])
_NAMES = st.sampled_from(["sea", "Sea", "habits"])
_CHANNELS = st.sampled_from(["mail", "call"])
_ANY = st.integers(0, 10**6)


@dataclass
class Kept:
    """What the model knows of one item."""

    summary: str
    memory_type: str
    categories: set[str]
    metadata: dict[str, Any]
    resource: str | None = None


@dataclass
class Model:
    """What one user's memory must hold."""

    items: dict[str, Kept] = field(default_factory=dict)
    talks: dict[str, list[str]] = field(default_factory=dict)  # resource id -> its messages

    def drop(self, item_ids: list[str]) -> None:
        """Forget items."""
        for one in item_ids:
            del self.items[one]

    def take(self, item: Mapping[str, Any]) -> None:
        """Learn an item from an answer."""
        self.items[item["id"]] = Kept(
            item["summary"], item["memory_type"], set(item["categories"]), item["metadata"], item["resource_id"]
        )


class MemoryMachine(RuleBasedStateMachine):
    """Every public operation of the service and its database, in any order.

    Attributes:
        backend_of: makes an empty store for a run.
        steps: how many steps all machines have done.
    """

    backend_of: Callable[[], Backend]
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.backend = type(self).backend_of()
        self.service: MemoryService = self.backend.service()
        self.models: tuple[Model, ...] = ()
        self.users: tuple[dict[str, str], ...] = ()
        self.since_restart = 0

    @initialize(pair=st.permutations(USERS))
    def choose_users(self, pair: list[dict[str, str]]) -> None:
        self.users, self.models = tuple(pair[:2]), (Model(), Model())

    # --- memorize --------------------------------------------------------------------------------------------------

    @rule(who=_WHO, facts=_FACTS, channel=_CHANNELS)
    def memorize_messages(self, who: int, facts: list[str], channel: str) -> None:
        self._memorized(who, facts, channel)

    @rule(who=_WHO, pick=_ANY, facts=_FACTS, channel=_CHANNELS)
    def go_on(self, who: int, pick: int, facts: list[str], channel: str) -> None:
        """Give a known conversation with more at its end."""
        talks = self.models[who].talks
        known = talks[list(talks)[pick % len(talks)]] if talks else []
        self._memorized(who, [*known, *facts], channel)

    @rule(who=_WHO, pick=_ANY)
    def repeat(self, who: int, pick: int) -> None:
        """Give a known conversation again."""
        talks = self.models[who].talks
        if talks:
            known = talks[list(talks)[pick % len(talks)]]
            assert self._memorized(who, known, "again") == "unchanged"

    def _memorized(self, who: int, facts: list[str], channel: str) -> str:
        model = self.models[who]
        messages = [{"role": "user", "name": "Ann", "content": fact} for fact in facts]
        result = self.memory.memorize(messages, user=self.users[who], metadata={"channel": channel})
        resource, status = result["resource"]["id"], str(result["status"])
        known = next((one for one, said in model.talks.items() if said == facts), None)
        if known is not None:
            assert (status, resource, result["items"]) == ("unchanged", known, [])
            return status
        if status == "unchanged":  # the beginning of a conversation that has gone on since
            assert model.talks[resource][: len(facts)] == facts
            assert result["items"] == []
            return status
        before = model.talks.get(resource, [])
        assert status == ("extended" if before else "created")
        assert facts[: len(before)] == before
        assert [item["summary"] for item in result["items"]] == facts[len(before) :]
        assert all(item["metadata"] == {"channel": channel} for item in result["items"])
        for item in result["items"]:
            assert item["id"] not in model.items
            model.take(item)
        model.talks[resource] = facts
        return status

    # --- single memories -------------------------------------------------------------------------------------------

    @rule(who=_WHO, fact=st.sampled_from(FACTS), kind=_TYPES, names=st.sets(_NAMES), channel=_CHANNELS)
    def create(self, who: int, fact: str, kind: str, names: set[str], channel: str) -> None:
        made = self.memory.create_memory_item(
            memory_type=kind,
            memory_content=fact,
            memory_categories=sorted(names),
            metadata={"channel": channel},
            user=self.users[who],
        )["memory_item"]
        assert (made["summary"], made["memory_type"], set(made["categories"])) == (fact, kind, names)
        self.models[who].take(made)

    @rule(who=_WHO, pick=_ANY, fact=st.none() | st.sampled_from(FACTS), kind=st.none() | _TYPES, names=st.sets(_NAMES))
    def update(self, who: int, pick: int, fact: str | None, kind: str | None, names: set[str]) -> None:
        item_id = self._picked(who, pick)
        if item_id is None:
            return
        self.memory.update_memory_item(
            memory_id=item_id,
            memory_content=fact,
            memory_type=kind,
            memory_categories=sorted(names) if names else None,
            metadata={"touched": pick % 3},
            user=self.users[who],
        )
        kept = self.models[who].items[item_id]
        kept.summary, kept.memory_type = fact or kept.summary, kind or kept.memory_type
        kept.categories = names or kept.categories
        kept.metadata = {**kept.metadata, "touched": pick % 3}

    @rule(who=_WHO, pick=_ANY)
    def delete(self, who: int, pick: int) -> None:
        item_id = self._picked(who, pick)
        if item_id is not None:
            self.memory.delete_memory_item(memory_id=item_id, user=self.users[who])
            self.models[who].drop([item_id])

    @rule(who=_WHO, pick=_ANY, name=_NAMES, link=st.booleans())
    def file(self, who: int, pick: int, name: str, link: bool) -> None:
        """Link or unlink through the repositories."""
        item_id, database = self._picked(who, pick), self._database(who)
        if item_id is None:
            return
        category = database.get_or_create_category(name=name)
        if link:
            database.link_item_category(item_id, category.id)
            self.models[who].items[item_id].categories.add(name)
        else:
            database.category_item_repo.unlink_item_category(item_id, category.id)
            self.models[who].items[item_id].categories.discard(name)

    @rule(who=_WHO, pick=_ANY, fact=st.sampled_from(FACTS))
    def assign(self, who: int, pick: int, fact: str) -> None:
        """Change a live record."""
        item_id = self._picked(who, pick)
        if item_id is not None:
            self._database(who).items[item_id].summary = fact
            self.models[who].items[item_id].summary = fact

    @rule(who=_WHO, pick=_ANY)
    def use_a_foreign_id(self, who: int, pick: int) -> None:
        """No call takes the id of another user's item."""
        item_id = self._picked(1 - who, pick)
        if item_id is None:
            return
        calls: tuple[Callable[[], object], ...] = (
            lambda: self.memory.get_memory_item(item_id, user=self.users[who]),
            lambda: self.memory.update_memory_item(memory_id=item_id, memory_content="taken", user=self.users[who]),
            lambda: self.memory.delete_memory_item(memory_id=item_id, user=self.users[who]),
        )
        for call in calls:
            with pytest.raises(NotFoundError):
                call()

    # --- many at once ----------------------------------------------------------------------------------------------

    @rule(who=_WHO, pick=_ANY)
    def delete_resource(self, who: int, pick: int) -> None:
        model = self.models[who]
        if model.talks:
            resource = list(model.talks)[pick % len(model.talks)]
            self.memory.delete_resource(resource, user=self.users[who])
            del model.talks[resource]
            model.drop([one for one, kept in model.items.items() if kept.resource == resource])

    @rule(who=_WHO, kind=_TYPES, channel=_CHANNELS)
    def clear_some(self, who: int, kind: str, channel: str) -> None:
        model = self.models[who]
        gone = self.memory.clear_memory({**self.users[who], "memory_type": kind, "metadata.channel": channel})
        met = [one for one, kept in model.items.items() if _meets(kept, kind, channel)]
        assert sorted(ids(gone["deleted_items"])) == sorted(met)
        model.drop(met)

    @precondition(lambda self: any(len(model.items) > 12 for model in self.models))
    @rule(who=_WHO, whole=st.booleans())
    def begin_anew(self, who: int, whole: bool) -> None:
        """Forget, or clear everything."""
        if whole:
            self.memory.forget(user=self.users[who])
        else:
            self.memory.clear_memory(self.users[who])
        self.models[who].items.clear()
        self.models[who].talks.clear()

    @precondition(lambda self: self.since_restart > 12)
    @rule()
    def restart(self) -> None:
        """Close and open again, where that keeps anything."""
        self.since_restart = 0
        if self.backend.durable:
            self.service.close()
            self.service = self.backend.service()

    # --- reading ---------------------------------------------------------------------------------------------------

    @rule(who=_WHO, size=st.integers(1, 5))
    def page(self, who: int, size: int) -> None:
        seen: list[str] = []
        cursor = None
        while True:
            answer = self.memory.list_memory_items(self.users[who], limit=size, cursor=cursor)
            seen += ids(answer["items"])
            cursor = answer["next_cursor"]
            if cursor is None:
                break
        assert seen == list(self._database(who).items)

    @rule(who=_WHO, kind=_TYPES, channel=_CHANNELS)
    def filter(self, who: int, kind: str, channel: str) -> None:
        where = {**self.users[who], "memory_type": kind, "metadata.channel": channel}
        listed = ids(self.memory.list_memory_items(where)["items"])
        assert sorted(listed) == sorted(one for one, kept in self._items(who) if _meets(kept, kind, channel))

    @rule(who=_WHO, fact=st.sampled_from(FACTS), top_k=st.integers(1, 60), name=st.none() | _NAMES)
    def retrieve(self, who: int, fact: str, top_k: int, name: str | None) -> None:
        where = {**self.users[who], **({"category": name} if name else {})}
        found = self.memory.retrieve(fact, where, top_k=top_k)["items"]
        met = {one: kept for one, kept in self._items(who) if name is None or name in kept.categories}
        assert len(found) == min(top_k, len(met))
        assert len(set(ids(found))) == len(found)
        for item in found:
            assert met[item["id"]].summary == item["summary"]
        if any(kept.summary == fact for kept in met.values()):
            assert fact in [item["summary"] for item in found[:3]]

    # --- what always holds -----------------------------------------------------------------------------------------

    @invariant()
    def the_store_is_the_model(self) -> None:
        type(self).steps += 1
        self.since_restart += 1
        for who, model in enumerate(self.models):
            database = self._database(who)
            names = {one.id: one.name for one in database.memory_category_repo.page(embeddings=False)}
            filed: dict[str, set[str]] = {}
            for link in database.category_item_repo.page():
                filed.setdefault(link.item_id, set()).add(names[link.category_id])
            seen = Model()
            for item in database.memory_item_repo.page(embeddings=False):
                seen.take({**dict(item), "categories": filed.pop(item.id, set())})
                assert {name: getattr(item, name) for name in ("user_id", "agent_id")} == self.users[who]
            assert not filed
            assert seen.items == model.items
            assert {one.id for one in database.resource_repo.page(embeddings=False)} == set(model.talks)

    @invariant()
    def the_rows_are_sound(self) -> None:
        database = self.service.parts.database
        assert self.backend.faults(database) == []
        rows = self.backend.dump(database)
        owners = {(row["user_id"], row["agent_id"]) for name in (ITEMS, LINKS, TEXTS) for row in rows[name]}
        assert owners <= {(user["user_id"], user["agent_id"]) for user in self.users}
        items = {(row["user_id"], row["id"]) for row in rows[ITEMS]}
        assert {(row["user_id"], row["item_id"]) for name in (LINKS, HISTORY) for row in rows[name]} <= items
        assert not {(row["user_id"], row["id"]) for row in rows[TOMBSTONES] if row["kind"] == ITEMS} & items
        texts = {(row["user_id"], row["id"]): row["text"] for row in rows[TEXTS]}
        for row in rows[ITEMS]:
            if row["resource_id"] is not None:
                words = texts[row["user_id"], row["resource_id"]][row["source_start"] : row["source_end"]]
                assert words in FACTS

    def teardown(self) -> None:
        self.service.close()
        self.backend.wipe()

    @property
    def memory(self) -> SyncService:
        """The calls without `await`."""
        return self.service.sync

    def _database(self, who: int) -> Database:
        return self.service.database.bound(Scope.of(self.users[who]))

    def _items(self, who: int) -> list[tuple[str, Kept]]:
        return list(self.models[who].items.items())

    def _picked(self, who: int, pick: int) -> str | None:
        items = list(self.models[who].items)  # in the order they were made: ids are random
        return items[pick % len(items)] if items else None


def _meets(kept: Kept, kind: str, channel: str) -> bool:
    return kept.memory_type == kind and kept.metadata.get("channel") == channel


class MachineTests(Suite):
    """The machine on a backend."""

    def test_random_operations_keep_to_the_model(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        def fresh() -> Backend:
            return self.backend_type(tmp_path_factory.mktemp("run"))

        class Machine(MemoryMachine):
            backend_of = staticmethod(fresh)

        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=self.backend_type.machine_runs,
                stateful_step_count=STEPS,
                derandomize=True,
                deadline=None,
                database=None,
                phases=[Phase.generate],  # shrinking would take minutes; a failing run is short enough to read
                suppress_health_check=list(HealthCheck),
            ),
        )
        print(f"{self.backend_type.name}: {Machine.steps} steps")  # noqa: T201 - shown by `pytest -s`
        assert Machine.steps >= LEAST * self.backend_type.machine_runs
