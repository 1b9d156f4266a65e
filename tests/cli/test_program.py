"""The program as a process: what it prints where, terminals, pipes, interrupts."""

import os
import pty
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from subprocess import PIPE

import pytest

from memu.cli import progress as progress_module
from memu.cli.progress import progress

from .conftest import PROGRAM, Memu


def test_memorize_and_retrieve(program: Memu, folder: Path) -> None:
    (folder / "bees.md").write_text("# Bees\n\nI keep bees in the garden behind the house.\n")
    done = program("memorize", "bees.md")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("created     bees.md  1 items")
    done = program("retrieve", "who keeps insects?", MEMU_DB="./data/memu.db")
    assert done.code == 0
    assert "I keep bees in the garden" in done.out.splitlines()[0]
    assert program("retrieve", "bees", "--user", "bob").code == 3
    done = program("memorize", "-", "--json", stdin=b"I sell honey on the market every week.")
    assert done.json["items_added"] == 1
    assert done.err == ""


def test_every_command_helps(program: Memu) -> None:
    done = program("--help")
    assert done.code == 0
    for words in ("memorize", "130 interrupted", "MEMU_DB"):
        assert words in done.out
    assert program().code == 2
    assert "--where" in program("retrieve", "-h").out


def test_an_interrupt_leaves_the_store_whole(folder: Path, program: Memu) -> None:
    program("memorize", "--text", "I keep bees.")
    paragraphs = [f"My friend number {n} lives in town {n} and collects {n} stamps." for n in range(5000)]
    (folder / "big.md").write_text("\n\n".join(paragraphs))
    arguments = [*PROGRAM, "--verbose", "memorize", "big.md", "--user", "alice"]
    # A run that was started in the background ignores interrupts, and its children inherit that.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += "import runpy, memu.app.memorize as m; "
    # The step that computes says that it has begun, so that the interrupt arrives in the middle of the work.
    code += "w = m.work_out; m.work_out = lambda *a: (print('begun', flush=True), w(*a))[1]; " + arguments[2]
    command = [sys.executable, "-c", code, *arguments[3:]]
    with subprocess.Popen(command, stdout=PIPE, stderr=PIPE) as child:
        assert child.stdout
        assert child.stderr
        assert child.stdout.readline() == b"begun\n"
        child.send_signal(signal.SIGINT)
        assert b"memu: interrupted; what was finished before is kept, the store is whole." in child.stderr.read()
        assert child.wait() == 130
    with sqlite3.connect("data/memu.db") as connection:
        assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
        assert connection.execute("SELECT user_id FROM memory_items").fetchall() == [("default",)]
    connection.close()
    assert program("doctor").code == 0


def in_terminal(arguments: list[str], answer: bytes) -> tuple[int, str]:
    """Run the program with a terminal for its input and its errors."""
    ours, theirs = pty.openpty()
    try:
        with subprocess.Popen([*PROGRAM, *arguments], stdin=theirs, stdout=PIPE, stderr=theirs) as child:
            os.close(theirs)
            os.write(ours, answer)
            assert child.stdout
            child.stdout.read()
            code = child.wait()
        shown = b""
        while True:
            try:
                shown += os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
    finally:
        os.close(ours)
    return code, shown.decode()


def test_on_a_terminal_it_asks(program: Memu) -> None:
    program("memorize", "--text", "I keep bees.")
    code, shown = in_terminal(["forget", "--everything"], b"n\n")
    assert code == 1
    assert "Forget everything of user_id='default', agent_id='default' (1 items, 1 resources)? [y/N]" in shown
    assert len(program("items", "--json").json["items"]) == 1
    code, shown = in_terminal(["forget", "--everything"], b"y\n")
    assert code == 0
    assert program("items", "--json").json["items"] == []


def test_on_a_terminal_long_work_shows_a_bar(program: Memu) -> None:
    program("memorize", "--text", "I keep bees.")
    code, shown = in_terminal(["export", "out.jsonl"], b"")
    assert code == 0
    assert "exporting" in shown
    assert program("export", "again.jsonl").err == ""


def test_a_closed_pipe_is_no_fault(program: Memu, folder: Path) -> None:
    (folder / "many.md").write_text(
        "\n\n".join(f"My friend number {n} collects stamps of the year {n}." for n in range(400))
    )
    assert program("memorize", "many.md").code == 0
    command = " ".join(f"'{one}'" for one in PROGRAM) + " items -n 0 | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert "memu: unexpected" not in done.stderr


def test_without_a_terminal_progress_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 1.0, 6.0, 7.0, 12.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    assert progress_module.EVERY == 5.0
    with progress("importing", "rows") as tell:
        for done in (10, 60, 70, 120):
            tell(done, 240)
    assert capsys.readouterr().err.splitlines() == [
        "memu: importing: 60 of 240 rows, 10.0/s, 18 s left",
        "memu: importing: 120 of 240 rows, 10.0/s, 12 s left",
    ]
