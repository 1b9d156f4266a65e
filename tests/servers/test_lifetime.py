"""The servers end with their run, however it ends: proven on runs of pytest in child processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.process import ended, wait_until
from servers.run import VARIABLE

TESTS = Path(__file__).parents[1]
PATIENCE = 60.0

SETUP = """
import os, signal, time
from pathlib import Path
import pytest
import servers

@pytest.fixture(autouse=True)
def started():
    with servers.private("postgres", disk_mb={disk_mb}) as private:
        ports = [private.port, servers.get("postgres").port, servers.get("mariadb").port]
        Path("{told}").write_text(f"{{os.environ['{variable}']}} {{os.getpid()}} {{ports}}")
        yield

@pytest.mark.parametrize("number", range(2))
def test_it(number):
    {end}
"""
WAIT = "time.sleep(120)"
RUN = "import pytest, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); sys.exit(pytest.main())"
"""Runs pytest so that it heeds an interrupt, which a shell has what it runs in the background ignore."""
ALONE: tuple[str, ...] = ()
PARALLEL = ("-n", "2")


class Run:
    """A run of pytest whose tests start servers, and end as told."""

    def __init__(self, folder: Path, end: str, *options: str, disk_mb: int | None = None) -> None:
        self.told = folder / "told"
        setup = SETUP.format(told=self.told, variable=VARIABLE, end=end, disk_mb=disk_mb)
        (folder / "test_it.py").write_text(setup, encoding="utf-8")
        environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
        here = [str(TESTS), str(TESTS.parent / "src"), environment.get("PYTHONPATH", "")]
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, "-q", "-p", "no:cacheprovider", "-p", "servers.plugin", *options, "."],
            cwd=folder,
            env={**environment, "PYTHONPATH": os.pathsep.join(here)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def wait_for_servers(self) -> None:
        wait_until(lambda: bool(self.read()), PATIENCE, lambda: f"no server; exit code {self.process.poll()}")
        assert self.remains(), "servers that run are seen"

    def read(self) -> str:
        return self.told.read_text(encoding="utf-8") if self.told.exists() else ""

    @property
    def folder(self) -> Path:
        return Path(self.read().partition(":")[2].partition(" ")[0])

    def remains(self) -> list[str]:
        """The run's folder, and the processes that have to do with it, other than this one."""
        assert self.folder.name.startswith("memu-run-")
        found = [str(self.folder)] if self.folder.exists() else []
        return found + processes_of(self.folder)

    def wait_for_nothing(self) -> None:
        wait_until(lambda: not self.remains(), PATIENCE, lambda: f"what remains: {self.remains()}")


def processes_of(folder: Path) -> list[str]:
    """The processes that work in a folder, or name it in their arguments or their environment."""
    return [str(process) for process in Path("/proc").glob("[0-9]*") if belongs(process, folder)]


def belongs(process: Path, folder: Path) -> bool:
    """Whether a process works in a folder, or names it."""
    try:
        named = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        return str(folder).encode() in named or (process / "cwd").readlink().is_relative_to(folder)
    except OSError:
        return False  # it has ended


@pytest.fixture
def runs() -> Iterator[list[Run]]:
    """The runs to end when a test is over."""
    started: list[Run] = []
    yield started
    for run in started:
        run.process.kill()
        run.process.wait(PATIENCE)


@pytest.mark.parametrize(("end", "code", "workers"), [("assert 0", 1, PARALLEL), ("raise KeyboardInterrupt", 2, ALONE)])
def test_nothing_remains_when_a_run_is_over(
    end: str, code: int, workers: tuple[str, ...], tmp_path: Path, runs: list[Run]
) -> None:
    runs.append(run := Run(tmp_path, end, *workers))
    assert run.process.wait(PATIENCE) == code
    assert run.remains() == []


@pytest.mark.parametrize(
    ("number", "workers"),
    [(signal.SIGINT, PARALLEL), (signal.SIGTERM, ALONE), (signal.SIGKILL, ALONE), (signal.SIGKILL, PARALLEL)],
)
def test_nothing_remains_when_a_run_is_ended(
    number: int, workers: tuple[str, ...], tmp_path: Path, runs: list[Run]
) -> None:
    runs.append(run := Run(tmp_path, WAIT, *workers))
    run.wait_for_servers()
    run.process.send_signal(number)
    run.process.wait(PATIENCE)
    run.wait_for_nothing()


def test_a_mounted_disk_goes_with_a_killed_run(tmp_path: Path, runs: list[Run]) -> None:
    runs.append(run := Run(tmp_path, WAIT, disk_mb=128))
    if wait_for_end_or_servers(run):
        pytest.skip("no disk can be mounted here")
    run.process.kill()
    run.process.wait(PATIENCE)
    run.wait_for_nothing()
    assert str(run.folder) not in Path("/proc/mounts").read_text(encoding="utf-8")


def wait_for_end_or_servers(run: Run) -> bool:
    """Whether a run ends without a server."""
    wait_until(lambda: bool(run.read()) or run.process.poll() is not None, PATIENCE, lambda: "neither")
    return not run.read()


def test_a_killed_worker_ends_its_private_servers(tmp_path: Path, runs: list[Run]) -> None:
    runs.append(run := Run(tmp_path, WAIT, "-n", "1"))
    run.wait_for_servers()
    worker = int(run.read().split()[1])
    (private,) = run.folder.glob("postgres-*")
    assert processes_of(private)
    os.kill(worker, signal.SIGKILL)
    assert ended(worker, PATIENCE)
    wait_until(lambda: not processes_of(private), PATIENCE, lambda: f"what remains: {processes_of(private)}")
    assert processes_of(run.folder / "postgres"), "the shared one goes on"
    run.process.kill()
    run.process.wait(PATIENCE)
    run.wait_for_nothing()
