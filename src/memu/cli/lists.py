"""`memu items`, `memu categories` and `memu show`: what is remembered, and the words it came from."""

import sys
from typing import Annotated, Any

import typer

from memu.cli.retrieve import WHERE, item_lines
from memu.cli.session import Session, filters_of, one_line, short, visible
from memu.errors import InputError, NotFoundError


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("items")(items)
    app.command("categories")(categories)
    app.command("show")(show)


def items(
    ctx: typer.Context,
    where: Annotated[list[str] | None, typer.Option("--where", "-w", metavar="KEY=VALUE", help=WHERE)] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, help="How many; 0 for all.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Go on where an earlier list ended.")] = None,
    superseded: Annotated[bool, typer.Option("--superseded", help="Those that no longer hold, too.")] = False,
) -> None:
    """List memory items, oldest first."""
    session: Session = ctx.obj
    with session.service() as memory:
        found = memory.sync.list_memory_items(
            filters_of(where or []), limit=limit or None, cursor=cursor, include_superseded=superseded
        )
    lines = [line for item in found["items"] for line in item_lines(item)]
    session.show(found, *lines)
    if not session.json:
        more = f"; more with --cursor {found['next_cursor']}" if found["next_cursor"] else ""
        typer.echo(f"{len(found['items'])} items{more}", err=True)


def categories(ctx: typer.Context) -> None:
    """List the categories with how many items they hold, and their summaries."""
    session: Session = ctx.obj
    with session.service() as memory:
        found = memory.sync.list_memory_categories()
        links = memory.database.category_item_repo
        for one in found["categories"]:
            one["items"] = links.count({"category_id": one["id"]})
    lines: list[str] = []
    for one in found["categories"]:
        lines.append(f"{one['name']}  {one['items']} items{'  (summary is behind)' if one['stale'] else ''}")
        lines += [f"    {one_line(line)}" for line in (one["summary"] or "").splitlines()]
    session.show(found, *(lines or ["no category yet: `memu memorize` makes them"]))


def show(
    ctx: typer.Context,
    record: Annotated[str, typer.Argument(metavar="ID", help="Of an item or a resource, or its first characters.")],
) -> None:
    """Show an item with its source's words and its history, or the verbatim text of a resource."""
    session: Session = ctx.obj
    with session.service() as memory:
        kind, found = find(memory.database, record)
        if kind == "item":
            _show_item(session, memory, found)
        else:
            _show_resource(session, memory, found)


def find(database: Any, wanted: str) -> tuple[str, str]:
    """What an id, the first characters of one, or a resource's URL names: "item" or "resource", and the whole id.

    Raises:
        NotFoundError: this owner has nothing of that id; InputError: several records begin so.
    """
    tables = (("item", database.memory_item_repo), ("resource", database.resource_repo))
    for kind, repository in tables:
        if repository.get(wanted):
            return kind, wanted
    named = database.resource_repo.page({"url": wanted}, embeddings=False)
    if named:
        return "resource", named[-1].id
    begins = {"id__gte": wanted, "id__lt": f"{wanted}\U0010ffff"} if len(wanted) >= 4 else None
    found = [
        (kind, one.id)
        for kind, repository in tables
        if begins
        for one in repository.page(begins, limit=5, superseded=True, embeddings=False)
    ]
    if len(found) > 1:
        raise InputError(f"several ids begin with {wanted!r} ({', '.join(one for _, one in found)}): give more of it.")
    if not found:
        raise NotFoundError(f"there is no item or resource {wanted!r} in this memory: `memu items` lists the ids.")
    return found[0]


def _show_item(session: Session, memory: Any, record: str) -> None:
    item = memory.sync.get_memory_item(record)
    history = memory.database.memory_item_repo.history(record)
    source = item["source"]
    words = None
    if source["resource_id"] and source["start"] is not None:
        words = memory.sync.get_resource_text(source["resource_id"])[source["start"] : source["end"]]
    value = {"item": item, "source_text": words, "history": history}
    lines = item_lines(item)
    facts = {
        "id": item["id"],
        "said": item["said_at"],
        "happened": item["happened_at"],
        "no longer holds since": item["valid_to"],
        "metadata": item["metadata"],
        "resource": source["resource_id"],
        "its words": None if words is None else one_line(words),
    }
    lines += [f"  {name}: {fact}" for name, fact in facts.items() if fact]
    lines += [f"  {one['created_at']:%Y-%m-%d %H:%M} {one['event']}, it was: {one_line(one['before']['summary'])}"
              for one in history]  # fmt: skip
    session.show(value, *lines)


def _show_resource(session: Session, memory: Any, record: str) -> None:
    resource = memory.database.resource_repo.get(record)
    text = memory.sync.get_resource_text(record)
    if session.json:
        shown = resource.model_dump(exclude={"embedding", "content_hash"})
        session.emit({"resource": shown, "text": text, "messages": memory.sync.get_resource_messages(record)})
        return
    if sys.stdout.isatty():
        typer.echo(f"{short(record)} · {resource.modality} · {visible(resource.url)}", err=True)
        typer.echo(visible(text))
    else:
        typer.echo(text, nl=False)
