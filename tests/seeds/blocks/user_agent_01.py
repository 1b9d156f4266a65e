# User Alice
service_alice = MemoryService(
    user_id="alice",
    agent_id="assistant_v1",
    database_config=DatabaseConfig(
        provider="sqlite",
        sqlite_path="./data/memu.db",
        vector_db_path="./data/vectors.json",
    ),
)

# User Bob
service_bob = MemoryService(
    user_id="bob",
    agent_id="assistant_v1",
    database_config=DatabaseConfig(
        provider="sqlite",
        sqlite_path="./data/memu.db",
        vector_db_path="./data/vectors.json",
    ),
)
