"""The files beside a store: copies that no resource names, copies that are missing, and what crashed calls left."""

import logging
from collections.abc import Iterator
from pathlib import Path

from memu.backends.base import Condition
from memu.backends.schema import RESOURCES
from memu.database.doctor import Finding, owners
from memu.database.store import Store
from memu.scope import Scope
from memu.sources.blobs import BlobStore

logger = logging.getLogger("memu.database")

ORPHAN_SECONDS = 3600
"""A copy of this age that no resource names belongs to no call that is still running."""

SWEEP = "memu doctor --sweep removes them"


def check_copies(store: Store, blobs: BlobStore, *, sweep: bool = False) -> Iterator[Finding]:
    """Compare the copies of files with the resources that name them; `sweep` removes what nothing names."""
    named = {scope: copies_of(store, scope) for scope in owners(store)}
    orphans = sum(len(set(blobs.files(store.folder(scope))) - paths) for scope, paths in named.items())
    if orphans and sweep:
        removed = [path for scope in named for path in sweep_scope(store, blobs, scope, again=True)]
        yield Finding("ok", f"{len(removed)} files that no resource names were removed")
        orphans -= len(removed)
    if orphans:
        young = f"they are younger than {ORPHAN_SECONDS // 60} minutes and may belong to a call that runs"
        yield Finding("note", f"{orphans} files in {blobs.root} are named by no resource", young if sweep else SWEEP)
    missing = [path for paths in named.values() for path in paths if blobs.root in path.parents and not path.exists()]
    if missing:
        what = f"{len(missing)} copies of files are gone (such as {missing[0]})"
        yield Finding("warning", what, "their words are in the store; memorize the files again to keep new copies")


def sweep_scope(store: Store, blobs: BlobStore, scope: Scope, *, again: bool = False) -> list[Path]:
    """Remove a scope's copies that a killed call left behind and no resource names; once in a process, or `again`."""
    if scope in store.swept and not again:
        return []
    store.swept.add(scope)
    removed = blobs.sweep(store.folder(scope), copies_of(store, scope), ORPHAN_SECONDS)
    if removed:
        logger.info("removed %d copies that no resource names", len(removed))
    return removed


def copies_of(store: Store, scope: Scope) -> set[Path]:
    """The local copies of files that the scope's resources name."""
    with store.reader(scope) as reader:
        rows = reader.find(RESOURCES, [Condition("local_path", "ne", "")], columns=("local_path",))
    return {Path(row["local_path"]) for row in rows}


def check_leftovers(store: Store, *, sweep: bool = False) -> Iterator[Finding]:
    """Temporary files of calls that were killed while they wrote beside the database."""
    path = store.describe().get("path")
    if path is None:
        return
    left = [one for folder in (Path(path).parent, Path(path).parent / "backups") for one in folder.glob(".*.tmp")]
    if not left:
        return
    if not sweep:
        yield Finding("note", f"{len(left)} temporary files of calls that were killed", SWEEP)
        return
    for one in left:
        one.unlink(missing_ok=True)
    yield Finding("ok", f"{len(left)} temporary files were removed")
