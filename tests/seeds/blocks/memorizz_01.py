from memorizz.memory_provider.postgresql import PostgreSQLProvider, PostgreSQLConfig
from memorizz.memory_provider.memory_type import MemoryType

# Configure connection
config = PostgreSQLConfig(
    host="localhost",
    port=5432,
    database="memorizz",
    user="postgres",
    password="password"
)

# Initialize provider
provider = PostgreSQLProvider(config)

# Store some data
data = {
    "name": "My Memory",
    "content": "This is important information",
    "embedding": [0.1, 0.2, 0.3, ...]  # Your embedding vector
}

memory_id = provider.store(data, MemoryType.LONG_TERM_MEMORY)
print(f"Stored memory with ID: {memory_id}")

# Retrieve by ID
retrieved = provider.retrieve_by_id(memory_id, MemoryType.LONG_TERM_MEMORY)
print(f"Retrieved: {retrieved}")

# Vector similarity search
similar = provider.retrieve_by_query(
    {"embedding": search_embedding}, 
    MemoryType.LONG_TERM_MEMORY,
    limit=5
)
