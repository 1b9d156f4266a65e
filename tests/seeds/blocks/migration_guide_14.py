from memu.storage.migrations import backup_database

# Regular backups
backup_database(
    db_path="./data/memu.db",
    vector_db_path="./data/vectors.json",
    backup_path=f"./data/backups/{datetime.now().isoformat()}",
)
