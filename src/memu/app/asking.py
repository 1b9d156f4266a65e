"""Asking language models in `memorize`: what one call may use, what it used, and when the rules do it instead."""

import asyncio
import logging
from bisect import bisect_right
from collections.abc import Awaitable, Iterable, Sequence, Set
from dataclasses import dataclass, replace
from typing import TypeVar

from pydantic import BaseModel

from memu.app.compare import Plan
from memu.app.similar import similar
from memu.app.spending import Spending
from memu.app.wiring import Parts
from memu.errors import (
    InterceptorError,
    ModelAnswerCut,
    ModelError,
    ModelForbidden,
    ModelKeyMissing,
    ModelRefused,
    ModelTimeout,
    ModelUnavailable,
)
from memu.extract.base import ExtractedItem, Extraction
from memu.extract.model_items import ModelReader, Read, limit_replaced
from memu.extract.summaries import CAPTION_LENGTH
from memu.extract.windows import Window, cut_windows, halves
from memu.llm.base import ChatModel, Message
from memu.sources.base import Source
from memu.sources.hashing import normalized

logger = logging.getLogger("memu.app")

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

FAULTS = (ModelKeyMissing, ModelForbidden, InterceptorError)
"""What is to be mended by whoever configured the service: the rules would only hide it."""

OF_THE_SETTINGS = ("model", "address", "account")
"""What an endpoint refuses whatever it is asked."""


def is_fault(error: ModelError) -> bool:
    """Whether an error is one of the settings, so that no later call would do better."""
    return isinstance(error, FAULTS) or (isinstance(error, ModelRefused) and error.about in OF_THE_SETTINGS)


OUTAGES = (ModelUnavailable, ModelTimeout)
ENOUGH = 2
"""After how many outages in a row a `memorize` asks no more: each may have taken minutes."""

HALVED = 2
"""How often a part whose answer was cut off is parted once more."""

AT_ONCE = 4
"""How many parts of one source are asked about at once."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Why a model did not answer, so that the rules have to do; `cut` says that it had too much to say."""

    reason: str
    cut: bool = False


@dataclass
class Asking:
    """What one `memorize` asks of language models."""

    parts: Parts
    spending: Spending
    outages: int = 0
    given_up: str | None = None
    """Why no more is asked."""

    @classmethod
    def of(cls, parts: Parts, spending: Spending) -> "Asking | None":
        """None where no model is configured."""
        return cls(parts, spending) if parts.models.names else None

    def model(self, step: str) -> ChatModel:
        """The model that a step asks."""
        return self.parts.models.get(self.parts.memorize.model_steps[step])

    async def ask(self, step: str, prompt: tuple[Message, ...], schema: type[M]) -> "M | NoAnswer":
        """The answer, or why there is none.

        Raises:
            ModelError: the settings are at fault.
        """
        if self.given_up:
            return NoAnswer(self.given_up)
        try:
            answer = await self.model(step).complete(prompt, schema, call=self.spending.call(step))
        except ModelError as error:
            if is_fault(error):
                raise
            self.outages += isinstance(error, OUTAGES)
            if self.outages >= ENOUGH:
                self.given_up = f"{error} It failed {ENOUGH} times and was asked no more."
            return NoAnswer(str(error), cut=isinstance(error, ModelAnswerCut))
        self.outages = 0
        return answer.parsed


async def extract(parts: Parts, asking: Asking | None, source: Source, plan: Plan) -> Extraction:
    """The items of what is new in a source: by the model if there is one, by the rules where it fails."""
    types = parts.memorize.memory_types
    if asking is None:
        return await parts.compute(parts.extractor.extract, source, first=plan.first, memory_types=types)
    reader = ModelReader(parts.memorize)
    windows = await parts.compute(cut_windows, source, new_positions(source, plan), parts.memorize.extract_window)
    places = asyncio.Semaphore(AT_ONCE)
    found = await together(_read(asking, places, reader, source, window) for window in windows)
    reads = [one for group in found for one in group]
    if reads and all(read.failed for _, read in reads):
        asking.given_up = asking.given_up or "the model had failed before."
    positions = sorted({position for window, read in reads if not read.items for position in window.positions})
    rules = await parts.compute(parts.extractor.extract, source, memory_types=types, positions=positions)
    return _joined(source, reads, rules)


