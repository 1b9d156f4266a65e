import asyncio
from memu.app.service import MemoryService
from memu.app.settings import DatabaseConfig

async def migrate_existing_data():
    # Old service (in-memory)
    old_service = MemoryService(
        database_config=DatabaseConfig(provider="memory"),
    )

    # ... load your existing data into old_service ...

    # New service (persistent)
    new_service = MemoryService(
        user_id="migrated_user",
        agent_id="migrated_agent",
        database_config=DatabaseConfig(provider="sqlite"),
    )

    # Copy resources
    for res_id, res in old_service.store.resources.items():
        new_res = new_service.store.create_resource(
            url=res.url,
            modality=res.modality,
            local_path=res.local_path,
        )
        if res.caption and res.embedding:
            new_res.caption = res.caption
            new_res.embedding = res.embedding
            new_service.store.update_resource_embedding(new_res.id, res.embedding)

    # Copy categories
    for cat_id, cat in old_service.store.categories.items():
        if cat.embedding:
            new_service.store.get_or_create_category(
                name=cat.name,
                description=cat.description,
                embedding=cat.embedding,
            )

    print("Migration completed!")

asyncio.run(migrate_existing_data())
