"""Every import path and name that the documents use leads to the real thing, and aliases to one and the same."""

import importlib
import inspect
import subprocess
import sys
from typing import Any

import pytest

SETTINGS = (
    "BlobConfig",
    "DatabaseConfig",
    "MemorizeConfig",
    "RetrieveConfig",
)
"""What all documents import from the settings."""

LATER_SETTINGS = (
    "CategoryConfig",
    "MetadataStoreConfig",
    "UserConfig",
    "VectorIndexConfig",
)

ENDPOINT_SETTINGS = ("EmbeddingConfig", "LLMConfig", "LLMProfilesConfig")

MEMORIZE_SETTINGS = ("CategoryConfig", "MemorizeConfig")


def home(name: str) -> str:
    """Where the class of some settings is."""
    return f"memu.memorize_settings.{name}" if name in MEMORIZE_SETTINGS else f"memu.settings.{name}"


SAME: dict[str, tuple[str, ...]] = {
    "memu.app.service.MemoryService": (
        "memu.MemoryService",
        "memu.app.MemoryService",
        "memu.MemUService",
        "memu.app.MemUService",
    ),
    **{home(name): tuple(f"memu{at}.{name}" for at in (".settings", ".app.settings", ".app", "")) for name in SETTINGS},
    **{home(name): tuple(f"memu{at}.{name}" for at in (".settings", ".app.settings", "")) for name in LATER_SETTINGS},
    **{
        f"memu.endpoints.{name}": tuple(f"memu{module}.{name}" for module in (".settings", ".app.settings", ".app", ""))
        for name in ENDPOINT_SETTINGS
    },
    "memu.models.DefaultUserModel": ("memu.app.DefaultUserModel",),
    "memu.models.Resource": ("memu.database.models.Resource",),
    "memu.models.MemoryItem": ("memu.database.models.MemoryItem",),
    "memu.models.MemoryCategory": ("memu.database.models.MemoryCategory",),
    "memu.models.CategoryItem": ("memu.database.models.CategoryItem",),
    "memu.models.MemoryType": ("memu.database.models.MemoryType",),
    "memu.errors.MemuError": ("memu.MemuError",),
    "memu.storage.migrations.migrate_database": ("memu.storage.migrate_database",),
    "memu.storage.migrations.backup_database": ("memu.storage.backup_database",),
    "memu.storage.migrations.reset_database": ("memu.storage.reset_database",),
    "memu.storage.migrations.restore_database": (),
    "memu.storage.migrations.DatabaseMigrator": (),
    "memu.storage.local_fs.LocalFS": ("memu.storage.LocalFS",),
    "memu.storage.sqlite_db.SQLiteDB": ("memu.storage.SQLiteDB",),
    "memu.storage.vector_db.SimpleVectorDB": ("memu.storage.SimpleVectorDB",),
    "memu.memory.repo.PersistentStore": ("memu.memory.PersistentStore",),
    "memu.memory.repo.InMemoryStore": ("memu.memory.InMemoryStore",),
    "memu.database.sqlite.build_sqlite_database": ("memu.database.build_sqlite_database",),
    "memu.database.inmemory.build_inmemory_database": ("memu.database.build_inmemory_database",),
    "memu.database.factory.build_database": ("memu.database.build_database",),
    "memu.models.ToolCallResult": ("memu.database.models.ToolCallResult",),
    "memu.utils.tool.set_tool_calls": (),
    "memu.utils.references.extract_references": (),
    "memu.utils.references.build_item_reference_map": (),
}
"""Where the code is, and the other names under which the same object is imported."""

