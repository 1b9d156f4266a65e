"""The program: its options, its commands, and what becomes of an error."""

import contextlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from memu.cli import care, changes, files, forget, lists, memorize, retrieve, transfer
from memu.cli.session import FAILED, INTERRUPTED, Session
from memu.errors import MemuError

HELP = """A memory for AI agents: memorize what was said, retrieve what matters.

Memories are kept in one SQLite file (./data/memu.db), for one user and one agent. No key, no server, no network.
"""
EPILOG = """The options above may stand anywhere on the line, before or after the command.

Exit codes: 0 done; 1 it failed (the line on stderr says why); 2 the command line cannot be understood; 3 nothing was
found (retrieve); 130 interrupted. A call that failed or was interrupted leaves the store whole.
"""
WITH_VALUE = ("--db", "--user", "--agent")
FLAGS = ("--json", "--verbose")


class Commands(TyperGroup):
    """The commands; an error of any of them becomes one line on stderr and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except MemuError as error:
            self._report(ctx.obj, error, str(error))
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except Exception as error:
            if isinstance(error, BrokenPipeError) or type(error).__module__.startswith(("click", "typer")):
                raise
            self._report(ctx.obj, error, f"unexpected {type(error).__name__}: {error} (--verbose shows where)")
        raise typer.Exit(FAILED)

    @staticmethod
    def _report(session: Session | None, error: BaseException, message: str) -> None:
        if session and session.verbose:
            traceback.print_exception(error, file=sys.stderr)
        typer.echo(f"memu: {message}", err=True)
        if session and session.json:
            session.emit({"error": {"type": type(error).__name__, "message": message}})


app = typer.Typer(
    cls=Commands,
    help=HELP,
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


@app.callback()
def options(
    ctx: typer.Context,
    db: Annotated[
        str,
        typer.Option(envvar="MEMU_DB", metavar="PATH|DSN", help="The database: a file, or a DSN (sqlite:///…)."),
    ] = "./data/memu.db",
    user: Annotated[
        str | None, typer.Option(envvar="MEMU_USER", help='Whose memory; "default" when not named.')
    ] = None,
    agent: Annotated[
        str | None, typer.Option(envvar="MEMU_AGENT", help='Which agent\'s memory of the user; else "default".')
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, nothing else.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Say more on stderr; show tracebacks.")] = False,
) -> None:
    """Read the options that all commands share."""
    ctx.obj = Session(db, user, agent, json, verbose)
    ctx.obj.set_up_logging()


for module in (memorize, retrieve, lists, changes, forget, files, transfer, care):
    module.register(app)


def hoisted(arguments: Sequence[str]) -> list[str]:
    """The arguments with the shared options in front, wherever they stood; what follows `--` stays where it is."""
    front: list[str] = []
    rest: list[str] = []
    waiting = list(arguments)
    while waiting:
        one = waiting.pop(0)
        if one == "--":
            rest += [one, *waiting]
            break
        if one in FLAGS or one.startswith(tuple(f"{name}=" for name in WITH_VALUE)):
            front.append(one)
        elif one in WITH_VALUE and waiting:
            front += [one, waiting.pop(0)]
        else:
            rest.append(one)
    return front + rest


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry of the program `memu`."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    code: Any = 0
    try:
        app(args=hoisted(sys.argv[1:] if arguments is None else arguments), prog_name="memu")
    except SystemExit as end:
        code = end.code
    except KeyboardInterrupt:
        code = INTERRUPTED
    if code == INTERRUPTED:
        # Threads that still compute would be waited for; nothing of theirs is written any more.
        typer.echo("memu: interrupted; what was finished before is kept, the store is whole.", err=True)
        sys.stdout.flush()
        os._exit(INTERRUPTED)
    sys.exit(code)