def new_positions(source: Source, plan: Plan) -> list[int]:
    """Where the messages stand that the scope does not know."""
    known = set(plan.known) if plan.status == "replaced" else set()
    return [at for at in range(plan.first, len(source.messages)) if source.message_hashes[at] not in known]


async def together(calls: Iterable[Awaitable[T]]) -> list[T]:
    """Await several at once, for the results in their order; the first error ends the others, and is raised."""

    async def run(call: Awaitable[T]) -> T:
        return await call

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run(call)) for call in calls]
    except BaseExceptionGroup as errors:
        first = errors.exceptions[0]
    else:
        return [task.result() for task in tasks]
    raise first


async def _read(
    asking: Asking, places: asyncio.Semaphore, reader: ModelReader, source: Source, window: Window, depth: int = 0
) -> list[tuple[Window, Read]]:
    """What the model makes of a window, or why it makes nothing of it; in parts, where it has too much to say."""
    async with places:
        if not (depth or asking.given_up):
            window = replace(window, known=await similar(asking.parts, asking.spending.scope, source, window))
        prompt = await asking.parts.compute(reader.prompt, source, window)
        answer = await asking.ask("extract", prompt, reader.schema(window))
    if not isinstance(answer, NoAnswer):
        return [(window, await asking.parts.compute(reader.read, source, window, answer))]
    if not answer.cut or depth == HALVED or len(window.pieces) == 1:
        return [(window, Read(failed=answer.reason))]
    parts = [await _read(asking, places, reader, source, half, depth + 1) for half in halves(source, window)]
    return [one for part in parts for one in part]


def _joined(source: Source, pairs: Sequence[tuple[Window, Read]], rules: Extraction) -> Extraction:
    """The model's items and those of the rules, in the order of the text, with all that there is to say."""
    starts = [message.start for message in source.messages]
    found = {bisect_right(starts, item.start) - 1 for item in rules.items}
    reasons, reads = [_reason(window, read, found) for window, read in pairs], [read for _, read in pairs]
    failed = [reason for reason in reasons if reason]
    warnings = [warning for read in reads for warning in read.warnings]
    if failed:
        told = f"{len(failed)} of {len(pairs)} parts of the source were read by the rules: {_all(failed)}"
        logger.warning("memorize: %s", told)
        warnings.append(told)
    said = _once(reads)
    warnings += limit_replaced(said)
    items = sorted([*rules.items, *said], key=lambda item: (item.start, item.end))
    counts = {"model": len(pairs) - len(failed), "rules": len(failed)}
    return Extraction(items, _caption(reads) or rules.caption, warnings, counts)


def _reason(window: Window, read: Read, found: Set[int]) -> str | None:
    """Why the rules' items of a window are taken; None where the model's are, or where there is nothing to take."""
    if read.failed is None and not read.items and found & window.positions:
        return "the model found nothing that can be used, and the rules did."
    return read.failed


def _all(reasons: Sequence[str]) -> str:
    return " ".join(dict.fromkeys(reasons))


def _once(reads: Iterable[Read]) -> list[ExtractedItem]:
    """The items of all windows; what a window says again of the one before it is left out."""
    items: dict[str, ExtractedItem] = {}
    for read in reads:
        for item in read.items:
            items.setdefault(normalized(item.summary).casefold(), item)
    return list(items.values())


def _caption(reads: Iterable[Read]) -> str | None:
    """The captions of all windows where that is short enough, else the first."""
    captions = [read.caption for read in reads if read.caption]
    joined = " ".join(captions)
    return (joined if len(joined) <= CAPTION_LENGTH else captions[0]) or None if captions else None
