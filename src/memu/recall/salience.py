"""Salience: what was said often and lately comes before what is only like the question."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from memu.recall.base import Hit, Query
from memu.recall.ranking import DECIMALS

WEIGHED = 1000
"""Of the entries most like the question so many are weighed."""

REPEATED, LAST = "reinforcement_count", "last_reinforced_at"
"""The keys of an item's `extra`: how often it was said again, and when that was last."""

DAY = 86_400.0


def reinforcement(extra: Mapping[str, Any]) -> dict[str, Any]:
    """What an index keeps of an item's `extra` to weigh it; anything else that stands there counts for nothing."""
    count, last = extra.get(REPEATED), _time(extra.get(LAST))
    repeated = isinstance(count, int) and not isinstance(count, bool) and count > 0
    return {**({"repeated": count} if repeated else {}), **({"repeated_at": last} if last else {})}


def _time(value: Any) -> datetime | None:
    try:
        told = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def salience(fields: Mapping[str, Any], now: datetime, half_life: float) -> float:
    """By how much an entry's score is weighed: `ln(1 + n) * 0.5 ** (days / half_life)`.

    Args:
        fields: of the entry: how often it was said again, and when last; else when it was stored.
        now: the present time.
        half_life: in days.
    """
    last = fields.get("repeated_at") or fields["created_at"]
    days = max((now - last).total_seconds(), 0.0) / DAY
    times = 1 + min(fields.get("repeated", 0), 10**9)
    return float(math.log1p(times) * 0.5 ** (days / half_life))


def weighed(hits: Sequence[Hit], fields: Sequence[Mapping[str, Any]], query: Query) -> list[Hit]:
    """The best hits by their scores times what `query.weigh` says of their fields; equal ones by id."""
    if query.weigh is None:
        return list(hits)
    weights = [query.weigh(one) for one in fields]
    heavier = [_times(hit, weight) for hit, weight in zip(hits, weights, strict=True)]
    return sorted(heavier, key=lambda hit: (-hit.score, hit.id))[: query.top_k]


def _times(hit: Hit, weight: float) -> Hit:
    parts = {name: round(share * weight, DECIMALS) for name, share in hit.parts.items()}
    return replace(hit, score=round(hit.score * weight, DECIMALS), parts=parts, relevance=hit.score)
