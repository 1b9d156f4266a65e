"""What the commands share: which store and whose memory, how it is opened, and how results are shown."""

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from memu.errors import ConfigError, StorageUnavailable
from memu.scope import CORE_FIELDS, Scope
from memu.settings import IN_RAM, PROVIDERS

if TYPE_CHECKING:
    from pydantic import BaseModel

    from memu.app import MemoryService
    from memu.database.core import Database

FAILED, NOTHING, INTERRUPTED = 1, 3, 130


@dataclass
class Session:
    """One run of the program."""

    db: str
    user: str | None
    agent: str | None
    json: bool
    verbose: bool
    named: str = "--db"
    """Where on the command line the database was named."""

    @property
    def scope(self) -> Scope:
        """Whose memory is meant."""
        named = {"user_id": self.user, "agent_id": self.agent}
        return Scope.of({name: value for name, value in named.items() if value is not None})

    @property
    def named_owner(self) -> dict[str, str] | None:
        """The owner, when the user named one."""
        return None if self.user is None and self.agent is None else self.scope.as_dict()

    @property
    def path(self) -> Path | None:
        """The database file; None for a server."""
        if "://" not in self.db:
            return Path(self.db).expanduser()
        if not self.db.startswith("sqlite"):
            return None
        from memu.backends.dialects import parse_dsn
        from memu.backends.sqlite import SQLite

        return SQLite(parse_dsn(self.db, expected="sqlite")).path

    @property
    def place(self) -> str:
        """The database as it may be shown: without a password."""
        if "://" not in self.db:
            return self.db
        from memu.database.registry import shown_dsn

        return shown_dsn(self.db)

    @property
    def folder(self) -> Path:
        """Where the files beside the database are kept."""
        return self.path.absolute().parent if self.path else Path("data")

    @property
    def mirror(self) -> Path | None:
        """Where `vectors.json` is kept: beside a database that was named by its path."""
        return None if "://" in self.db else self.folder / "vectors.json"

    def config(self, *, check_only: bool = False) -> dict[str, Any]:
        """The settings of the database; `check_only` opens it as it is, and touches nothing."""
        if "://" not in self.db and not check_only:
            return {"provider": "sqlite", "sqlite_path": str(self.path), "vector_db_path": str(self.mirror)}
        scheme = self.db.partition("://")[0].partition("+")[0] if "://" in self.db else "sqlite"
        if scheme not in PROVIDERS:
            raise ConfigError(f"{self.named} names {scheme}://…: expected a file, or one of {', '.join(PROVIDERS)}.")
        dsn = self.db if "://" in self.db else f"sqlite:///{self.path}"
        mode = "validate" if check_only else "create"
        return {"metadata_store": {"provider": PROVIDERS[scheme], "dsn": dsn, "ddl_mode": mode}}

    def require_store(self) -> None:
        """Refuse to make a new, empty store where one is to be read."""
        path = self.path
        if path is not None and path.is_dir():
            raise StorageUnavailable(
                f"{path} is a folder: {self.named} names the database file in it, such as {path}/memu.db."
            )
        where = "with --db or MEMU_DB" if self.named == "--db" else f"as {self.named}"
        if path is not None and not path.exists():
            raise StorageUnavailable(f"there is no database {path}: `memu memorize` makes one; name another {where}.")
        if path is None and self.db not in IN_RAM and not self._holds_store():
            raise StorageUnavailable(
                f"there is no memory in {self.place}: `memu memorize` makes its tables; name another database {where}."
            )

    def _holds_store(self) -> bool:
        """Whether a server's database has the tables of a store."""
        from memu.database.registry import holds_store
        from memu.settings import DatabaseConfig, parse

        return holds_store(parse(DatabaseConfig, self.config(), self.named).metadata_store)

    def service(self, *, create: bool = False) -> "MemoryService":
        """The service for this owner; the store must exist unless `create`."""
        if not create:
            self.require_store()
        from memu.app import MemoryService

        owner = self.scope.as_dict()
        return MemoryService(
            user_id=owner["user_id"],
            agent_id=owner["agent_id"],
            database_config=self.config(),
            blob_config={"resources_dir": self.folder / "resources"},
        )

    @contextmanager
    def database(
        self, *, create: bool = False, check_only: bool = False, user_model: "type[BaseModel] | None" = None
    ) -> Iterator["Database"]:
        """The operator's handle over all owners."""
        if not create:
            self.require_store()
        from memu.database.factory import build_database
        from memu.settings import DatabaseConfig, parse

        database = build_database(
            config=parse(DatabaseConfig, self.config(check_only=check_only), self.named), user_model=user_model
        )
        try:
            yield database
        finally:
            database.close()

    def set_up_logging(self) -> None:
        """Warnings of the library go to stderr; with --verbose, what it does too."""
        logger = logging.getLogger("memu")
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("memu: %(message)s"))
        logger.handlers = [handler]
        logger.setLevel(logging.INFO if self.verbose else logging.WARNING)
        logger.propagate = False

    def emit(self, value: Any) -> None:
        """Print one JSON document."""
        import orjson

        typer.echo(orjson.dumps(value, default=_as_json, option=orjson.OPT_INDENT_2).decode())

    def show(self, value: Any, *lines: str) -> None:
        """Print a result: as JSON when that is wanted, else as lines of text."""
        if self.json:
            self.emit(value)
            return
        for line in lines:
            typer.echo(visible(line))

    def confirm(self, question: str, *, yes: bool) -> None:
        """Have the user agree to something that cannot be undone; without a terminal only `--yes` does."""
        if yes:
            return
        if not sys.stdin.isatty():
            raise ConfigError(f"{question} There is no terminal to ask on: repeat it with --yes.")
        typer.confirm(question, abort=True, err=True)


def _as_json(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} is no JSON")


def visible(text: str) -> str:
    """Text without characters that would command a terminal: what somebody once typed is only ever shown."""
    return "".join(one if (one >= " " and not "\x7f" <= one <= "\x9f") or one in "\n\t" else "�" for one in text)


def one_line(text: Any) -> str:
    """A text on one line."""
    return " ".join(str(text).split())


def short(record_id: str) -> str:
    """As much of an id as tells records apart on a screen; every command takes it for the whole."""
    return record_id[:8]


def day(item: Mapping[str, Any]) -> str:
    """When a memory happened or was said."""
    when = item.get("happened_at") or item.get("said_at") or item.get("created_at")
    return f"{when:%Y-%m-%d}" if when else ""


def settings_of(pairs: list[str], option: str) -> dict[str, Any]:
    """`key=value` pairs as a mapping; a value that is JSON is taken as such, any other as text."""
    import orjson

    found: dict[str, Any] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator or not key.strip():
            raise typer.BadParameter(f"{pair!r}: expected key=value", param_hint=option)
        try:
            found[key.strip()] = orjson.loads(value)
        except orjson.JSONDecodeError:
            found[key.strip()] = value
    return found


def filters_of(pairs: list[str]) -> dict[str, Any]:
    """Filters as the library takes them: only metadata may be other than text, `__in` takes a list or commas."""
    where = settings_of(pairs, "--where")
    for pair in pairs:
        key, _, value = pair.partition("=")
        name = key.strip()
        if name.partition("__")[0] in CORE_FIELDS:
            raise typer.BadParameter("whose memory is meant is said with --user and --agent", param_hint="--where")
        if name.endswith("__in") and not isinstance(where[name], list):
            where[name] = value.split(",")
        elif not name.startswith("metadata.") and not name.endswith("__in"):
            where[name] = value
    return where
