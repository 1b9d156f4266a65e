"""Memories from one store into another, with proof: every row is read back from the target and compared."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from hashlib import sha256
from itertools import groupby
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import orjson

from memu.backends.base import Condition, Row
from memu.backends.tables import Kind, Table
from memu.database.portable import (
    Imported,
    Progress,
    batches,
    export_memory,
    given_to,
    import_memory,
    target_owner,
)
from memu.database.portable_lines import DERIVED, ExportReader, Line
from memu.database.store import Store
from memu.database.unit import ScopedReader
from memu.errors import ConfigError, VerificationError
from memu.scope import Scope

if TYPE_CHECKING:
    from memu.database.core import Database


@dataclass(frozen=True, slots=True)
class Verified:
    """The rows of one table and owner of the target that were found to be those of the source.

    The checksum is the SHA-256 of the rows in the order of their ids, written the same way whatever keeps them:
    vectors in single precision, times in UTC with microseconds.
    """

    table: str
    owner: Scope
    rows: int
    checksum: str


class Transferred(dict[str, int]):
    """How many rows of each table were added.

    `present` has those that were there already, `verified` what was compared.
    """

    def __init__(self, done: Imported, verified: tuple[Verified, ...]) -> None:
        super().__init__(done.added)
        self.present = dict(done.present)
        self.verified = verified


def transfer(
    source: "Database",
    target: "Database",
    *,
    into: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Transferred:
    """Copy the memory of a handle's owner, or of all owners, as it is at one moment; see `Database.transfer`."""
    check_fields(source.handle, target.handle)
    stages = _Stages(progress)
    with tempfile.TemporaryFile() as file:
        export_memory(source, file, progress=stages.next())
        file.seek(0)
        done = import_memory(target, file, into=into, progress=stages.next())
        file.seek(0)
        verified = verify(target, file, into=into, progress=stages.next(), total=_sum(done))
    return Transferred(done, verified)


def _sum(done: Imported) -> int:
    return sum(done.added.values()) + sum(done.present.values())


@dataclass(slots=True)
class _Stages:
    """One progress of the three stages: each row is read, written and compared."""

    told: Progress | None
    stage: int = -1

    def next(self) -> Progress | None:
        """The progress of the next stage."""
        self.stage += 1
        tell, stage = self.told, self.stage
        return (lambda done, total: tell(stage * total + done, 3 * total)) if tell else None


def check_fields(source: Store, target: Store) -> None:
    """Refuse a target that cannot tell the source's owners apart."""
    if missing := [name for name in source.scope_fields if name not in target.scope_fields]:
        raise ConfigError(
            f"the source tells owners apart by {missing[0]!r} too, which the target has not: open the target with a "
            f"user model that has the field {missing[0]!r}. Nothing was transferred."
        )


def same_place(one: Store, other: Store) -> bool:
    """Whether two stores are the same database, as far as their addresses tell."""
    first, second = one.records.origin, other.records.origin
    if one is other or first is None or second is None:
        return one is other
    if first.identity is None or second.identity is None:
        return False
    return bool(first.identity == second.identity or (first.name, first.place) == (second.name, second.place))


def verify(
    target: "Database",
    file: IO[bytes],
    *,
    into: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    total: int = 0,
) -> tuple[Verified, ...]:
    """Compare what an export holds with what a store holds, by counts and checksums of each table and owner.

    Raises:
        VerificationError: rows are missing in the store or differ; the table and the owner are named.
    """
    store, found, done = target.handle, [], 0
    lines = ExportReader(file, store.records.schema)
    owner = target_owner(target, lines.header, into)
    with store.reader(None) as reader:
        for (name, scope), batch_group in groupby(batches(lines.lines()), lambda one: (one[0].table, one[0].scope)):
            pair = _Pair(store.records.schema.table(name), owner or scope)
            for batch in batch_group:
                pair.compare(reader, batch)
                done += len(batch)
                if progress:
                    progress(done, total)
            found.append(pair.verified())
    return tuple(found)


@dataclass(slots=True)
class _Pair:
    """The rows of one table and owner on both sides."""

    table: Table
    owner: Scope
    expected: Any = field(default_factory=sha256)
    held: Any = field(default_factory=sha256)
    counts: list[int] = field(default_factory=lambda: [0, 0])

    def compare(self, reader: ScopedReader, batch: list[Line]) -> None:
        """Take in some rows, as they were sent and as they are kept."""
        rows = {line.row["id"]: given_to(self.owner, line) for line in batch}
        kept = ScopedReader(reader.transaction, self.owner).find(self.table.name, [Condition("id", "in", tuple(rows))])
        for digest, side, some in ((self.expected, 0, rows.values()), (self.held, 1, kept)):
            self.counts[side] += len(some)
            for row in sorted(some, key=lambda row: str(row["id"])):
                digest.update(canonical(self.table, row, self.owner))

    def verified(self) -> Verified:
        """What was compared; raises when it is not the same."""
        sent, kept = self.counts
        sums = self.expected.hexdigest(), self.held.hexdigest()
        if sent != kept or sums[0] != sums[1]:
            what = f"{kept} of the {sent} rows that were sent" if sent != kept else "other values than were sent"
            raise VerificationError(
                f"the target's table {self.table.name} of {self.owner} holds {what} (checksums {sums[0][:12]} and "
                f"{sums[1][:12]}): does somebody else write there? Transfer again.",
                table=self.table.name,
                owner=self.owner.as_dict(),
            )
        return Verified(self.table.name, self.owner, kept, sums[0])


def canonical(table: Table, row: Row, owner: Scope) -> bytes:
    """A row as one line, the same from every store: without its owner and what a store counts by itself."""
    left_out = DERIVED | owner.as_dict().keys()
    plain = {one.name: _plain(one.kind, row[one.name]) for one in table.columns if one.name not in left_out}
    return orjson.dumps(plain, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_SORT_KEYS) + b"\n"


def _plain(kind: Kind, value: Any) -> Any:
    if value is None:
        return None
    if kind is Kind.VECTOR:
        return np.asarray(value, dtype=np.float32) + np.float32(0)  # which makes -0 a 0
    return value.astimezone(UTC).isoformat(timespec="microseconds") if kind is Kind.TIME else value


def checksums(database: "Database") -> tuple[Verified, ...]:
    """The counts and checksums of what a store holds, of its handle's owner or of all."""
    with tempfile.TemporaryFile() as file:
        export_memory(database, file)
        file.seek(0)
        return verify(database, file)
