from memu.app.settings import DatabaseConfig

# SQLite + Vector DB (Persistent)
config = DatabaseConfig(
    provider="sqlite",
    sqlite_path="./data/memu.db",
    vector_db_path="./data/vectors.json",
)

# In-Memory (No Persistence)
config = DatabaseConfig(
    provider="memory",
)