CALLS: dict[str, str] = {
    "memu.MemoryService": "user_id agent_id llm_config llm_profiles blob_config database_config database "
    "memorize_config retrieve_config user_config",
    "memu.MemoryService.memorize": "content resource_url modality user",
    "memu.MemoryService.retrieve": "queries where top_k min_score",
    "memu.MemoryService.list_memory_items": "where limit cursor",
    "memu.MemoryService.list_memory_categories": "where limit cursor",
    "memu.MemoryService.clear_memory": "where",
    "memu.MemoryService.create_memory_item": "memory_type memory_content memory_categories user propagate",
    "memu.MemoryService.update_memory_item": "memory_id memory_type memory_content memory_categories user propagate",
    "memu.MemoryService.delete_memory_item": "memory_id user propagate",
    "memu.MemoryService.context": "question max_tokens",
    "memu.MemoryService.embed": "texts",
    "memu.storage.migrate_database": "db_path vector_db_path",
    "memu.storage.reset_database": "db_path vector_db_path",
    "memu.storage.backup_database": "db_path vector_db_path backup_path",
    "memu.storage.migrations.DatabaseMigrator": "db_path vector_db_path",
    "memu.storage.migrations.DatabaseMigrator.migrate_to_latest": "",
    "memu.storage.migrations.DatabaseMigrator.reset_database": "",
    "memu.storage.migrations.DatabaseMigrator.backup_database": "backup_path",
    "memu.storage.LocalFS": "base_path",
    "memu.storage.LocalFS.fetch": "url modality",
    "memu.storage.SQLiteDB": "db_path",
    "memu.storage.SQLiteDB.create_resource": "resource",
    "memu.storage.SQLiteDB.get_resource": "resource_id user_id agent_id",
    "memu.storage.SQLiteDB.list_resources": "user_id agent_id",
    "memu.storage.SQLiteDB.create_item": "item",
    "memu.storage.SQLiteDB.get_item": "item_id user_id agent_id",
    "memu.storage.SQLiteDB.list_items": "user_id agent_id",
    "memu.storage.SQLiteDB.create_category": "category",
    "memu.storage.SQLiteDB.get_category": "category_id user_id agent_id",
    "memu.storage.SQLiteDB.get_category_by_name": "name user_id agent_id",
    "memu.storage.SQLiteDB.list_categories": "user_id agent_id",
    "memu.storage.SQLiteDB.update_category_summary": "category_id summary user_id agent_id",
    "memu.storage.SQLiteDB.create_category_item": "rel",
    "memu.storage.SQLiteDB.list_category_items": "user_id agent_id",
    "memu.storage.SQLiteDB.get_items_by_category": "category_id user_id agent_id",
    "memu.storage.SimpleVectorDB": "db_path",
    "memu.storage.SimpleVectorDB.upsert": "collection item_id vector user_id agent_id text",
    "memu.storage.SimpleVectorDB.get": "collection item_id user_id agent_id",
    "memu.storage.SimpleVectorDB.get_text": "collection item_id user_id agent_id",
    "memu.storage.SimpleVectorDB.delete": "collection item_id user_id agent_id",
    "memu.storage.SimpleVectorDB.query": "collection query_vector user_id agent_id top_k",
    "memu.storage.SimpleVectorDB.list_all": "collection user_id agent_id include_text",
    "memu.memory.PersistentStore": "db vector_db user_id agent_id",
    "memu.memory.PersistentStore.create_resource": "url modality local_path",
    "memu.memory.PersistentStore.get_or_create_category": "name description embedding",
    "memu.memory.PersistentStore.create_item": "resource_id memory_type summary embedding",
    "memu.memory.PersistentStore.link_item_category": "item_id cat_id",
    "memu.memory.PersistentStore.update_resource_embedding": "resource_id embedding",
    "memu.memory.PersistentStore.update_category_summary": "category_id summary",
    "memu.memory.InMemoryStore": "",
    "memu.memory.InMemoryStore.create_resource": "url modality local_path user_id agent_id",
    "memu.memory.InMemoryStore.get_or_create_category": "name description embedding user_id agent_id",
    "memu.memory.InMemoryStore.create_item": "resource_id memory_type summary embedding user_id agent_id",
    "memu.memory.InMemoryStore.link_item_category": "item_id cat_id user_id agent_id",
    "memu.database.build_sqlite_database": "config user_model",
    "memu.database.build_inmemory_database": "config user_model",
    "memu.database.build_database": "config user_model",
    "memu.database.core.Database.load_existing": "",
    "memu.database.core.Database.close": "",
    "memu.database.repositories.ResourceRepo.create_resource": "url modality local_path caption embedding user_data",
    "memu.database.repositories.ResourceRepo.list_resources": "where",
    "memu.database.repositories.ResourceRepo.clear_resources": "where",
    "memu.database.repositories.MemoryItemRepo.create_item": "resource_id memory_type summary embedding user_data "
    "tool_record",
    "memu.database.repositories.MemoryItemRepo.get_item": "item_id",
    "memu.database.repositories.MemoryItemRepo.list_items": "where",
    "memu.database.repositories.MemoryItemRepo.clear_items": "where",
    "memu.database.repositories.MemoryItemRepo.update_item": "item_id memory_type summary embedding extra tool_record",
    "memu.database.repositories.MemoryItemRepo.delete_item": "item_id",
    "memu.database.repositories.MemoryItemRepo.vector_search_items": "query_vec top_k where",
    "memu.database.repositories.MemoryItemRepo.list_items_by_ref_ids": "ref_ids where",
    "memu.utils.tool.get_tool_calls": "item",
    "memu.utils.tool.set_tool_calls": "item",
    "memu.utils.tool.add_tool_call": "item",
    "memu.utils.tool.get_tool_statistics": "item recent_n",
    "memu.utils.references.extract_references": "text",
    "memu.utils.references.strip_references": "text",
    "memu.utils.references.format_references_as_citations": "text",
    "memu.utils.references.fetch_referenced_items": "text",
    "memu.utils.references.build_item_reference_map": "items",
    "memu.database.repositories.MemoryItemRepo.load_existing": "",
    "memu.database.repositories.MemoryCategoryRepo.list_categories": "where",
    "memu.database.repositories.MemoryCategoryRepo.clear_categories": "where",
    "memu.database.repositories.MemoryCategoryRepo.get_or_create_category": "name description embedding user_data",
    "memu.database.repositories.MemoryCategoryRepo.update_category": "category_id name description embedding summary",
    "memu.database.repositories.CategoryItemRepo.list_relations": "where",
    "memu.database.repositories.CategoryItemRepo.link_item_category": "item_id category_id user_data",
    "memu.database.repositories.CategoryItemRepo.unlink_item_category": "item_id category_id",
    "memu.database.repositories.CategoryItemRepo.get_item_categories": "item_id",
}
"""The arguments that documented calls name; each call may take more."""

