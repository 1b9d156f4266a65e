"""What memories are: records, their owners, their changes, over any record store."""

from memu.database.factory import build_database
from memu.database.inmemory import build_inmemory_database
from memu.database.mongodb import build_mongodb_database
from memu.database.mysql import build_mysql_database
from memu.database.postgres import build_postgres_database
from memu.database.sqlite import build_sqlite_database

__all__ = [
    "build_database",
    "build_inmemory_database",
    "build_mongodb_database",
    "build_mysql_database",
    "build_postgres_database",
    "build_sqlite_database",
]
