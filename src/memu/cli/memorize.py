"""`memu memorize`: files, folders, patterns, addresses, standard input and plain words."""

import contextlib
import glob
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from memu.cli.progress import progress
from memu.cli.session import FAILED, Session, one_line, settings_of, visible
from memu.errors import MemuError, SourceInvalid, SourceNotFound

STDIN = "standard input"
NAMED = 5
"""How many files that were left for one reason are named; with --json all are."""


@dataclass(frozen=True)
class Job:
    """One thing to memorize: its name on the screen, and the arguments of the call."""

    name: str
    arguments: dict[str, Any]


@dataclass
class Outcome:
    """What became of all of them."""

    done: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)
    left: list[dict[str, str]] = field(default_factory=list)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("memorize")(memorize)


def memorize(
    ctx: typer.Context,
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SOURCE...]",
            help="Files, folders (all in them that can be read), patterns, http(s) addresses, or - for stdin.",
        ),
    ] = None,
    text: Annotated[list[str] | None, typer.Option("--text", "-t", help="Words to memorize; may be repeated.")] = None,
    modality: Annotated[
        str | None,
        typer.Option(help="conversation, document, text, image, audio or video; guessed when it is left out."),
    ] = None,
    metadata: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Kept with every item, to filter on; repeatable.")
    ] = None,
) -> None:
    """Memorize files, folders, web pages, standard input or words. The same content again adds nothing.

    A source that fails is reported, and the others are memorized all the same; the exit code is then 1.
    """
    session: Session = ctx.obj
    if not sources and not text:
        raise typer.BadParameter(
            "name files or folders, - for standard input, or words with --text", param_hint="SOURCE"
        )
    options = {"modality": modality, "metadata": settings_of(metadata or [], "--metadata")}
    outcome = Outcome()
    jobs = list(_jobs(session, sources or [], text or [], outcome))
    started = time.monotonic()
    if jobs:
        unit = "sources" if len(jobs) > 1 else "texts"
        with session.service(create=True) as memory, progress("memorizing", unit) as tell:
            for number, job in enumerate(jobs, 1):
                _run(session, memory.sync, job, {**options, "progress": tell if len(jobs) == 1 else None}, outcome)
                if len(jobs) > 1:
                    tell(number, len(jobs))
    _sum_up(session, outcome, time.monotonic() - started)
    if outcome.failed:
        raise typer.Exit(FAILED)


def _jobs(session: Session, sources: Sequence[str], texts: Sequence[str], outcome: Outcome) -> Iterator[Job]:
    seen: set[Path] = set()
    if len(sources) > 1 and all(_is_word(one) for one in sources):
        words = " ".join(sources)
        raise SourceNotFound(f'there is no file {sources[0]}. To memorize words: memu memorize --text "{words}"')
    for source in sources:
        try:
            for job in _expanded(session, source, outcome):
                path = job.arguments.get("resource_url")
                if isinstance(path, Path):
                    if path.resolve() in seen:
                        continue
                    seen.add(path.resolve())
                yield job
        except MemuError as error:
            _fail(outcome, source, error)
    for text in texts:
        yield Job(f'"{one_line(text)[:40]}"', {"content": text})


def _is_word(source: str) -> bool:
    """Whether an argument is hardly meant as a file: there is none of that name, and it looks like none."""
    return source != "-" and not any(mark in source for mark in "./*?[") and not Path(source).exists()


def _expanded(session: Session, source: str, outcome: Outcome) -> Iterator[Job]:
    """The jobs that one argument stands for."""
    path = Path(source).expanduser()
    if source == "-":
        yield Job(STDIN, {"content": _read_stdin()})
    elif "://" in source:
        yield Job(source, {"resource_url": source})
    elif path.is_dir():
        yield from _jobs_of(_picked(session, path, outcome), f"{source} holds no file that can be read")
    elif path.exists():
        yield Job(source, {"resource_url": path})
    elif glob.has_magic(source):
        found = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 - absolute patterns too
        yield from _jobs_of([one for one in map(Path, found) if one.is_file()], f"no file matches {source}")
    else:
        hint = f' To memorize these words themselves: memu memorize --text "{source}"' if " " in source else ""
        raise SourceNotFound(f"there is no file {source}.{hint}")


def _jobs_of(paths: Sequence[Path], otherwise: str) -> Iterator[Job]:
    if not paths:
        raise SourceNotFound(f"{otherwise}: nothing to memorize.")
    for path in paths:
        yield Job(str(path), {"resource_url": path})


