"""Complete copies of an SQLite database, taken while it is in use."""

import contextlib
import os
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from memu.errors import SourceNotFound, StorageBusy, StorageCorrupt, StorageError, StorageFull

FORMAT = "%Y%m%dT%H%M%S.%fZ"

RETIRE_SECONDS = 5.0
"""How long a restore waits for others to close the database."""


def backup_file(database: Path, folder: Path) -> Path:
    """Copy a database into a folder under a name with the present time, by SQLite's own backup; returns the copy.

    Raises:
        SourceNotFound: there is no such database.
        StorageError: it cannot be read, or the copy not written.
    """
    if not database.is_file():
        raise SourceNotFound(f"there is no database {database}: nothing was backed up.")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / stamped(database)
    copy_database(database, target)
    return target


def stamped(path: Path) -> str:
    """The name of a copy made now."""
    return f"{path.stem}-{datetime.now(UTC).strftime(FORMAT)}{path.suffix or '.db'}"


def copy_database(source: Path, target: Path) -> None:
    """Copy a database file completely, whatever others write meanwhile; `target` appears at once or not at all."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with (
            contextlib.closing(sqlite3.connect(f"file:{quote(str(source))}?mode=ro", uri=True, timeout=30)) as reading,
            contextlib.closing(sqlite3.connect(temporary)) as writing,
        ):
            reading.backup(writing)
            writing.execute("PRAGMA journal_mode = DELETE")
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except sqlite3.DatabaseError as error:
        full = "full" in str(error)
        raise (StorageFull if full else StorageError)(f"{source} could not be copied to {target}: {error}.") from error
    finally:
        temporary.unlink(missing_ok=True)


def check_database(path: Path) -> None:
    """Make sure that a file is a sound SQLite database; StorageCorrupt otherwise."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
            verdict = connection.execute("PRAGMA quick_check").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise StorageCorrupt(f"{path} is not a sound SQLite database: {error}.") from error
    if verdict != "ok":
        raise StorageCorrupt(f"{path} is damaged: {verdict}.")


def restore_file(backup: Path, database: Path) -> Path | None:
    """Put a backup in the place of a database, which is itself backed up first; returns that backup's path.

    Raises:
        StorageBusy: a service or process still has the database open; what it wrote would be lost.
        StorageCorrupt: the backup is not a sound database.
    """
    if not backup.is_file():
        raise SourceNotFound(f"there is no backup {backup}: nothing was changed.")
    check_database(backup)
    kept = backup_file(database, database.parent / "backups") if database.is_file() else None
    database.parent.mkdir(parents=True, exist_ok=True)
    if kept:
        _retire(database)
    for ending in ("-wal", "-shm"):
        Path(f"{database}{ending}").unlink(missing_ok=True)
    copy_database(backup, database)
    return kept


def _retire(database: Path) -> None:
    """Make sure that nobody has the database open, and bring its write-ahead log home, before it is replaced."""
    with contextlib.closing(sqlite3.connect(database, timeout=RETIRE_SECONDS)) as connection:
        try:
            mode = connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
        except sqlite3.OperationalError:
            mode = "locked"
    if mode != "delete":
        raise StorageBusy(f"{database} is open: close every service and process on it, then restore again.")


def copy_file(source: Path, folder: Path, name: str) -> Path | None:
    """Copy a plain file (the mirror) into a folder; None when there is none."""
    if not source.is_file():
        return None
    target = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
    except OSError as error:
        raise StorageError(f"{source} could not be copied to {target}: {error.strerror}.") from error
    return target
