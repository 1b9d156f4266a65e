"""The DSN of a MongoDB database: what it names, and how it may be shown."""

from collections.abc import Hashable
from hashlib import sha256
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from memu import errors
from memu.backends.dialects import ENCODED, EXAMPLES, SECRET

SCHEMES = ("mongodb", "mongodb+srv")
PORT = 27017
HIDDEN = (*SECRET, "properties")
"""What an option that must not be shown has in its name."""


class Address:
    """One database on a server or a replica set.

    Raises:
        ConfigError: it is no DSN of MongoDB, or names no database.
    """

    name = "mongodb"
    most_scope_fields = None

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        try:
            self._url: SplitResult = urlsplit(dsn)
        except ValueError:
            raise self._unreadable() from None
        if self._url.scheme not in SCHEMES or not self._hosts:
            raise self._unreadable()
        self.database = unquote(self._url.path.removeprefix("/"))
        if not self.database or set(self.database) & set('/\\. "$\0@') or "@" in self._url.query:
            raise errors.ConfigError(
                f"the dsn names no database of MongoDB after its host: expected one such as {EXAMPLES[self.name]}; "
                f"{ENCODED}."
            )

    @staticmethod
    def _unreadable() -> errors.ConfigError:
        return errors.ConfigError(
            f"the dsn is no address of MongoDB: expected mongodb://…, such as {EXAMPLES['mongodb']} (not shown: it may "
            "hold a password)."
        )

    @property
    def _hosts(self) -> list[str]:
        hosts = self._url.netloc.rpartition("@")[2]
        return [host if self._has_port(host) else f"{host}:{PORT}" for host in hosts.split(",") if host]

    def _has_port(self, host: str) -> bool:
        return ":" in host.rpartition("]")[2] or self._url.scheme != SCHEMES[0]

    @property
    def user(self) -> str:
        """Who connects; "" for nobody."""
        return unquote(self._url.netloc.rpartition("@")[0].partition(":")[0])

    @property
    def place(self) -> str:
        """Hosts, ports and database, as errors say it: never a password."""
        return f"{','.join(self._hosts)}/{self.database}"

    @property
    def identity(self) -> Hashable:
        """What stores on the same database have in common."""
        return sha256(f"{self.name} {','.join(sorted(self._hosts))}/{self.database}".encode()).hexdigest()

    def shown(self) -> str:
        """The DSN without its password, or anything like one."""
        who = f"{self._url.netloc.rpartition('@')[0].partition(':')[0]}:***@" if self.user else ""
        hosts = self._url.netloc.rpartition("@")[2]
        options = [(name, "hidden" if _is_secret(name) else value) for name, value in parse_qsl(self._url.query)]
        return self._url._replace(netloc=who + hosts, query=urlencode(options)).geturl()

    def option_names(self) -> list[str]:
        """The names of the options after the question mark, so far as they are words: others may be secret."""
        names = [name for name, _ in parse_qsl(self._url.query, keep_blank_values=True)]
        return [name for name in names if name.isascii() and name.isalpha()]

    def describe(self) -> dict[str, Any]:
        """The provider and the DSN, without any secret."""
        return {"provider": self.name, "dsn": self.shown()}


def _is_secret(name: str) -> bool:
    return any(part in name.casefold() for part in HIDDEN)
