"""Providers that users derive: with and without a call of their parent, and those that are written to the interface."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from memorizz import MemoryProvider, MemoryType
from memorizz.memory_provider.sqlite import SQLiteConfig, SQLiteProvider
from memu.errors import InputTypeError

LONG = MemoryType.LONG_TERM_MEMORY


class Late(SQLiteProvider):
    """A subclass as users write them, which never calls its parent."""

    def __init__(self, config: SQLiteConfig, size: int = 1) -> None:
        self.pool = size


def test_a_subclass_that_calls_no_parent_works(tmp_path: Path) -> None:
    provider = Late(SQLiteConfig(tmp_path / "late.db"), size=3)
    assert not (tmp_path / "late.db").exists()
    assert provider.pool == 3
    with ThreadPoolExecutor(8) as threads:
        ids = set(threads.map(lambda n: provider.store({"n": n}, LONG), range(16)))
    assert len(ids) == len(provider.list_all(LONG)) == 16
    provider.close()
    never = Late(SQLiteConfig(tmp_path / "never.db"))
    never.close()
    assert not (tmp_path / "never.db").exists()


class Named(SQLiteProvider):
    """A subclass that makes its config itself, of something else."""

    def __init__(self, folder: Any, tenant: str = "t") -> None:
        super().__init__(SQLiteConfig(Path(folder) / f"{tenant}.db"))


class Chosen(SQLiteProvider):
    """A subclass that is given one config and opens another."""

    def __init__(self, config: SQLiteConfig) -> None:
        super().__init__(SQLiteConfig(f"{config.path}.other"))


class Bare(SQLiteProvider):
    """A subclass that hands nothing on."""

    def __init__(self, config: SQLiteConfig | None = None) -> None:
        super().__init__()


class Further(SQLiteProvider):
    """A subclass whose config has another name, and which calls no parent."""

    def __init__(self, *, settings: Any) -> None:
        self.settings = settings


def test_what_is_handed_to_the_parent_counts(tmp_path: Path) -> None:
    with Named(tmp_path) as provider:
        assert provider.config == SQLiteConfig(tmp_path / "t.db")
        provider.store({"n": 1}, LONG)
    with Named(str(tmp_path), tenant="u") as provider:
        assert provider.list_all(LONG) == []
    with Chosen(SQLiteConfig(str(tmp_path / "x.db"))) as provider:
        provider.store({"n": 1}, LONG)
    assert sorted(path.name for path in tmp_path.glob("*")) == ["t.db", "u.db", "x.db.other"]


def test_what_is_handed_to_nobody_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Bare(SQLiteConfig("bare.db")), Further(settings=SQLiteConfig("further.db")) as further:
        further.store({}, LONG)
    assert sorted(path.name for path in tmp_path.glob("*.db")) == ["bare.db", "further.db"]
    with Bare() as default:
        assert default.config == SQLiteConfig()
    lost = Further(settings="further.db")
    with pytest.raises(InputTypeError, match=r"no SQLiteConfig was given: hand one to super\(\).__init__"):
        lost.list_all(LONG)
    lost.close()


class Original(MemoryProvider):
    """A provider with the methods that the interface has had from the beginning, and no others."""

    def __init__(self, config: Any = None) -> None:
        self.rows: dict[str, Any] = {}

    def store(self, data=None, memory_store_type=None, memory_id=None, memory_unit=None):
        self.rows[data["_id"]] = data
        return data["_id"]

    def retrieve_by_query(self, query, memory_store_type=None, limit=1, memory_id=None, memory_type=None, **kwargs):
        return list(self.rows.values())[:limit]

    def retrieve_by_id(self, id, memory_store_type):
        return self.rows.get(id)

    def update_by_id(self, id, data, memory_store_type):
        return id in self.rows and not self.rows[id].update(data)

    def close(self): ...
    def retrieve_by_name(self, name, memory_store_type): ...
    def delete_by_id(self, id, memory_store_type): ...
    def delete_by_name(self, name, memory_store_type): ...
    def delete_all(self, memory_store_type): ...
    def list_all(self, memory_store_type): ...
    def retrieve_conversation_history_ordered_by_timestamp(self, memory_id, memory_type=None, limit=None): ...
    def store_memagent(self, memagent): ...
    def delete_memagent(self, agent_id, cascade=False): ...
    def update_memagent_memory_ids(self, agent_id, memory_ids): ...
    def delete_memagent_memory_ids(self, agent_id): ...
    def list_memagents(self): ...


def test_a_provider_with_the_first_methods_only_can_be_made() -> None:
    provider = Original()
    assert provider.store_many([{"_id": "a", "instruction": "one"}], LONG) == ["a"]
    assert provider.retrieve_memagent("a").instruction == "one"
    assert provider.retrieve_memagent("b") is None
    assert provider.update_memagent({"agent_id": "a", "instruction": "two"}) is True
    assert provider.retrieve_memory_units_by_query("x")[0]["instruction"] == "two"
    with pytest.raises(NotImplementedError, match="Original deletes no scopes: override delete_scope"):
        provider.delete_memory_units("m")
    with pytest.raises(NotImplementedError, match="override delete_scope"):
        provider.delete_scope(user_id="u")
