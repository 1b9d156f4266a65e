# Migrate from in-memory to MySQL
from memu import MemoryService

# Source (in-memory)
source = MemoryService()
await source.memorize("Important memory 1")
await source.memorize("Important memory 2")

# Destination (MySQL)
dest = MemoryService(
    database=DatabaseConfig(
        metadata_store=MetadataStoreConfig(
            provider="mysql",
            dsn="mysql+pymysql://user:pass@localhost/memu_db",
        )
    )
)

# Copy data
for item in source.db.items.values():
    dest.db.memory_item_repo.create_item(
        resource_id=item.resource_id,
        memory_type=item.memory_type,
        summary=item.summary,
        embedding=item.embedding,
        user_data={},
    )
