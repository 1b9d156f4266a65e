"""Local copies of what was memorized: under a folder for each scope, named by content, written whole or not at all."""

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from memu.errors import InputError, StorageError, StorageFull, StorageReadOnly

_FOLDER = re.compile(r"[0-9A-Za-z_-]{1,64}")
_DIGEST = re.compile(r"[0-9a-f]{16,128}")
_NOT_SUFFIX = re.compile(r"[^a-z0-9.]")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE)
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


class BlobStore:
    """The file copies under one folder; `resources_dir/<scope folder>/<content hash><suffix>`.

    A copy is on the disk, under its name, when `put` returns: a crash leaves it whole, or a temporary file that
    `sweep` takes away. Files are readable by their owner only. No symbolic link below `resources_dir` is followed.
    """

    def __init__(self, resources_dir: str | os.PathLike[str]) -> None:
        """Name the folder; it is made when the first copy is."""
        self.root = Path(resources_dir).expanduser().resolve()

    def put(self, scope_folder: str, digest: str, suffix: str, data: bytes) -> Path:
        """Keep `data` under its content hash, and return the file's absolute path.

        A file of that name with the same bytes is kept, and counts as written now.

        Raises:
            InputError: `scope_folder` or `digest` cannot be a file name.
            StorageFull, StorageReadOnly, StorageError: it could not be written; nothing is left behind.
        """
        if not _DIGEST.fullmatch(digest):
            raise InputError(f"{digest[:80]!r} is not a content hash: expected 16 to 128 hexadecimal digits.")
        path = self._folder(scope_folder) / f"{digest}{_clean(suffix)}"
        with _translated(f"the copy {path} could not be written"):
            self._make_folder(path.parent)
            if _holds(path, data):
                os.utime(path)
            else:
                _write(path, data)
            _sync_folder(path.parent)
        return path

    def remove(self, path: str | os.PathLike[str]) -> bool:
        """Delete one copy; False when it is not there.

        Raises:
            InputError: the path is not that of a copy in this store; nothing is touched.
            StorageReadOnly, StorageError: it could not be deleted.
        """
        given = Path(path).expanduser().absolute()
        place = given.parent.resolve() / given.name
        if place.parent.parent != self.root or not _FOLDER.fullmatch(place.parent.name) or given.name in ("", ".."):
            raise InputError(f"{given} is not a copy under {self.root}: nothing was deleted.")
        with _translated(f"the copy {place} could not be deleted"):
            try:
                place.unlink()
            except FileNotFoundError:
                return False
            _sync_folder(place.parent)
        return True

    def files(self, scope_folder: str) -> list[Path]:
        """The copies that a scope has."""
        folder = self._folder(scope_folder)
        return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []

    def forget(self, scope_folder: str) -> None:
        """Delete all copies of a scope with their folder; a scope without copies is no error.

        Raises:
            StorageReadOnly, StorageError: something could not be deleted; calling again goes on.
        """
        folder = self._folder(scope_folder)
        with _translated(f"the copies in {folder} could not be deleted"):
            if folder.is_symlink():
                folder.unlink()
            elif folder.exists():
                shutil.rmtree(folder)
            if self.root.exists():
                _sync_folder(self.root)

    def sweep(self, scope_folder: str, keep: set[Path], older_than: float) -> list[Path]:
        """Delete the files of a scope that no resource names, and temporary files of crashed calls.

        Args:
            scope_folder: the folder of the scope.
            keep: the paths of copies that are in use.
            older_than: seconds since a file was last put; younger ones may belong to a call that has not committed,
                so this must be longer than any call takes.

        Returns:
            The paths that were deleted, sorted.

        Raises:
            StorageReadOnly, StorageError: something could not be deleted.
        """
        folder = self._folder(scope_folder)
        kept = {path.name for path in keep}
        limit = time.time() - older_than
        with _translated(f"the folder {folder} could not be swept"):
            if folder.is_symlink() or not folder.is_dir():
                return []
            removed = [folder / entry.name for entry in os.scandir(folder) if _is_stale(entry, kept, limit)]
            for path in removed:
                path.unlink(missing_ok=True)
            if removed:
                _sync_folder(folder)
        return sorted(removed)

    def _folder(self, scope_folder: str) -> Path:
        if not _FOLDER.fullmatch(scope_folder):
            raise InputError(f"{scope_folder[:80]!r} is not a scope folder: expected letters, digits, - and _.")
        return self.root / scope_folder

    def _make_folder(self, folder: Path) -> None:
        missing = [place for place in (folder, *folder.parents) if not place.exists() and not place.is_symlink()]
        for place in reversed(missing):
            with contextlib.suppress(FileExistsError):
                place.mkdir(mode=0o700 if place.is_relative_to(self.root) else 0o777)
            _sync_folder(place.parent)
        if folder.is_symlink() or not folder.is_dir():
            raise StorageError(f"{folder} is not a folder: no copy is written through a link. Move it away.")


def _clean(suffix: str) -> str:
    kept = _NOT_SUFFIX.sub("", suffix.lower()).strip(".")[:15].rstrip(".")
    return f".{kept}" if kept else ""


def _holds(path: Path, data: bytes) -> bool:
    """Whether the file is there with exactly these bytes; a link or a torn file is not."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size == len(data) and path.read_bytes() == data


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)  # noqa: PTH105
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; Windows keeps them so by itself."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_stale(entry: "os.DirEntry[str]", kept: set[str], limit: float) -> bool:
    if entry.name in kept:
        return False
    try:
        return not entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime <= limit
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def _translated(what: str) -> Iterator[None]:
    """Turn the system's errors into ours."""
    try:
        yield
    except StorageError:
        raise
    except OSError as fault:
        reason = f"{what}: {fault.strerror or type(fault).__name__}."
        if fault.errno in _FULL:
            raise StorageFull(f"{reason} Free some space on the disk, or raise its limits.") from None
        if fault.errno in _READ_ONLY:
            raise StorageReadOnly(f"{reason} Check the permissions of the folder (resources_dir).") from None
        raise StorageError(f"{reason} Check the folder (resources_dir).") from None
