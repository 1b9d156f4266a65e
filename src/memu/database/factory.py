"""Opening any store by its settings."""

from pydantic import BaseModel

from memu.database.core import Database
from memu.database.registry import open_database
from memu.settings import DatabaseConfig, parse


def build_database(*, config: DatabaseConfig, user_model: type[BaseModel] | None = None) -> Database:
    """Open the database that `config` names, over all users and agents; see `build_sqlite_database`."""
    return open_database(parse(DatabaseConfig, config, "config"), user_model)
