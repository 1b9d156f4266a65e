"""Forgetting one user and agent, in the store and in the files beside it."""

from pathlib import Path
from typing import Any

from memu.app.wiring import Parts
from memu.database import forgetting
from memu.scope import Scope


def forget(parts: Parts, scope: Scope) -> dict[str, Any]:
    """Erase a scope; see `MemoryService.forget`."""
    folder = scope.folder()
    files = len(parts.blobs.files(folder)) if parts.blobs else 0
    erased = forgetting.forget(parts.database.handle, scope)
    if parts.blobs:
        parts.blobs.forget(folder)
    return {"erased": erased, "files": files, "backups": [str(path) for path in find_backups(parts)]}


def find_backups(parts: Parts) -> list[Path]:
    """Copies of the database that `backup_database` and upgrades left in the usual places; they are not searched."""
    path = parts.database.handle.describe().get("path")
    if path is None:
        return []
    database = Path(path)
    return sorted((database.parent / "backups").glob(f"{database.stem}-*{database.suffix}"))
