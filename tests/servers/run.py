"""The folder that all processes of one test run share, and that ends with the run."""

import fcntl
import os
import secrets
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers import keeper
from servers.keeper import Charge
from servers.process import end_keeper, spawn

VARIABLE = "MEMU_TEST_RUN"
"""The process that owns the run, and the run's folder: set by the first process, inherited by all others."""


def begin() -> None:
    """Make this process the owner of a run, unless it belongs to one already."""
    if VARIABLE not in os.environ:
        name = f"memu-run-{os.getpid()}-{secrets.token_hex(4)}"
        os.environ[VARIABLE] = f"{os.getpid()}:{Path(tempfile.gettempdir(), name)}"


def owner() -> int:
    """The process with which the run ends."""
    begin()
    return int(os.environ[VARIABLE].partition(":")[0])


def folder() -> Path:
    """The run's folder, made when it is first needed; others than its owner may walk through it, and read nothing."""
    begin()
    path = Path(os.environ[VARIABLE].partition(":")[2])
    path.mkdir(mode=0o711, exist_ok=True)
    path.chmod(0o711)
    with lock(path / "run"):
        record = path / "keeper"
        if not record.exists():
            record.write_text(str(spawn(Charge((owner(),), folder=str(path)))), encoding="ascii")
    return path


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold a lock among all threads and processes of the run."""
    with path.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def end() -> None:
    """End the run when this process owns it: its servers first, then its folder."""
    if VARIABLE not in os.environ or owner() != os.getpid():
        return
    path = Path(os.environ.pop(VARIABLE).partition(":")[2])
    if not path.exists():
        return
    for record in [*path.glob("*/keeper"), path / "keeper"]:
        end_keeper(int(record.read_text(encoding="ascii")), str(path), signal.SIGINT)
    keeper.remove(path)
