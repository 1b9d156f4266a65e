from memu import MemoryService
from memu.app.settings import DatabaseConfig, MetadataStoreConfig

# Configure MySQL backend
db_config = DatabaseConfig(
    metadata_store=MetadataStoreConfig(
        provider="mysql",
        dsn="mysql+pymysql://user:password@localhost/memu_db",
    )
)

# Create service with MySQL storage
service = MemoryService(database=db_config)

# Use normally - data persists to MySQL
await service.memorize("User prefers dark mode")
results = await service.retrieve("What are the user's preferences?")
