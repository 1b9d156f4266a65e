# Before (MongoDB)
from memorizz.memory_provider.mongodb import MongoDBProvider, MongoDBConfig
config = MongoDBConfig(uri="mongodb://localhost:27017", db_name="memorizz")
provider = MongoDBProvider(config)

# After (PostgreSQL)
from memorizz.memory_provider.postgresql import PostgreSQLProvider, PostgreSQLConfig
config = PostgreSQLConfig(host="localhost", database="memorizz")
provider = PostgreSQLProvider(config)

# Same interface for all operations
memory_id = provider.store(data, MemoryType.LONG_TERM_MEMORY)
