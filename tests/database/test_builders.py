"""The operator's handles: opening stores by their settings and user models."""

from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BaseModel, Field, create_model

from memu import MemoryService
from memu.database import build_database, build_inmemory_database, build_sqlite_database
from memu.errors import ConfigError, ScopeError
from memu.settings import DatabaseConfig


class Tenant(BaseModel):
    """One more field than the two that are always there."""

    user_id: str
    tenant: Annotated[str, Field(max_length=20)]


def config(tmp_path: Path) -> DatabaseConfig:
    return DatabaseConfig(metadata_store={"provider": "sqlite", "dsn": f"sqlite:///{tmp_path / 'memu.db'}"})


def test_the_operator_sees_every_owner_and_writes_for_whom_it_names(tmp_path: Path) -> None:
    with MemoryService(database_config=config(tmp_path)) as service:
        service.sync.memorize("I keep bees.", user={"user_id": "alice"})
    database = build_sqlite_database(config=config(tmp_path))
    database.load_existing()
    owner = {"user_id": "bob", "agent_id": "coach"}
    database.resource_repo.create_resource(url="a.md", modality="document", user_data=owner)
    with pytest.raises(ScopeError):
        database.resource_repo.create_resource(url="b.md", modality="document", user_data={"user_id": None})
    assert [(one.user_id, one.agent_id) for one in database.resources.values()] == [
        ("alice", "default"),
        ("bob", "coach"),
    ]
    assert list(database.resource_repo.list_resources({"user_id": "alice"})) == [next(iter(database.resources))]
    database.close()


def test_each_builder_opens_its_own_kind(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="build_database opens any"):
        build_sqlite_database(config=DatabaseConfig())
    with pytest.raises(ConfigError, match="inmemory"):
        build_inmemory_database(config=config(tmp_path))
    for database in (build_database(config=config(tmp_path)), build_database(config=DatabaseConfig())):
        assert len(database.items) == 0
        database.close()


def test_settings_may_be_a_mapping(tmp_path: Path) -> None:
    given = {"provider": "sqlite", "sqlite_path": tmp_path / "memu.db"}
    build_sqlite_database(config=given).close()  # type: ignore[arg-type]
    assert (tmp_path / "memu.db").is_file()
    with pytest.raises(ConfigError, match="path"):
        build_database(config={**given, "path": "x"})  # type: ignore[arg-type]


def test_further_scope_fields_keep_memories_apart() -> None:
    database = build_inmemory_database(user_model=Tenant)
    made = [
        database.memory_item_repo.create_item(
            memory_type="event", summary=tenant, user_data={"user_id": "alice", "tenant": tenant}
        )
        for tenant in ("bakery", "forge")
    ]
    assert [one.model_dump()["tenant"] for one in made] == ["bakery", "forge"]
    assert list(database.memory_item_repo.list_items({"tenant": "forge"})) == [made[1].id]
    with pytest.raises(ScopeError, match="'firm'"):
        database.memory_item_repo.create_item(memory_type="event", summary="x", user_data={"firm": "x"})
    database.close()


@pytest.mark.parametrize(
    "fields",
    [
        {"summary": (str, ...)},
        {"Summary": (str, ...)},
        {"category": (str, ...)},
        {"metadata": (str, ...)},
        {"User_ID": (str, ...)},
        {"tenant": (str, ...), "Tenant": (str, ...)},
        {"tenant__id": (str, ...)},
        {"größe": (str, ...)},
        {"t" * 60: (str, ...)},
        {"tenant": (int, ...)},
    ],
    ids="+".join,
)
def test_a_user_model_that_cannot_be_columns_is_refused(fields: dict[str, object]) -> None:
    model = create_model("Model", **fields)  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match=next(reversed(fields))):
        build_inmemory_database(user_model=model)
