from memu.storage.migrations import migrate_database

# Create database schema
migrate_database(
    db_path="./data/memu.db",
    vector_db_path="./data/vectors.json",
)
