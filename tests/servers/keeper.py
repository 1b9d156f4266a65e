"""Keeps one database server, or one folder, until an owner ends: a run that is killed leaves nothing behind.

Run as a program with a `Charge` in JSON. It is the server's parent, so it ends the right process without doubt:
orderly at SIGTERM, at once at SIGINT and when an owner is gone. It ends by itself when the server does.
"""

import ctypes
import dataclasses
import json
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
PATIENCE = 20.0
"""Seconds until a server that does not stop is killed, and until a folder that stays in use is left."""


@dataclasses.dataclass(frozen=True)
class Charge:
    """What a keeper keeps: the server of a command, a folder, or both."""

    owners: tuple[int, ...]
    """The processes without any of which it ends."""
    folder: str = ""
    command: tuple[str, ...] = ()
    user: int | None = None
    log: str = os.devnull
    pid_file: str = os.devnull
    orderly: int = signal.SIGTERM
    at_once: int = signal.SIGKILL
    file_limit: int | None = None
    """The most bytes that one file may have."""

    def to_json(self) -> str:
        """As the argument of the program."""
        return json.dumps(dataclasses.asdict(self))


def keep(charge: Charge) -> int:
    """Run the server until it ends, is to be ended, or lacks an owner; the server's exit code."""
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    adopt_orphans()
    server = launch(charge) if charge.command else None
    orderly = False
    with suppress(ProcessLookupError):  # an owner has gone already
        watched = [os.pidfd_open(pid) for pid in (*charge.owners, *([server.pid] if server else []))]
        ready = select.select([told, *watched], [], [])[0]
        orderly = told in ready and os.read(told, 1)[0] == signal.SIGTERM
    if server:
        end(server, charge.orderly if orderly else charge.at_once)
        end_orphans()
    if charge.folder:
        remove(Path(charge.folder))
    return server.returncode if server else 0


def launch(charge: Charge) -> subprocess.Popen[bytes]:
    """Start the server, and tell its process id."""
    if charge.file_limit is not None:
        # The signal of this limit stays ignored in the server, which sees the error of the write instead.
        resource.setrlimit(resource.RLIMIT_FSIZE, (charge.file_limit, charge.file_limit))
    with Path(charge.log).open("ab") as log:
        server = subprocess.Popen(
            charge.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            restore_signals=False,
            user=charge.user,
            group=charge.user,
            extra_groups=None if charge.user is None else [],
        )
    Path(charge.pid_file).write_text(str(server.pid), encoding="ascii")
    return server


def end(server: subprocess.Popen[bytes], number: int) -> None:
    """Send a running server a signal and wait for its end; kill it when it takes too long."""
    if server.poll() is None:
        server.send_signal(number)
    try:
        server.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def adopt_orphans() -> None:
    """Become the parent of a killed server's children, so that they are known and waited for."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_orphans() -> None:
    """Kill the children that a server has left, and wait for their end."""
    for pid in family(os.getpid())[1:]:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def family(pid: int) -> list[int]:
    """A process and its children."""
    return [pid, *(child for child, parent in parents().items() if parent == pid)]


def parents() -> dict[int, int]:
    """The parent of every process."""
    found = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        found[int(status.parent.name)] = int(fields[1])
    return found


def remove(folder: Path) -> None:
    """Remove a folder, what is mounted in it first; again while servers are still ending in it."""
    deadline = time.monotonic() + PATIENCE
    while folder.exists():
        for mount in mounts(folder):
            subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)


def mounts(folder: Path) -> list[str]:
    """What is mounted in a folder."""
    lines = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    return [place for line in lines if (place := line.split()[1]).startswith(f"{folder}/")]


if __name__ == "__main__":
    sys.exit(keep(Charge(**json.loads(sys.argv[1]))))
