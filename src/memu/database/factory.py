"""Opening any store by its settings."""

from pydantic import BaseModel

from memu.database.core import Database
from memu.database.registry import open_database
from memu.errors import ConfigError
from memu.settings import DatabaseConfig, parse


def build_database(*, config: DatabaseConfig, user_model: type[BaseModel] | None = None) -> Database:
    """Open the database that `config` names, over all users and agents; see `build_sqlite_database`."""
    return open_database(parse(DatabaseConfig, config, "config"), user_model)


def build(config: DatabaseConfig, user_model: type[BaseModel] | None, provider: str) -> Database:
    """Open a database after making sure that it is of the expected provider."""
    config = parse(DatabaseConfig, config, "config")
    if config.metadata_store.provider != provider:
        raise ConfigError(
            f"config names the provider {config.metadata_store.provider!r}: this builder opens {provider!r}; "
            "build_database opens any."
        )
    return open_database(config, user_model)
