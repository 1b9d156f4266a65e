"""`memu retrieve`: ask the memory a question."""

from typing import Annotated, Any

import typer

from memu.cli.session import NOTHING, Session, day, filters_of, one_line, short

WHERE = "A filter, such as memory_type=event, said_at__gte=2024-05-01, category__in=goals,habits, metadata.key=value."


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("retrieve")(retrieve)


def retrieve(
    ctx: typer.Context,
    question: Annotated[list[str], typer.Argument(help="The question; several words need no quotes.")],
    top_k: Annotated[
        int | None, typer.Option("--top-k", "-k", min=1, help="How many memories, categories and resources; else 5.")
    ] = None,
    where: Annotated[list[str] | None, typer.Option("--where", "-w", metavar="KEY=VALUE", help=WHERE)] = None,
    min_score: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Leave out what scores lower than this (0 to 1).")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="TIME", help="The memories that held then, such as 2024-05-31.")
    ] = None,
    context: Annotated[
        int | None,
        typer.Option(metavar="MAX_TOKENS", min=1, help="Print the memories as prompt text of at most so many tokens."),
    ] = None,
) -> None:
    """Find what matters for a question: the memories, best first, with where they come from."""
    session: Session = ctx.obj
    asked, filters = " ".join(question), filters_of(where or [])
    if context is not None and any(one is not None for one in (top_k, min_score, as_of)):
        raise typer.BadParameter(
            "takes neither --top-k nor --min-score nor --as-of: the tokens are the limit", param_hint="--context"
        )
    with session.service() as memory:
        if context is not None:
            text = memory.sync.context(asked, filters, max_tokens=context)
            session.show({"context": text}, *([text] if text else []))
            found = bool(text)
        else:
            answer = memory.sync.retrieve(asked, filters, top_k=top_k, min_score=min_score, as_of=as_of)
            found = bool(answer["items"] or answer["categories"] or answer["resources"])
            session.show(answer, *_lines(answer))
    if not found:
        typer.echo("memu: nothing was found.", err=True)
        raise typer.Exit(NOTHING)


def _lines(answer: dict[str, Any]) -> list[str]:
    lines = [line for item in answer["items"] for line in item_lines(item)]
    if answer["categories"]:
        lines += ["", "Categories: " + ", ".join(f"{one['name']} {one['score']:.2f}" for one in answer["categories"])]
    if answer["resources"]:
        lines += ["Resources:"]
        lines += [f"  {one['score']:.2f}  {short(one['id'])}  {one['url']}" for one in answer["resources"]]
    signals = answer["signals"]
    if signals["lexical"] and not signals["dense"]:
        lines += ["", f"Searched by words only: {signals['dense_off']}"]
    return lines


def item_lines(item: dict[str, Any]) -> list[str]:
    """A memory as two lines: what it says; its id, type, date, categories and messages."""
    score = f"{item['score']:.2f}  " if "score" in item else ""
    speaker = f"{item['speaker']}: " if item["speaker"] else ""
    messages = item["source"]["message_ids"]
    facts = [short(item["id"]), item["memory_type"], day(item), ", ".join(item["categories"])]
    facts += [f"message {', '.join(messages[:3])}"] if messages else []
    return [f"{score}{speaker}{one_line(item['summary'])}", f"{' ' * len(score)}{' · '.join(filter(None, facts))}"]
