"""Facts that change: which item holds, which one took its place and when; and statements that come again."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from memu.backends.base import Condition, Row, Where, equals
from memu.backends.schema import ITEMS
from memu.database.operations import Recording
from memu.database.rows import LIVE, delete_items, keep_history, mark_stale
from memu.database.store import Store
from memu.database.unit import ScopedWriter
from memu.errors import NotFoundError
from memu.extract.attributes import differ
from memu.extract.base import Fact
from memu.sources.hashing import digest, normalized

COUNT, LAST = "reinforcement_count", "last_reinforced_at"
"""Where an item's `extra` says how often its words came again, and when last."""

REPEATS = "repeats"
"""Where the `extra` of an item names the older one that it was found to say again."""

Ends = dict[str, tuple[datetime, str]]
"""For an item: since when it holds no longer, and the item that took its place."""


def fact_columns(fact: Fact | None) -> Row:
    """The columns that keep a fact, and the key by which others of its subject and attribute are found."""
    if fact is None:
        return {"fact": {}, "fact_key": None}
    return {"fact": fact.as_dict(), "fact_key": digest(fact.subject.casefold(), fact.attribute)}


def text_hash(summary: str, speaker: str | None, heading: str | None = None) -> str:
    """The identity of a statement, whenever it is made: who says it, under which heading, the normalised words."""
    return digest(speaker or "", heading or "", normalized(summary))


def held_since(said_at: datetime | None, made_at: datetime) -> datetime:
    """Since when a new statement holds: a time to come counts as the present one, since it is said already."""
    return made_at if said_at is None else min(said_at, made_at)


def began(row: Mapping[str, Any]) -> datetime:
    """Since when an item holds: when it was said, else when it was made."""
    since: datetime = row["valid_from"] or row["said_at"] or row["created_at"]
    return since


