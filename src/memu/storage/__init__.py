"""The storage names that older code imports, over today's database."""

from memu.storage.local_fs import LocalFS
from memu.storage.migrations import backup_database, migrate_database, reset_database
from memu.storage.sqlite_db import SQLiteDB
from memu.storage.vector_db import SimpleVectorDB

__all__ = ["LocalFS", "SQLiteDB", "SimpleVectorDB", "backup_database", "migrate_database", "reset_database"]
