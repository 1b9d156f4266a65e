"""`memu transfer`: memories from one store into another."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memu.cli.progress import progress
from memu.cli.session import Session
from memu.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from memu.database.transfer import Transferred


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("transfer")(transfer)


def transfer(
    ctx: typer.Context,
    source: Annotated[str, typer.Argument(metavar="SRC", help="The store to copy from: a file, or a DSN.")],
    target: Annotated[str, typer.Argument(metavar="DST", help="The store to copy into; made when it is not there.")],
) -> None:
    """Copy memories into another store, of any kind: all of them, or those of --user and --agent.

    Every row is read back and compared. What is there already is passed over: repeat a transfer that was interrupted.
    """
    from memu.database.transfer import same_place

    session: Session = ctx.obj
    first, second = replace(session, db=source, named="SRC"), replace(session, db=target, named="DST")
    _refuse_memory(first, second)
    with first.database(check_only=True) as whole:
        model = _user_model(whole.handle.scope_fields)
        with second.database(create=True, user_model=model) as copy, progress("transferring", "steps") as tell:
            if same_place(whole.handle, copy.handle):
                raise ConfigError("SRC and DST are the same database: nothing was transferred.")
            database = whole.bound(session.scope) if session.named_owner else whole
            done = database.transfer(copy, progress=tell)
    _show(session, done)


def _refuse_memory(*sessions: Session) -> None:
    from memu.settings import IN_RAM

    for one in sessions:
        if one.db in IN_RAM:
            raise ConfigError(
                f"{one.named} is a database in memory, which ends with the command: name a file or a DSN."
            )


def _user_model(fields: tuple[str, ...]) -> "type[BaseModel]":
    """A user model that tells the same owners apart as the source does."""
    from pydantic import create_model

    from memu.scope import DEFAULT

    kinds: dict[str, Any] = dict.fromkeys(fields, (str, DEFAULT))
    return create_model("Owner", **kinds)


def _show(session: Session, done: "Transferred") -> None:
    verified = [
        {"table": one.table, "owner": one.owner.as_dict(), "rows": one.rows, "checksum": one.checksum}
        for one in done.verified
    ]
    added, present = sum(done.values()), sum(done.present.values())
    compared, owners = sum(one.rows for one in done.verified), len({one.owner for one in done.verified})
    value = {"added": dict(done), "present": done.present, "verified": verified}
    lines = (
        f"{added} rows were added, {present} were there already",
        f"{compared} rows of {owners} {'owner' if owners == 1 else 'owners'} were read back: they are the same",
    )
    session.show(value, *lines)
    if not compared:
        whose = session.scope if session.named_owner else "nobody"
        typer.echo(f"memu: SRC holds no memory of {whose}: nothing was transferred.", err=True)
