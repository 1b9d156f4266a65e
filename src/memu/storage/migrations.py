"""Making, upgrading, backing up, restoring and resetting a SQLite store and its `vectors.json`."""

import logging
from pathlib import Path

from memu.database.backup import backup_file, copy_file, restore_file
from memu.database.mirror import lock_of
from memu.database.registry import is_open, open_database
from memu.database.upgrades import is_old_file
from memu.errors import StorageBusy, StorageReadOnly
from memu.settings import DatabaseConfig

logger = logging.getLogger("memu.storage")

DB_PATH = "./data/memu.db"
VECTOR_DB_PATH = "./data/vectors.json"
BACKUP_PATH = "./data/backups"

PathLike = str | Path


def migrate_database(db_path: PathLike = DB_PATH, vector_db_path: PathLike | None = VECTOR_DB_PATH) -> None:
    """Make the store, or bring an older one up to date in place, with the vectors of its `vectors.json`.

    A store in an older layout is copied to `backups` beside it first. Doing it again changes nothing.
    `vector_db_path` None means that the store keeps no `vectors.json`.

    Raises:
        SchemaError: the file was made by a newer version, or is no store of memu; it is left as it was.
        StorageError: it cannot be opened or written.
    """
    open_database(_config(db_path, vector_db_path)).close()
    logger.info("%s is up to date", db_path)


def backup_database(
    db_path: PathLike = DB_PATH,
    vector_db_path: PathLike | None = VECTOR_DB_PATH,
    backup_path: PathLike = BACKUP_PATH,
) -> list[Path]:
    """Copy a store completely, also while it is in use, under names with the present time.

    Returns:
        The files written: the database's copy, and that of its `vectors.json`, brought up to date, if there is one.

    Raises:
        SourceNotFound: there is no such database.
        StorageError: it cannot be read, or the copy not written.
    """
    database, folder = Path(db_path).expanduser(), Path(backup_path).expanduser()
    mirror = Path(vector_db_path).expanduser() if vector_db_path is not None else None
    if mirror and mirror.is_file() and database.is_file() and not is_old_file(database):
        _bring_up_to_date(database, mirror)
    copy = backup_file(database, folder)
    vectors = copy_file(mirror, folder, _partner(copy, database, mirror)) if mirror else None
    logger.info("%s was copied to %s", database, copy)
    return [copy, vectors] if vectors else [copy]


def restore_database(
    backup: PathLike, db_path: PathLike = DB_PATH, vector_db_path: PathLike | None = VECTOR_DB_PATH
) -> Path | None:
    """Put a backup in the place of a store, which is itself backed up first; returns the path of that copy, if any.

    The `vectors.json` that was backed up with it comes back too; without one it is made from the database.

    Raises:
        SourceNotFound: there is no such backup.
        StorageBusy: a service of this process has the store open.
        StorageCorrupt: the backup is damaged; nothing was changed.
    """
    source, database = Path(backup).expanduser(), Path(db_path).expanduser()
    _refuse_open(database)
    kept = restore_file(source, database)
    if vector_db_path is not None:
        mirror = Path(vector_db_path).expanduser()
        _remove(mirror)
        mirror.parent.mkdir(parents=True, exist_ok=True)
        copy_file(source.with_name(_partner(source, database, mirror)), mirror.parent, mirror.name)
        if not is_old_file(database):
            migrate_database(database, mirror)
    logger.info("%s was restored from %s", database, source)
    return kept


def reset_database(db_path: PathLike = DB_PATH, vector_db_path: PathLike | None = VECTOR_DB_PATH) -> None:
    """Delete everything that a store holds, of all users, and leave an empty one. There is no way back but a backup.

    Backups and the local copies of memorized files (`resources_dir`) are left where they are.

    Raises:
        StorageBusy: a service of this process has the store open.
        StorageReadOnly: a file cannot be deleted.
    """
    database = Path(db_path).expanduser()
    _refuse_open(database)
    for ending in ("-wal", "-shm", "-journal", ""):
        _remove(Path(f"{database}{ending}"))
    if vector_db_path is not None:
        mirror = Path(vector_db_path).expanduser()
        _remove(mirror)
        _remove(lock_of(mirror))
    logger.info("%s was reset: all its data are deleted", database)
    migrate_database(database, vector_db_path)


class DatabaseMigrator:
    """The calls of this module for one store."""

    def __init__(self, db_path: PathLike = DB_PATH, vector_db_path: PathLike | None = VECTOR_DB_PATH) -> None:
        self.db_path = db_path
        self.vector_db_path = vector_db_path

    def migrate_to_latest(self) -> None:
        """See `migrate_database`."""
        migrate_database(self.db_path, self.vector_db_path)

    def backup_database(self, backup_path: PathLike = BACKUP_PATH) -> list[Path]:
        """See the function `backup_database`."""
        return backup_database(self.db_path, self.vector_db_path, backup_path)

    def restore_database(self, backup: PathLike) -> Path | None:
        """See the function `restore_database`."""
        return restore_database(backup, self.db_path, self.vector_db_path)

    def reset_database(self) -> None:
        """See the function `reset_database`."""
        reset_database(self.db_path, self.vector_db_path)


def _config(db_path: PathLike, vector_db_path: PathLike | None) -> DatabaseConfig:
    if vector_db_path is None:
        return DatabaseConfig(metadata_store={"provider": "sqlite", "dsn": f"sqlite:///{db_path}"})
    return DatabaseConfig(provider="sqlite", sqlite_path=db_path, vector_db_path=vector_db_path)


def _bring_up_to_date(database: Path, mirror: Path) -> None:
    opened = open_database(_config(database, mirror))
    try:
        if opened.handle.mirror:
            opened.handle.mirror.flush(opened.handle.records)
    finally:
        opened.close()


def _partner(copy: Path, database: Path, mirror: Path) -> str:
    """The name under which a store's mirror is kept beside a copy of its database."""
    return f"{mirror.stem}{copy.stem.removeprefix(database.stem)}{mirror.suffix}"


def _refuse_open(database: Path) -> None:
    if is_open(database.absolute()):
        raise StorageBusy(f"{database} is in use by this process: close every service and database handle on it first.")


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StorageReadOnly(f"{path} cannot be deleted: {error.strerror}.") from error
