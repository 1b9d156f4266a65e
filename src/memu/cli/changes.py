"""`memu history` and `memu undo`: what became of a memory, and taking a call back."""

from typing import Annotated, Any

import typer

from memu.cli.lists import find
from memu.cli.retrieve import item_lines
from memu.cli.session import Session, one_line
from memu.errors import InputError


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("history")(history)
    app.command("undo")(undo)


def history(
    ctx: typer.Context,
    item: Annotated[str, typer.Argument(metavar="ITEM", help="The id of an item, or its first characters.")],
) -> None:
    """Show what an item was before each change, and what took its place."""
    session: Session = ctx.obj
    with session.service() as memory:
        kind, record = find(memory.database, item)
        if kind != "item":
            raise InputError(f"{item} is a resource: name an item, `memu items` lists them.")
        told = memory.sync.history(record)
    session.show(told, *_lines(told))


def _lines(told: dict[str, Any]) -> list[str]:
    now = told["memory_item"]
    lines = [f"{_minute(one['created_at'])} {one['event']}, it was: {one_line(one['before']['summary'])}"
             for one in told["history"]]  # fmt: skip
    lines += item_lines(now)
    if now["valid_from"]:
        lines.append(f"  held since {_minute(now['valid_from'])}")
    if now["valid_to"]:
        by = f", its place was taken by {now['superseded_by']}" if now["superseded_by"] else ""
        lines.append(f"  holds no longer since {_minute(now['valid_to'])}{by}")
    return lines + [f"  took the place of {one['id']}: {one_line(one['summary'])}" for one in told["superseded"]]


def _minute(when: Any) -> str:
    return f"{when:%Y-%m-%d %H:%M}"


def undo(
    ctx: typer.Context,
    operation: Annotated[str, typer.Argument(metavar="OPERATION", help="The id that the call returned (--json).")],
) -> None:
    """Take a call back: what it added goes, what it changed is as it was. Undoing can be undone, too."""
    session: Session = ctx.obj
    with session.service() as memory:
        done = memory.sync.undo(operation)
    lines = [f"{done['kind']} is undone: {len(done['removed'])} items are gone, {len(done['restored'])} as they were"]
    session.show(done, *lines, f"to have it again: memu undo {done['operation_id']}")
    for warning in done["warnings"]:
        typer.echo(f"memu: {warning}", err=True)
