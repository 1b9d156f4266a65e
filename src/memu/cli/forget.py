"""`memu forget`: delete memories for good."""

from pathlib import Path
from typing import Annotated, Any

import typer

from memu.cli.lists import find
from memu.cli.session import Session, one_line, short


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("forget")(forget)


def forget(
    ctx: typer.Context,
    records: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID...]", help="Items or resources: ids, or resources' paths or URLs."),
    ] = None,
    everything: Annotated[bool, typer.Option("--everything", help="All that is remembered of this user.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Forget items, resources with all that came from them, or everything of one user and agent.

    There is no way back but a backup. It asks first; where there is no terminal to ask on, it needs --yes.
    """
    session: Session = ctx.obj
    if bool(records) == everything:
        raise typer.BadParameter("name ids to forget, or --everything, one of them", param_hint="ID")
    with session.service() as memory:
        if everything:
            _forget_all(session, memory, yes)
        else:
            _forget_some(session, memory, records or [], yes)


def _forget_all(session: Session, memory: Any, yes: bool) -> None:
    items, resources = len(memory.database.items), len(memory.database.resources)
    session.confirm(f"Forget everything of {session.scope} ({items} items, {resources} resources)?", yes=yes)
    report = memory.sync.forget()
    lines = [f"forgot {items} items, {resources} resources and {report['files']} files of {session.scope}"]
    if report["backups"]:
        lines += ["earlier backups still hold what they held:", *(f"  {path}" for path in report["backups"])]
    session.show(report, *lines)


def _forget_some(session: Session, memory: Any, records: list[str], yes: bool) -> None:
    chosen = [find(memory.database, _as_stored(memory.database, one)) for one in records]
    session.confirm(f"Forget {'; '.join(_describe(memory, *one) for one in chosen)}?", yes=yes)
    gone: list[dict[str, Any]] = []
    for kind, record in dict.fromkeys(chosen):
        if kind == "item":
            gone.append({"item": memory.sync.delete_memory_item(memory_id=record)["memory_item"]})
        else:
            result = memory.sync.delete_resource(record)
            gone += [{"resource": one, "items": result["deleted_items"]} for one in result["deleted_resources"]]
    lines = [
        f"forgot item {short(one['item']['id'])}" if "item" in one else
        f"forgot resource {short(one['resource']['id'])} with {one['items']} items" for one in gone
    ]  # fmt: skip
    session.show({"forgotten": gone}, *lines)


def _as_stored(database: Any, name: str) -> str:
    """A file's name as resources know it, its absolute path, when it is known by that."""
    path = str(Path(name).expanduser().resolve())
    return path if database.resource_repo.count({"url": path}) else name


def _describe(memory: Any, kind: str, record: str) -> str:
    if kind == "item":
        return f'the item "{one_line(memory.database.memory_item_repo.get(record).summary)[:60]}"'
    items = memory.database.memory_item_repo.count({"resource_id": record})
    return f"{memory.database.resource_repo.get(record).url} with its {items} items"
