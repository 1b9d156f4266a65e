"""Opening a PostgreSQL store directly: the operator's handle over all users."""

from pydantic import BaseModel

from memu.database.core import Database
from memu.database.factory import build
from memu.settings import DatabaseConfig


def build_postgres_database(*, config: DatabaseConfig, user_model: type[BaseModel] | None = None) -> Database:
    """Open the PostgreSQL database of `config`, over all users and agents; close it after use.

    This is the operator's handle, as `build_sqlite_database` gives it for a file.

    Raises:
        ConfigError: `config` names another provider, or no DSN.
        MissingExtra: the driver is not installed (`memu[postgres]`).
        StorageUnavailable: the server cannot be reached, or refuses the user.
    """
    return build(config, user_model, "postgres")
