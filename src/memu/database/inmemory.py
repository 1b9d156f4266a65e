"""Opening a store in RAM: SQLite that writes no file and is gone when it is closed."""

from pydantic import BaseModel

from memu.database.core import Database
from memu.database.factory import build
from memu.settings import DatabaseConfig


def build_inmemory_database(
    *, config: DatabaseConfig | None = None, user_model: type[BaseModel] | None = None
) -> Database:
    """Open a new, empty store in RAM, over all users and agents."""
    return build(config or DatabaseConfig(), user_model, "inmemory")
