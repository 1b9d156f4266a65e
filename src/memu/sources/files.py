"""Local files, read whole and bounded: what is no regular file, too large, out of bounds or no text is refused."""

import errno
import os
import re
import stat
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from memu.errors import InputError, SourceError, SourceForbidden, SourceInvalid, SourceIsDirectory, SourceNotFound
from memu.settings import BlobConfig
from memu.sources.text import decode

_FILE_URL = re.compile(r"file:", re.IGNORECASE)
_MISSING = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)


class LocalFile(NamedTuple):
    """A file that was read: its absolute path with links resolved, its bytes, and its text."""

    path: Path
    data: bytes
    text: str


def read_local(path: str | os.PathLike[str], limits: BlobConfig) -> LocalFile:
    """Read a text file; `path` may be a `file://` URL and may begin with `~`.

    Raises:
        InputError: `path` cannot be a path.
        SourceNotFound, SourceIsDirectory: no such file, or a directory.
        SourceForbidden: no permission, outside `limits.allowed_roots`, or a device, pipe or socket.
        SourceInvalid: empty, not UTF-8 (nor UTF-16 with a byte order mark), or with a NUL byte.
        SourceError: larger than `limits.max_bytes`, or the disk failed.
    """
    resolved, data = read_bytes(path, limits)
    return LocalFile(resolved, data, decode(data, _shown(path)))


def read_bytes(path: str | os.PathLike[str], limits: BlobConfig) -> tuple[Path, bytes]:
    """Read any file as `read_local` does, without taking its bytes for text."""
    given = _shown(path)
    try:
        resolved = _resolve(path, given)
        _check_roots(resolved, given, limits)
        data = _read_regular(resolved, given, limits.max_bytes)
    except SourceError:
        raise
    except OSError as fault:
        raise _translated(fault, given) from None
    if not data:
        raise SourceInvalid(f"{given} is empty: expected text.")
    return resolved, data


def _shown(path: str | os.PathLike[str]) -> str:
    name = os.fspath(path) if isinstance(path, str | os.PathLike) else path
    if not isinstance(name, str):
        raise InputError(f"the path is of type {type(name).__name__}: expected a string or a pathlib.Path.")
    if not name.strip() or "\x00" in name:
        raise InputError(f"{name[:80]!r} is not a path: expected the path of a file.")
    return name


def _resolve(path: str | os.PathLike[str], given: str) -> Path:
    """The absolute path with every symbolic link followed."""
    name = _from_url(given) if isinstance(path, str) and _FILE_URL.match(given) else given
    try:
        name.encode("utf-8")
        return Path(name).expanduser().resolve()
    except UnicodeEncodeError:
        raise InputError(f"the path {given!r} is not valid Unicode: rename the file.") from None
    except ValueError:
        raise InputError(f"{given!r} is not a path: expected the path of a file.") from None
    except RuntimeError:
        # Python 3.11 and 3.12 say so of links in a circle, and all versions of a "~" without a home.
        raise SourceNotFound(f"{given} leads nowhere: its links go in a circle, or its home is unknown.") from None


def _from_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise InputError(f"{url} names no file of this machine: expected file:///path/to/file.")
    if parts.query or parts.fragment:
        raise InputError(f"{url} holds a bare ? or #: write them as %3F and %23, or give the plain path.")
    return unquote(parts.path)


def _check_roots(path: Path, given: str, limits: BlobConfig) -> None:
    if limits.allowed_roots is None:
        return
    if not any(path.is_relative_to(root.expanduser().resolve()) for root in limits.allowed_roots):
        raise SourceForbidden(f"{given} is outside the folders that may be read (allowed_roots).")


def _read_regular(path: Path, given: str, max_bytes: int) -> bytes:
    # Looked at before it is opened, because opening alone can wait for ever (a pipe) or do something (a device);
    # and again after, because it may have been exchanged between the two.
    _check_regular(path.stat(), given)
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        size = _check_regular(os.fstat(file.fileno()), given).st_size
        data = file.read(max_bytes + 1) if size <= max_bytes else b""
    if max(size, len(data)) > max_bytes:
        size = max(size, len(data))
        raise SourceError(
            f"{given} has {size:,} bytes or more: at most {max_bytes:,} are read. Split it, or raise max_bytes."
        )
    return data


def _check_regular(status: os.stat_result, given: str) -> os.stat_result:
    if stat.S_ISDIR(status.st_mode):
        raise SourceIsDirectory(f"{given} is a directory: expected a file. Memorize its files one by one.")
    if not stat.S_ISREG(status.st_mode):
        raise SourceForbidden(f"{given} is a device, pipe or socket: expected a regular file.")
    return status


def _translated(fault: OSError, given: str) -> SourceError:
    if fault.errno in _MISSING:
        return SourceNotFound(f"{given:.300} does not exist: expected the path of a file.")
    if isinstance(fault, PermissionError):
        return SourceForbidden(f"{given} may not be read by this process: check its permissions.")
    if fault.errno == errno.ELOOP:
        return SourceNotFound(f"{given} leads nowhere: its links go in a circle.")
    return SourceError(f"{given} could not be read: {fault.strerror or type(fault).__name__}.")
