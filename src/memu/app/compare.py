"""What a scope already knows of a source: nothing, all of it, its beginning, parts of it, or an earlier version."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from memu.backends.base import Condition, Row, equals
from memu.backends.schema import RESOURCES, TEXTS
from memu.database.unit import ScopedReader
from memu.sources.base import Source
from memu.sources.hashing import digest

Status = Literal["created", "unchanged", "extended", "replaced", "new_version"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a `memorize` has to do.

    Attributes:
        status: how the source stands to what the scope holds.
        url: the source's URL, or the one it is given.
        resource: the row that is unchanged, extended or replaced; None for a new source or version.
        first: the position of the first message that is new.
        known: message hashes of the resource's present version, in order.
        version: the number of the version that this makes, if it makes one.
    """

    status: Status
    url: str
    resource: Row | None = None
    first: int = 0
    known: tuple[str, ...] = ()
    version: int = 1

    def still(self, other: "Plan") -> bool:
        """Whether a plan made now comes to the same, so that the work done for it can be used."""
        mine, theirs = _state(self.resource), _state(other.resource)
        return (self.status, self.first, self.version, mine) == (other.status, other.first, other.version, theirs)


def _state(row: Row | None) -> tuple[Any, ...] | None:
    return (row["id"], row["content_hash"], row["version"]) if row else None


def compare(reader: ScopedReader, source: Source) -> Plan:
    """Look the source up in the scope, by its URL and by the rolling hashes of its messages."""
    url = source.url or f"memu:{source.modality}/{source.hashes[-1][:32]}"
    same = reader.find(RESOURCES, equals(content_hash=source.hashes[-1], superseded_by=None), limit=1)
    if same:
        return Plan("unchanged", same[0]["url"], same[0], len(source.messages))
    held = reader.find(RESOURCES, equals(url_hash=digest(url)), order=("-version",))
    if held and source.url is None:  # the name tells how the conversation began, and it has only grown since
        return Plan("unchanged", url, held[0], len(source.messages))
    return _compare_versions(reader, source, url, held) if held else _compare_nameless(reader, source, url)


def _compare_nameless(reader: ScopedReader, source: Source, url: str) -> Plan:
    """A conversation goes on where the longest known beginning of it ends that was given without a URL."""
    if source.modality != "conversation":
        return Plan("created", url)
    position = {value: index for index, value in enumerate(source.hashes)}
    found = reader.find(RESOURCES, [Condition("content_hash", "in", source.hashes), *equals(superseded_by=None)])
    beginnings = [row for row in found if row["extra"].get("nameless")]
    if not beginnings:
        # Its name says what a conversation was when it was first given; it may have gone on since.
        grown = [] if source.url else reader.find(RESOURCES, equals(url_hash=digest(url)), limit=1)
        return Plan("unchanged", url, grown[0], len(source.messages)) if grown else Plan("created", url)
    longest = max(beginnings, key=lambda row: position[row["content_hash"]])
    name = source.url or longest["url"]
    return Plan("extended", name, longest, position[longest["content_hash"]] + 1, version=longest["version"])


def _compare_versions(reader: ScopedReader, source: Source, url: str, held: list[Row]) -> Plan:
    """Against the versions of the URL that hold: one that goes on, else the one with most in common, else neither."""
    following = held[0]["version"] + 1
    best: tuple[int, Plan] = (0, Plan("new_version", url, version=following))
    for row in (row for row in held if row["superseded_by"] is None):
        known = _hashes(reader, row)
        if known and len(known) < len(source.hashes) and row["content_hash"] == source.hashes[len(known) - 1]:
            return Plan("extended", url, row, len(known), known, row["version"])
        common = len(set(known) & set(source.message_hashes))
        if common > best[0]:
            best = (common, Plan("replaced", url, row, 0, known, following))
    return best[1]


def _hashes(reader: ScopedReader, row: Row) -> tuple[str, ...]:
    kept = reader.get(TEXTS, equals(id=row["id"]), ("messages",))
    messages: Iterable[dict[str, Any]] = kept["messages"] if kept else ()
    return tuple(message["hash"] for message in messages)