def settle(rows: Iterable[Mapping[str, Any]]) -> Ends:
    """What the statements of one subject's attribute make of each other, whatever order they came to be known in.

    Each holds from its beginning until the next one that says another value; of equal beginnings the one that was made
    later is the later one, but statements of one message never exclude each other.
    """
    ends: Ends = {}
    waiting: dict[str, list[Mapping[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: (began(row), row["created_at"], row["id"])):
        attribute, value = row["fact"].get("attribute", ""), row["fact"].get("value", "")
        for other in [one for one in waiting if differ(attribute, one, value)]:
            same = [one for one in waiting[other] if _of_one_message(one, row)]
            ends |= {one["id"]: (began(row), row["id"]) for one in waiting[other] if one not in same}
            waiting[other] = same
        waiting = {one: held for one, held in waiting.items() if held}
        waiting.setdefault(value, []).append(row)
    return ends


def _of_one_message(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return bool(
        one["resource_id"] and one["resource_id"] == other["resource_id"] and one["message_ids"] == other["message_ids"]
    )


_COLUMNS = ("id", "fact", "resource_id", "message_ids", "said_at", "created_at", "valid_from", "valid_to", "fact_key")


def settle_facts(
    writer: ScopedWriter,
    store: Store,
    keys: Iterable[str | None],
    recording: Recording,
    *,
    freed: Iterable[Row] = (),
) -> list[str]:
    """Bring the statements of some attributes into order; the ids of those that hold no longer because of it.

    An end only ever moves to an earlier time: nothing that somebody else decided is taken back. The rows of `freed`
    have lost what ended them: each ends by another statement, or holds again.
    """
    free = {row["id"]: row for row in freed}
    wanted = tuple({key for key in (*keys, *(row["fact_key"] for row in free.values())) if key})
    groups: dict[str, list[Row]] = {}
    held = writer.find(ITEMS, [Condition("fact_key", "in", wanted)], columns=_COLUMNS) if wanted else []
    for row in held:
        groups.setdefault(row["fact_key"], []).append(row)
    found = {one: end for rows in groups.values() for one, end in settle(rows).items()}
    known = {row["id"]: row["valid_to"] for row in held if row["id"] not in free and row["valid_to"] is not None}
    ends = {one: end for one, end in found.items() if one not in known or end[0] < known[one]}
    _reopen(writer, store, [row for one, row in free.items() if one not in ends], recording)
    as_they_were = {one for one, row in free.items() if ends.get(one) == (row["valid_to"], row["superseded_by"])}
    return end_items(writer, store, {one: end for one, end in ends.items() if one not in as_they_were}, recording)


def _reopen(writer: ScopedWriter, store: Store, rows: Sequence[Row], recording: Recording) -> None:
    """Let items hold again, with history."""
    if not rows:
        return
    ids = tuple(row["id"] for row in rows)
    recording.changed(ITEMS, rows)
    keep_history(writer, store, "reopen", rows)
    mark_stale(writer, ids)
    open_again = {"valid_to": None, "superseded_by": None, "updated_at": store.now()}
    writer.update(ITEMS, open_again, [Condition("id", "in", ids)])


def settle_changed(writer: ScopedWriter, store: Store, before: Row, after: Row, recording: Recording) -> list[str]:
    """Settle anew what an item whose fact changes ended by its former fact, and what it ends by its new one."""
    key, freed = before["fact_key"], []
    if key and (key, before["fact"]) != (after.get("fact_key", key), after.get("fact", before["fact"])):
        same = writer.find(ITEMS, equals(fact_key=key, superseded_by=before["id"]))
        freed = [row for row in same if row["id"] != before["id"]]
    return settle_facts(writer, store, [after.get("fact_key")], recording, freed=freed)


def take_away(writer: ScopedWriter, store: Store, where: Where, recording: Recording) -> list[str]:
    """Delete items for good; what they ended ends by another statement, or holds again. Returns the deleted ids."""
    ids = tuple(row["id"] for row in writer.find(ITEMS, where, columns=("id",)))
    if not ids:
        return []
    gone = delete_items(writer, [Condition("id", "in", ids)])
    settle_facts(writer, store, (), recording, freed=writer.find(ITEMS, [Condition("superseded_by", "in", ids)]))
    return gone


def end_items(writer: ScopedWriter, store: Store, ends: Ends, recording: Recording) -> list[str]:
    """Let items hold no longer, with history; their categories' summaries are to be made anew. Returns their ids."""
    if not ends:
        return []
    ids = tuple(ends)
    rows = writer.find(ITEMS, [Condition("id", "in", ids)])
    recording.changed(ITEMS, rows)
    keep_history(writer, store, "supersede", [row for row in rows if not recording.made(row["id"])])
    mark_stale(writer, ids)
    now = store.now()
    changes = [{"id": one, "valid_to": end, "superseded_by": by, "updated_at": now} for one, (end, by) in ends.items()]
    writer.update_each(ITEMS, changes)
    return list(ids)


def supersede(writer: ScopedWriter, store: Store, pairs: Iterable[tuple[str, Row]], recording: Recording) -> list[str]:
    """Carry out decisions of an extractor: the items of each pair, an id and the row of a new item, exclude each other.

    The one that was said first holds until the other began, whichever of them became known first; an end that is there
    stays. Returns the ids of those that hold no longer.

    Raises:
        NotFoundError: this scope holds no such item; nothing is to be kept of the call.
    """
    decided = [(one, row) for one, row in pairs if one != row["id"]]
    held = _held(writer, (one for one, _ in decided))
    if missing := {one for one, _ in decided} - held.keys():
        raise NotFoundError(f"there is no memory item {min(missing)!r} in this scope that could be superseded.")
    ends: Ends = {}
    for one, row in decided:
        first, second = sorted((held[one], row), key=began)
        end = (began(second), second["id"])
        if first["valid_to"] is None and (first["id"] not in ends or end < ends[first["id"]]):
            ends[first["id"]] = end
    return end_items(writer, store, ends, recording)


def _held(writer: ScopedWriter, ids: Iterable[str]) -> dict[str, Row]:
    named = tuple(set(ids))
    return {row["id"]: row for row in writer.find(ITEMS, [Condition("id", "in", named)])} if named else {}


def mark_repeats(writer: ScopedWriter, pairs: Iterable[tuple[str, Row]]) -> dict[str, str]:
    """Carry out decisions of an extractor: the new item of each pair says what the item of that id says already.

    Called before the rows are put. Each stays an item of its own, as equal words do, and names the older one: what a
    model takes for the same need not be the same. Decisions about what is gone, holds no longer or was said later are
    passed over. Returns the older item's id for that of each new one.
    """
    decided = list(pairs)
    held, marked = _held(writer, (one for one, _ in decided)), {}
    for one, row in decided:
        known = held.get(one)
        if known is not None and known["valid_to"] is None and began(known) <= began(row):
            row["extra"] = {**row["extra"], REPEATS: one}
            marked[row["id"]] = one
    return marked


def reinforce(
    writer: ScopedWriter,
    store: Store,
    rows: Sequence[Row],
    recording: Recording,
    known: Mapping[str, str] | None = None,
) -> list[str]:
    """Count statements that come again on the oldest item that says the same and still holds. Returns those items' ids.

    Called before the new rows are put; each of them stays an item of its own, with its own message and time. `known`
    has, for the ids of rows, the items that `mark_repeats` has found: one message counts once for each of these.
    """
    named = known or {}
    counts = Counter(row["text_hash"] for row in rows if row["id"] not in named)
    found: dict[str, Row] = {}
    for row in writer.find(ITEMS, [Condition("text_hash", "in", tuple(counts)), *LIVE], order=("created_at", "id")):
        found.setdefault(row["text_hash"], row)
    places = {(named[row["id"]], tuple(row["message_ids"])) for row in rows if row["id"] in named}
    again = Counter(one for one, _ in places)
    again.update({row["id"]: counts[key] for key, row in found.items()})
    held = _held(writer, again)
    recording.changed(ITEMS, held.values())
    now = store.now().isoformat()
    changes = [
        {"id": one, "extra": {**row["extra"], COUNT: int(row["extra"].get(COUNT, 0)) + again[one], LAST: now}}
        for one, row in held.items()
    ]
    if changes:
        writer.update_each(ITEMS, changes)
    for row in rows:  # the first of several equal ones that are all new counts the others
        if counts.get(row["text_hash"], 0) > 1 and row["text_hash"] not in found:
            row["extra"] = {**row["extra"], COUNT: counts.pop(row["text_hash"]) - 1, LAST: now}
    return list(again)
