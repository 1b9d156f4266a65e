"""Forgetting one user and agent, in the store and in the files beside it."""

from functools import partial
from pathlib import Path
from typing import Any

from memu.app.wiring import Parts
from memu.database import forgetting
from memu.scope import Scope


def forget(parts: Parts, scope: Scope) -> dict[str, Any]:
    """Erase a scope; see `MemoryService.forget`."""
    folder = parts.database.handle.folder(scope)
    files = len(parts.blobs.files(folder)) if parts.blobs else 0
    remove = partial(parts.blobs.forget, folder) if parts.blobs else None
    owner = scope.as_dict()
    parts.models.usage.forget(owner["user_id"], owner["agent_id"])
    erased = forgetting.forget(parts.database.handle, scope, remove)
    return {"erased": erased, "files": files, "backups": [str(path) for path in find_backups(parts)]}


def find_backups(parts: Parts) -> list[Path]:
    """Copies of database and mirror that backups and upgrades left in the usual places; they are not searched."""
    store = parts.database.handle.describe()
    files = [Path(path) for path in (store.get("path"), store.get("mirror")) if path]
    return sorted(
        copy for file in files for copy in (file.parent / "backups").glob(f"{file.stem}-*{file.suffix or '.db'}")
    )
