"""A server's process, seen from the tests: it is started by a keeper, and ended by signals to known process ids."""

import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from servers import keeper
from servers.keeper import Charge

START = 60.0
"""Seconds that a server may take until it answers."""


class Unavailable(Exception):
    """A server cannot be had, and why."""


def spawn(charge: Charge) -> int:
    """Start a keeper outside of this terminal's reach, so that an interrupt meets the tests first; its process id."""
    nothing = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0) for stream in (0, 1, 2)]
    arguments = [sys.executable, keeper.__file__, charge.to_json()]
    return os.posix_spawn(sys.executable, arguments, os.environ, file_actions=nothing, setsid=True)


def is_keeper(pid: int, mark: str) -> bool:
    """Whether a process is the keeper whose charge names this folder; a number alone may have gone to another one."""
    try:
        return mark in Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def ended(pid: int, timeout: float) -> bool:
    """Whether a process, of ours or not, ends within some seconds."""
    try:
        watch = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        gone = bool(select.select([watch], [], [], timeout)[0])
    finally:
        os.close(watch)
    if gone:
        with suppress(ChildProcessError):  # its parent may be another process
            os.waitpid(pid, os.WNOHANG)
    return gone


def end_keeper(pid: int, mark: str, number: int) -> None:
    """Have a keeper end what it keeps, and wait until it has."""
    if is_keeper(pid, mark):
        os.kill(pid, number)
        if not ended(pid, 2 * keeper.PATIENCE):
            raise TimeoutError(f"the keeper of {mark} does not end")
    ended(pid, 0)


def free_port() -> int:
    """A port of this machine that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], bool], timeout: float, told: Callable[[], str]) -> None:
    """Ask until a condition holds, and raise what is told when it does not in time."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(told())
        time.sleep(0.02)


class Process:
    """A server's process, that can be started again on the same data.

    Args:
        folder: where its log and its process id are kept.
        charge: what its keeper is to run, given the port.
        fault: what keeps the server from answering at a port, if anything.
    """

    def __init__(self, folder: Path, charge: Callable[[int], Charge], fault: Callable[[int], str]) -> None:
        self.folder = folder
        self.port = 0
        self.log_path = folder / "log"
        self._charge = charge
        self._fault = fault
        self._keeper = 0

    @property
    def running(self) -> bool:
        """Whether the server has not ended."""
        return bool(self._keeper) and not ended(self._keeper, 0)

    @property
    def pids(self) -> list[int]:
        """The process ids of the server and of its children."""
        try:
            return keeper.family(int((self.folder / "pid").read_text(encoding="ascii")))
        except FileNotFoundError:
            return []

    def start(self) -> None:
        """Start the server and wait until it answers; the first time at any free port, then at the same one."""
        if self.running:
            return
        for port in [self.port] * 20 if self.port else [free_port() for _ in range(5)]:
            if self._try(port):
                self.port = port
                return
        raise Unavailable(f"it found no free port: {self.log_tail()}")

    def _try(self, port: int) -> bool:
        """Start the server at a port; whether that port was free."""
        seen = self.log_path.stat().st_size if self.log_path.exists() else 0
        (self.folder / "pid").unlink(missing_ok=True)
        self._keeper = spawn(self._charge(port))
        (self.folder / "keeper").write_text(str(self._keeper), encoding="ascii")
        wait_until(
            lambda: not self.running or not self._fault(port),
            START,
            lambda: f"no answer: {self._fault(port)}: {self.log_tail()}",
        )
        if self.running:
            return True
        told = self.log_tail(seen)
        if "in use" not in told:
            raise Unavailable(f"it ended at its start: {told}")
        time.sleep(0.1)
        return False

    def stop(self) -> None:
        """End the server in order: nothing that it has confirmed is lost."""
        self._end(signal.SIGTERM)

    def drop(self) -> None:
        """End the server in any way, for its data is not needed again."""
        self._end(signal.SIGINT)

    def _end(self, number: int) -> None:
        if self._keeper:
            end_keeper(self._keeper, str(self.folder), number)
            self._keeper = 0

    def kill(self) -> None:
        """End the server and its children by SIGKILL, as a crash would."""
        for pid in self.pids if self.running else []:
            with suppress(ProcessLookupError):  # its parent's end may have ended it
                os.kill(pid, signal.SIGKILL)
        if self._keeper and not ended(self._keeper, 2 * keeper.PATIENCE):
            raise TimeoutError(f"a process in {self.folder} outlives SIGKILL")
        self._keeper = 0

    def log_tail(self, start: int = 0) -> str:
        """The end of the server's log, from a position on."""
        if not self.log_path.exists():
            return "it has no log"
        return self.log_path.read_bytes()[start:][-2000:].decode("utf-8", "replace").strip()
