"""What a scope already knows of a source: nothing, all of it, its beginning, parts of it, or an earlier version."""

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
        resource: the row that is unchanged, extended, replaced or followed; None for a new source.
        first: the position of the first message that is new.
        known: message hashes of the resource's present version, in order (for "replaced").
    """

    status: Status
    url: str
    resource: Row | None = None
    first: int = 0
    known: tuple[str, ...] = ()

    def still(self, other: "Plan") -> bool:
        """Whether a plan made now comes to the same, so that the work done for it can be used."""
        return (self.status, self.first, _state(self.resource)) == (other.status, other.first, _state(other.resource))


def _state(row: Row | None) -> tuple[Any, ...] | None:
    return (row["id"], row["content_hash"], row["version"]) if row else None


def compare(reader: ScopedReader, source: Source) -> Plan:
    """Look the source up in the scope, by its URL and by the rolling hashes of its messages."""
    url = source.url or f"memu:{source.modality}/{source.hashes[-1][:32]}"
    same = reader.find(RESOURCES, equals(content_hash=source.hashes[-1], superseded_by=None), limit=1)
    if same:
        return Plan("unchanged", same[0]["url"], same[0], len(source.messages))
    if source.url is None:
        return _compare_nameless(reader, source, url)
    held = reader.find(RESOURCES, equals(url_hash=digest(url)), order=("-version",), limit=1)
    if not held:
        return Plan("created", url)
    return _compare_versions(reader, source, url, held[0])


def _compare_nameless(reader: ScopedReader, source: Source, url: str) -> Plan:
    """A conversation given without a URL goes on where the longest known beginning of it ends."""
    if source.modality != "conversation":
        return Plan("created", url)
    position = {value: index for index, value in enumerate(source.hashes)}
    beginnings = [
        row
        for row in reader.find(
            RESOURCES, [Condition("content_hash", "in", source.hashes), *equals(superseded_by=None, local_path="")]
        )
        if row["extra"].get("nameless")
    ]
    if not beginnings:
        return Plan("created", url)
    longest = max(beginnings, key=lambda row: position[row["content_hash"]])
    return Plan("extended", longest["url"], longest, position[longest["content_hash"]] + 1)


def _compare_versions(reader: ScopedReader, source: Source, url: str, held: Row) -> Plan:
    kept = reader.get(TEXTS, equals(id=held["id"]), ("messages",))
    known = tuple(message["hash"] for message in kept["messages"]) if kept else ()
    if known and held["content_hash"] == source.hashes[min(len(known), len(source.hashes)) - 1]:
        return Plan("extended", url, held, len(known), known)
    if set(known) & set(source.message_hashes):
        return Plan("replaced", url, held, 0, known)
    return Plan("new_version", url, held, 0, known)
