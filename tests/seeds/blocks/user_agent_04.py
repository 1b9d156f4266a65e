from memu.storage.migrations import migrate_database, backup_database, reset_database

# Initialize database schema
migrate_database(
    db_path="./data/memu.db",
    vector_db_path="./data/vectors.json",
)

# Create backup
backup_database(
    db_path="./data/memu.db",
    vector_db_path="./data/vectors.json",
    backup_path="./data/backups",
)

# Reset database (caution: deletes all data!)
# reset_database()
