"""What models read and wrote, how long it took and what it cost: for each step, user and agent, in bounded memory."""

from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from memu.endpoints import PriceConfig
from memu.forked import Lock
from memu.llm.base import Call, Operation, Tokens

NO_TOKENS = Tokens()


@dataclass(frozen=True, slots=True)
class Usage:
    """One request to a model; `cost` is None where no price is known, `error` names what went wrong."""

    operation: Operation
    profile: str
    model: str
    step: str
    user: str | None
    agent: str | None
    tokens: Tokens
    seconds: float
    cost: float | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """Many requests together; `unpriced` of them have no known price, and are not in `cost`."""

    requests: int = 0
    failed: int = 0
    tokens: Tokens = NO_TOKENS
    seconds: float = 0.0
    cost: float = 0.0
    unpriced: int = 0

    def plus(self, one: Usage) -> "Total":
        """With one request more."""
        return self + Total(
            requests=1,
            failed=int(one.error is not None),
            tokens=one.tokens,
            seconds=one.seconds,
            cost=one.cost or 0.0,
            unpriced=int(one.cost is None),
        )

    def __add__(self, other: "Total") -> "Total":
        return Total(
            self.requests + other.requests,
            self.failed + other.failed,
            self.tokens + other.tokens,
            self.seconds + other.seconds,
            self.cost + other.cost,
            self.unpriced + other.unpriced,
        )


@dataclass(frozen=True, slots=True)
class Key:
    """By what requests are summed up."""

    profile: str
    model: str
    step: str
    user: str | None
    agent: str | None


OTHERS = Key("", "", "", None, None)
"""Under which the sums stand that there was no room for."""


class UsageLog:
    """The last requests one by one, and sums over all; in bounded memory, and safe in several threads.

    Args:
        records: how many requests are kept one by one.
        keys: for how many combinations of profile, model, step, user and agent a sum is kept; the sums of those that
            were not used for the longest time are added up under `OTHERS`, so that nothing is missing from the whole.
    """

    def __init__(self, records: int = 1000, keys: int = 10_000) -> None:
        self._records: deque[Usage] = deque(maxlen=records)
        self._sums: OrderedDict[Key, Total] = OrderedDict()
        self._others = Total()
        self._keys = keys
        self._lock = Lock()

    def add(self, one: Usage) -> None:
        """Count one request."""
        key = Key(one.profile, one.model, one.step, one.user, one.agent)
        with self._lock:
            self._records.append(one)
            self._sums[key] = self._sums.get(key, Total()).plus(one)
            self._sums.move_to_end(key)
            if len(self._sums) > self._keys:
                self._others += self._sums.popitem(last=False)[1]

    def records(self) -> list[Usage]:
        """The last requests, oldest first."""
        with self._lock:
            return list(self._records)

    def totals(self) -> dict[Key, Total]:
        """The sums, by what they are summed up by."""
        with self._lock:
            others = {OTHERS: self._others} if self._others.requests else {}
            return {**self._sums, **others}

    def total(self, **where: str | None) -> Total:
        """The sum over all, or over those whose `profile`, `model`, `step`, `user` or `agent` is the one given."""
        return sum(self._matching(where), Total())

    def _matching(self, where: Mapping[str, str | None]) -> Iterator[Total]:
        for key, total in self.totals().items():
            if all(getattr(key, name) == value for name, value in where.items()):
                yield total

    def forget(self, user: str | None, agent: str | None = None) -> None:
        """Take a user's name off all that is kept, or that of the user's one agent; the sums over all stay."""
        with self._lock:
            kept = [replace(one, user=None, agent=None) if _is(one, user, agent) else one for one in self._records]
            self._records.clear()
            self._records.extend(kept)
            for key in [key for key in self._sums if _is(key, user, agent)]:
                self._others += self._sums.pop(key)


def _is(one: Usage | Key, user: str | None, agent: str | None) -> bool:
    return one.user == user and agent in (None, one.agent)


def priced(
    prices: Mapping[str, PriceConfig],
    operation: Operation,
    profile: str,
    model: str,
    call: Call,
    tokens: Tokens,
    seconds: float,
    error: BaseException | None = None,
) -> Usage:
    """The record of one request, with its price; one that failed costs nothing that anybody knows of."""
    price = prices.get(model)
    cost = (tokens.input * price.input + tokens.output * price.output) / 1_000_000 if price and not error else None
    told = type(error).__name__ if error else None
    return Usage(operation, profile, model, call.step, call.user, call.agent, tokens, seconds, cost, told)