STORE = (
    "resource_repo memory_item_repo memory_category_repo category_item_repo resources items categories relations "
    "load_existing close"
)
SERVICE = "database db store user_id agent_id llm_profiles blob_config database_config memorize_config retrieve_config"


def lead_to(path: str) -> Any:
    """The object at a dotted path: a module, or something in one."""
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for name in parts[end:]:
            found = getattr(found, name)
        return found
    raise ModuleNotFoundError(path)


@pytest.mark.parametrize("path", SAME)
def test_the_real_thing_is_at_its_path_and_aliases_are_it(path: str) -> None:
    real = lead_to(path)
    if inspect.isclass(real) or inspect.isfunction(real):
        assert f"{real.__module__}.{real.__qualname__}" == path
    for alias in SAME[path]:
        assert lead_to(alias) is real, alias


@pytest.mark.parametrize("path", CALLS)
def test_documented_arguments_are_there(path: str) -> None:
    named = inspect.signature(lead_to(path)).parameters
    assert [name for name in CALLS[path].split() if name not in named] == []


@pytest.mark.parametrize(
    "module", ["memu", "memu.app", "memu.app.settings", "memu.storage", "memu.memory", "memu.database"]
)
def test_gathering_modules_name_what_they_export(module: str) -> None:
    found = importlib.import_module(module)
    assert sorted(set(found.__all__)) == sorted(found.__all__)
    assert [name for name in found.__all__ if not hasattr(found, name)] == []


def test_the_store_and_the_service_have_the_documented_attributes() -> None:
    from memu import MemoryService

    with MemoryService() as service:
        assert [name for name in SERVICE.split() if not hasattr(service, name)] == []
        for store in (service.db, service.database, service.store):
            assert [name for name in STORE.split() if not hasattr(store, name)] == []


def test_defaults_of_the_settings() -> None:
    from memu.settings import BlobConfig, DatabaseConfig, LLMConfig, MemorizeConfig, RetrieveConfig

    flat = DatabaseConfig(provider="sqlite")
    assert (flat.metadata_store.dsn, str(flat.mirror_path)) == ("sqlite:///data/memu.db", "data/vectors.json")
    assert str(BlobConfig().resources_dir) == "data/resources"
    assert (LLMConfig().chat_model, LLMConfig().embed_model) == ("gpt-4o-mini", "text-embedding-3-small")
    assert (RetrieveConfig().method, RetrieveConfig(method="RAG").method, RetrieveConfig().top_k) == ("rag", "rag", 5)
    assert MemorizeConfig().memory_types == ("profile", "event", "knowledge", "behavior")
    assert len(MemorizeConfig().memory_categories) == 10


SERVERS = ("postgresql", "mysql", "oracle", "mssql")


def test_importing_is_light() -> None:
    heavy = {*(f"sqlalchemy.dialects.{name}" for name in SERVERS), "sqlalchemy.orm", "httpcore", "anyio"}
    code = f"import memu, memu.storage, memu.memory, sys\nprint(*{heavy!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
