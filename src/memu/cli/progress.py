"""How far long work has come: a bar on a terminal, a line now and then elsewhere; always on stderr."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

EVERY = 5.0
"""Seconds between two lines when there is no terminal."""

Tell = Callable[[int, int], None]


@contextmanager
def progress(what: str, unit: str) -> Iterator[Tell]:
    """A callback that takes how many are done, and of how many; it shows the rate and the time left."""
    if sys.stderr.isatty():
        with _bar(what, unit) as tell:
            yield tell
    else:
        yield _Lines(what, unit)


class _Lines:
    """Plain lines, none at all for work that is over soon."""

    def __init__(self, what: str, unit: str) -> None:
        self.what = what
        self.unit = unit
        self.started = self.told = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self.told >= EVERY and done:
            self.told = now
            rate = done / (now - self.started)
            left = (total - done) / rate
            typer.echo(f"memu: {self.what}: {done} of {total} {self.unit}, {rate:.1f}/s, {left:.0f} s left", err=True)


@contextmanager
def _bar(what: str, unit: str) -> Iterator[Tell]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    class Rate(TextColumn):
        """Work done in a second."""

        def render(self, task: Task):  # type: ignore[no-untyped-def]
            """The rate, once it is known."""
            from rich.text import Text

            return Text(f"{task.speed:.1f} {unit}/s" if task.speed else "")

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(""))
    with Progress(
        *columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