def _picked(session: Session, top: Path, outcome: Outcome) -> list[Path]:
    """The files below a folder that can be read here; the others are told, each with the reason."""
    from memu.sources.picking import why_left, why_link_left

    found: list[Path] = []
    left: dict[str, list[str]] = {}
    for path in _walk(session, top):
        why = (why_link_left(path, top) if path.is_symlink() else None) or why_left(path.suffix.lower())
        if why is None:
            found.append(path)
        else:
            left.setdefault(why, []).append(str(path))
            outcome.left.append({"source": str(path), "why": why})
    for why, names in left.items():
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        typer.echo(f"memu: left out {visible(', '.join(names[:NAMED]))}{more}: {why}.", err=True)
    return found


def _walk(session: Session, top: Path) -> list[Path]:
    """The files below a folder, hidden ones and the store's own left out, in order of their names."""
    own = _own(session)
    found: list[Path] = []
    for folder, inner, names in os.walk(top):
        for listed in (inner, names):
            kept = (name for name in listed if not name.startswith("."))
            listed[:] = sorted(name for name in kept if os.path.realpath(Path(folder, name)) not in own)
        found += [Path(folder, name) for name in names]
    return found


def _own(session: Session) -> set[str]:
    """Where the store's own files and folders are, whatever links lead there."""
    if session.path is None:
        return set()
    beside = [session.folder / name for name in ("resources", "backups", "vectors.json")]
    database = os.path.realpath(session.path)  # the files of its log are beside what a link leads to
    return {*map(os.path.realpath, beside), *(f"{database}{more}" for more in ("", "-wal", "-shm"))}


def _read_stdin() -> str:
    from memu.settings import BlobConfig

    if sys.stdin.isatty():
        typer.echo("memu: reading from the terminal; end with Ctrl-D.", err=True)
    limit = BlobConfig().max_bytes
    data = sys.stdin.buffer.read(limit + 1)
    if len(data) > limit:
        raise SourceInvalid(f"standard input holds more than {limit:,} bytes: split it.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceInvalid(f"standard input is not UTF-8 text (byte {error.start}): convert it first.") from None


def _run(session: Session, memory: Any, job: Job, options: dict[str, Any], outcome: Outcome) -> None:
    started = time.monotonic()
    try:
        result = memory.memorize(**_with_guess(job, options))
    except MemuError as error:
        _fail(outcome, job.name, error)
        return
    told = ("status", "resource", "items", "superseded", "operation_id", "stale_categories", "warnings")
    kept = {name: result[name] for name in told}
    outcome.done.append({"source": job.name, **kept})
    for warning in result["warnings"]:
        typer.echo(f"memu: {job.name}: {warning}", err=True)
    if not session.json:
        added = f"{len(result['items'])} items" if result["status"] != "unchanged" else "nothing new"
        typer.echo(f"{result['status']:<11} {job.name}  {added}  ({time.monotonic() - started:.1f} s)")
        if ended := len(result["superseded"]):
            typer.echo(f"{ended:>13} hold no longer because of it; to take it back: memu undo {result['operation_id']}")


def _with_guess(job: Job, options: dict[str, Any]) -> dict[str, Any]:
    """The arguments of the call; standard input that is a conversation is taken as one, as a file would be."""
    arguments = {**job.arguments, **options}
    given = arguments.get("content") if job.name == STDIN and options["modality"] is None else None
    if given and given.lstrip()[:1] in ("[", "{"):
        from memu.sources.conversations import sniff_conversation

        with contextlib.suppress(SourceInvalid):  # words in brackets are no JSON, and no fault
            arguments["modality"] = "conversation" if sniff_conversation(given) else None
    return arguments


def _fail(outcome: Outcome, name: str, error: MemuError) -> None:
    outcome.failed.append({"source": name, "type": type(error).__name__, "message": str(error)})
    typer.echo(f"memu: {error}" if name in str(error) else f"memu: {name}: {error}", err=True)


def _sum_up(session: Session, outcome: Outcome, seconds: float) -> None:
    items = sum(len(one["items"]) for one in outcome.done)
    states = [one["status"] for one in outcome.done] + ["failed"] * len(outcome.failed)
    counts = {state: states.count(state) for state in dict.fromkeys(states)}
    told = {"sources": outcome.done, "failed": outcome.failed, "left": outcome.left}
    value = {**told, "items_added": items, "seconds": round(seconds, 3)}
    parts = ", ".join(f"{number} {state}" for state, number in counts.items())
    lines = [f"{len(states)} sources: {parts}; {items} items added; {seconds:.1f} s"] if len(states) > 1 else []
    session.show(value, *lines)
