"""The files beside a store: copies that no resource names, copies that are missing, and what crashed calls left."""

from collections.abc import Iterator
from pathlib import Path

from memu.backends.base import Condition
from memu.backends.schema import RESOURCES
from memu.database.doctor import Finding, owners
from memu.database.store import Store
from memu.scope import Scope
from memu.sources.blobs import BlobStore

ORPHAN_SECONDS = 3600
"""A copy of this age that no resource names belongs to no call that is still running."""

SWEEP = "memu doctor --sweep removes them"


def check_copies(store: Store, blobs: BlobStore, *, sweep: bool = False) -> Iterator[Finding]:
    """Compare the copies of files with the resources that name them; `sweep` removes what nothing names.

    Copies are left alone while another database stands beside the store, because its owners' copies stand in the same
    folders.
    """
    folders = {scope.folder(): _named(store, scope) for scope in owners(store)}
    strange = [place.name for place in blobs.root.iterdir() if place.is_dir()] if blobs.root.is_dir() else []
    folders |= {name: set() for name in strange if name not in folders and len(name) == len(Scope.of().folder())}
    orphans = {name: [one for one in blobs.files(name) if one not in named] for name, named in folders.items()}
    found = sum(map(len, orphans.values()))
    neighbours = _neighbours(store)
    if found and sweep and not neighbours:
        removed = [path for name, named in folders.items() for path in blobs.sweep(name, named, ORPHAN_SECONDS)]
        yield Finding("ok", f"{len(removed)} files that no resource names were removed")
        found -= len(removed)
    if found:
        yield Finding("note", f"{found} files in {blobs.root} are named by no resource", _advice(neighbours, sweep))
    missing = [path for named in folders.values() for path in named if blobs.root in path.parents and not path.exists()]
    if missing:
        what = f"{len(missing)} copies of files are gone (such as {missing[0]})"
        yield Finding("warning", what, "their words are in the store; memorize the files again to keep new copies")


def _advice(neighbours: list[Path], sweep: bool) -> str:
    if neighbours:
        return f"they may belong to {neighbours[0].name} beside this store, and stay"
    return (
        f"they are younger than {ORPHAN_SECONDS // 60} minutes and may belong to a call that runs" if sweep else SWEEP
    )


def _named(store: Store, scope: Scope) -> set[Path]:
    with store.reader(scope) as reader:
        rows = reader.find(RESOURCES, [Condition("local_path", "ne", "")], columns=("local_path",))
    return {Path(row["local_path"]) for row in rows}


def _neighbours(store: Store) -> list[Path]:
    path = store.describe().get("path")
    if path is None:
        return []
    own = Path(path)
    places = own.parent.iterdir() if own.parent.is_dir() else ()
    return sorted(one for one in places if one != own and one.suffix in (".db", ".sqlite", ".sqlite3"))


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
