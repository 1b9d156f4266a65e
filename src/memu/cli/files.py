"""`memu export`, `import`, `backup`, `restore` and `migrate`: memories as files."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from memu.cli.progress import progress
from memu.cli.session import Session
from memu.errors import ConfigError, SourceNotFound


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("export")(export)
    app.command("import")(import_)
    app.command("backup")(backup)
    app.command("restore")(restore)
    app.command("migrate")(migrate)


def export(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(help="The file to write (JSON Lines), or - for stdout.")],
    everyone: Annotated[bool, typer.Option("--all", help="The memory of all users and agents.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a user's memory into a file of JSON Lines, without loss: items, vectors, sources, history."""
    from memu.database.portable import export_file, export_memory

    session: Session = ctx.obj
    if file == "-" and session.json:
        raise typer.BadParameter("- and --json would both write to stdout: name a file", param_hint="FILE")
    if file != "-" and Path(file).exists() and not force:
        raise ConfigError(f"{file} is there already: choose another name, or replace it with --force.")
    with session.database() as whole, progress("exporting", "rows") as tell:
        database = whole if everyone else whole.bound(session.scope)
        if file == "-":
            export_memory(database, sys.stdout.buffer, progress=tell)
            return
        counts = export_file(database, Path(file), progress=tell)
    rows = sum(counts.values())
    owner = "all users" if everyone else str(session.scope)
    session.show({"file": file, "rows": counts}, f"{rows} rows of {owner} were written to {file}")
    if not rows:
        typer.echo(f"memu: {owner} has no memory in {session.place}: the file holds nothing.", err=True)


def import_(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(help="A file that `memu export` wrote, or - for stdin.")],
) -> None:
    """Read an exported memory into the store; what is there already is passed over.

    It goes to the users that the file names; with --user (or --agent), all of it goes to that one.
    """
    from memu.database.portable import import_file, import_memory

    session: Session = ctx.obj
    if file != "-" and not Path(file).exists():
        raise SourceNotFound(f"there is no file {file}: nothing was imported.")
    with session.database(create=True) as database, progress("importing", "rows") as tell:
        if file == "-":
            done = import_memory(database, sys.stdin.buffer, into=session.named_owner, progress=tell)
        else:
            done = import_file(database, Path(file), into=session.named_owner, progress=tell)
    added, present = sum(done.added.values()), sum(done.present.values())
    value = {"added": done.added, "present": done.present}
    session.show(value, f"{added} rows were added, {present} were there already")


def backup(
    ctx: typer.Context,
    folder: Annotated[Path | None, typer.Argument(help="Where to; else `backups` beside the database.")] = None,
) -> None:
    """Copy the whole store into a file, also while it is in use."""
    from memu.storage.migrations import backup_database

    session: Session = ctx.obj
    path = _path(session)
    session.require_store()
    written = backup_database(path, session.mirror, folder or session.folder / "backups")
    session.show({"files": written}, *(f"wrote {path}" for path in written))


def restore(
    ctx: typer.Context,
    copy: Annotated[Path | None, typer.Argument(metavar="BACKUP", help="A file that `memu backup` wrote.")] = None,
    latest: Annotated[bool, typer.Option("--latest", help="The newest backup beside the database.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Put a backup in the place of the store, which is itself kept as a backup.

    Stop every program that uses the store before: one that runs on would write into a file that is no longer there.
    """
    from memu.storage.migrations import restore_database

    session: Session = ctx.obj
    path = _path(session)
    known = sorted((session.folder / "backups").glob(f"{path.stem}-*{path.suffix or '.db'}"))
    if (copy is None) == (not latest):
        listed = ", ".join(map(str, known)) or f"none in {session.folder / 'backups'}"
        raise typer.BadParameter(f"name a backup, or --latest. There are: {listed}", param_hint="BACKUP")
    if latest and not known:
        raise SourceNotFound(f"there is no backup of {path} in {session.folder / 'backups'}: nothing was changed.")
    chosen = known[-1] if copy is None else copy
    if not chosen.is_file():
        raise SourceNotFound(f"there is no backup {chosen}: nothing was changed.")
    session.confirm(f"Put {chosen} in the place of {path}? Stop every other program that uses it first.", yes=yes)
    kept = restore_database(chosen, path, session.mirror)
    lines = [f"restored {path} from {chosen}", *([f"what was there is kept as {kept}"] if kept else [])]
    session.show({"database": path, "restored_from": chosen, "kept": kept}, *lines)


def migrate(ctx: typer.Context) -> None:
    """Bring a store that an older version made up to date, after a backup. Opening it with any command does so too."""
    from memu.storage.migrations import migrate_database

    session: Session = ctx.obj
    session.require_store()
    if session.path is None:
        with session.database():
            pass
    else:
        migrate_database(session.path, session.mirror)
    session.show({"database": session.place, "up_to_date": True}, f"{session.place} is up to date")


def _path(session: Session) -> Path:
    if session.path is None:
        raise ConfigError(
            "only SQLite files are copied by memu: use the server's own tools for its backups (pg_dump, mysqldump, "
            "mongodump)."
        )
    return session.path
