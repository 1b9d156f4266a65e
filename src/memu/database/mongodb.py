"""Opening a MongoDB store directly: the operator's handle over all users."""

from pydantic import BaseModel

from memu.database.core import Database
from memu.database.factory import build
from memu.settings import DatabaseConfig


def build_mongodb_database(*, config: DatabaseConfig, user_model: type[BaseModel] | None = None) -> Database:
    """Open the MongoDB database of `config`, over all users and agents; close it after use.

    This is the operator's handle, as `build_sqlite_database` gives it for a file.

    Raises:
        ConfigError: `config` names another provider, or no DSN.
        MissingExtra: the driver is not installed (`memu[mongodb]`).
        StorageUnavailable: the server cannot be reached, or refuses the user.
    """
    return build(config, user_model, "mongodb")
