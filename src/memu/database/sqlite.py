"""Opening a SQLite store directly: the operator's handle over all users."""

from pydantic import BaseModel

from memu.database.core import Database
from memu.database.factory import build
from memu.settings import DatabaseConfig


def build_sqlite_database(*, config: DatabaseConfig, user_model: type[BaseModel] | None = None) -> Database:
    """Open the SQLite database of `config`, over all users and agents; close it after use.

    This is the operator's handle, for migrations and maintenance: it is not limited to one user. `user_model` names
    the scope fields; `load_existing()` raises when it lacks one in which stored rows differ.

    Raises:
        ConfigError: `config` names another provider.
    """
    return build(config, user_model, "sqlite")
