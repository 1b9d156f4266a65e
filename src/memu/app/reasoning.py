"""The steps of `retrieve` that ask a language model: rewriting, routing, judging, ranking; each only on request."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from typing import Any, TypeVar

from pydantic import BaseModel

from memu.app.inputs import Turn
from memu.app.spending import Spending
from memu.llm.models import Models
from memu.llm.prompts import build
from memu.settings import RetrieveConfig
from memu.utils.references import strip_references

Tiers = dict[str, list[dict[str, Any]]]
M = TypeVar("M", bound=BaseModel)

LAST_TURNS, LONGEST_TURN = 10, 1000
"""How much of a conversation a model is shown: so many messages, and so many characters of each."""
LONGEST_QUESTION = 500
"""What is searched of a question that a model wrote, in characters."""
LONGEST_MEMORY = 500
"""How much of a memory a model is shown, in characters."""

NOT_NEEDED = "the language model found that the question needs no memory"

REWRITE = (
    "Write the question so that it can be understood without the conversation: put names, things and dates in the "
    "place of words that point at them. Keep its language and its meaning, and answer nothing. When it needs no "
    "change, give it as it is."
)
ROUTE = (
    "Somebody asks the question at the end of the conversation. An agent can look up what it remembers of earlier "
    "conversations and documents. Say whether that is needed (needs_memory): not for greetings, thanks and small talk, "
    "for what the conversation itself answers, or for plain general knowledge; in doubt it is needed.\n\n"
    f"Then the query to look up: {REWRITE[0].lower()}{REWRITE[1:]}"
)
JUDGE = (
    "The data has a question, and what was found in a memory for it. Say whether that is sufficient to answer the "
    "question (sufficient). When it is not, write one further query that would find what is missing (next_query): in "
    "other words, or for a step that the question takes for granted. When there is no hope for more, leave it empty."
)
RANK = (
    "The data has a question, and candidates from a memory, each with an id. For each of the lists categories, items "
    "and resources, give the ids of those that help to answer the question, the most helpful first. Leave out those "
    "that do not help. Give ids that are there, nothing else."
)


class Rewritten(BaseModel):
    """The question, to be understood by itself."""

    query: str


class Route(BaseModel):
    """Whether memory is needed, and the question."""

    needs_memory: bool
    query: str


class Judgement(BaseModel):
    """Whether what was found answers, and what else to look for."""

    sufficient: bool
    next_query: str


class Choice(BaseModel):
    """The candidates that help, best first."""

    categories: list[str]
    items: list[str]
    resources: list[str]


@dataclass(slots=True)
class Found:
    """The results of one search, its signals, and how many memories there are to be found."""

    tiers: Tiers
    signals: dict[str, Any]
    size: int


Find = Callable[[str], Awaitable[Found]]


@dataclass(slots=True)
class Reasoner:
    """What the language model is asked in one retrieve, and what that came to.

    A model that fails ends the retrieve with its error: an answer without a step that was asked for would look like one
    with it.
    """

    models: Models
    settings: RetrieveConfig
    spending: Spending
    history: Sequence[Turn]
    steps: list[str] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)

    async def understand(self, question: str) -> tuple[bool, str]:
        """Whether memory is needed, and the question as it can be understood without the conversation."""
        profile = self.settings.route_intention_llm_profile
        data = {"conversation": [_turn(one) for one in self.history[-LAST_TURNS:]], "question": question}
        if self.settings.route_intention:
            route = await self._ask("route_intention", profile, ROUTE, data, Route)
            return route.needs_memory, (_query(route.query) or question) if self.history else question
        if self.settings.rewrite_query and self.history:
            rewritten = await self._ask("rewrite_query", profile, REWRITE, data, Rewritten)
            return True, _query(rewritten.query) or question
        return True, question

    async def judge(self, question: str, found: Found, limits: Mapping[str, int]) -> str | None:
        """A further query, when what was found does not answer and there is hope; else None."""
        if not self.settings.sufficiency_check or not found.size:
            return None
        shown = {name: [_memory(one) for one in tier[: limits[name]]] for name, tier in found.tiers.items()}
        instructions = self.settings.sufficiency_check_prompt.strip() or JUDGE
        profile = self.settings.sufficiency_check_llm_profile
        data = {"question": question, **shown}
        judgement = await self._ask("sufficiency_check", profile, instructions, data, Judgement)
        self.told["sufficient"] = judgement.sufficient
        return None if judgement.sufficient else _query(judgement.next_query) or None

    async def rank(self, question: str, tiers: Tiers) -> Tiers:
        """The candidates that the model names, in its order; how many it left out is told in the signals."""
        if not any(tiers.values()):
            return tiers
        named = {name: {f"{name[0]}{at}": one for at, one in enumerate(tier, 1)} for name, tier in tiers.items()}
        data = {"question": question} | {
            name: [{"id": short, **_memory(one)} for short, one in tier.items()] for name, tier in named.items()
        }
        choice = await self._ask("llm_ranking", self.settings.llm_ranking_llm_profile, RANK, data, Choice)
        chosen = {name: _chosen(getattr(choice, name), tier) for name, tier in named.items()}
        self.told["rerank_candidates"] = {name: len(tier) for name, tier in tiers.items()}
        self.told["rerank_dropped"] = {name: len(tier) - len(chosen[name]) for name, tier in tiers.items()}
        return chosen

    async def _ask(self, step: str, profile: str, instructions: str, data: Mapping[str, Any], schema: type[M]) -> M:
        call = self.spending.call(step)
        answer = await self.models.get(profile).complete(build(instructions, data), schema, call=call)
        self.steps.append(step)
        return answer.parsed

    @property
    def signals(self) -> dict[str, Any]:
        """The steps that were taken, what they told, and what they used."""
        return {"rerank": "llm_ranking" in self.steps, "steps": self.steps, **self.spending.signals, **self.told}


async def reason(reasoner: Reasoner, question: str, find: Find, limits: Mapping[str, int]) -> dict[str, Any]:
    """The answer of `retrieve` with a language model's steps.

    Args:
        reasoner: what may be asked.
        question: the user's.
        find: the search; by method "llm" it brings candidates, more than are returned.
        limits: how many results of each tier are returned; the tiers that are searched.
    """
    needed, query = await reasoner.understand(question)
    answer = {"original_query": question, "rewritten_query": query, "next_step_query": None}
    if not needed:
        off = {"dense": False, "lexical": False, "dense_off": NOT_NEEDED, "lexical_off": NOT_NEEDED}
        return {"needs_retrieval": False, **answer, **empty(), "signals": {**off, **reasoner.signals}}
    found = await find(query)
    further = await reasoner.judge(query, found, limits)
    if further is not None:
        found = merged(found, await find(further))
    tiers = found.tiers
    if reasoner.settings.method == "llm":
        tiers = await reasoner.rank(query, tiers)
    cut = {name: tier[: limits[name]] for name, tier in tiers.items()}
    told = {"needs_retrieval": True, **answer, "next_step_query": further}
    return {**told, **cut, "signals": {**found.signals, **reasoner.signals}}


def empty() -> Tiers:
    """The tiers of an answer without results."""
    return {"categories": [], "items": [], "resources": []}


def merged(first: Found, second: Found) -> Found:
    """The results of two searches, taken from both in turn, as many as the longer has; then best first."""
    tiers = {name: _merged(first.tiers[name], second.tiers[name]) for name in first.tiers}
    signals = {**second.signals, **first.signals}
    for name in ("dense", "lexical"):
        if second.signals[name]:
            signals[name] = True
            signals.pop(f"{name}_off", None)
    return Found(tiers, signals, max(first.size, second.size))


def _merged(first: Sequence[dict[str, Any]], second: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    in_turn = filter(None, chain.from_iterable(zip_longest(second, first)))
    chosen: dict[str, dict[str, Any]] = {}
    for one in in_turn:
        known = chosen.get(one["id"])
        if known is None or known["score"] < one["score"]:
            chosen[one["id"]] = one
    kept = list(chosen.values())[: max(len(first), len(second))]
    return sorted(kept, key=lambda one: (-one["score"], one["id"]))


def _chosen(ids: Iterable[str], candidates: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The candidates that are named, each once; ids that nothing has are passed over."""
    named = dict.fromkeys(one.strip() for one in ids)
    return [candidates[one] for one in named if one in candidates]


def _query(text: str) -> str:
    """What a model wrote, fit to be searched: one line, nothing that cannot be seen, not too long."""
    seen = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(seen.split())[:LONGEST_QUESTION]


def _turn(turn: Turn) -> Turn:
    return {name: shortened(text, LONGEST_TURN) for name, text in turn.items()}


def _memory(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a model is shown of an item, a category or a resource."""
    if "memory_type" in record:
        times = {"said": record["said_at"], "happened": record["happened_at"]}
        told = {"text": record["summary"], "speaker": record["speaker"]}
        told |= {name: f"{at:%Y-%m-%d}" for name, at in times.items() if at}
    elif "url" in record:
        told = {"text": record["caption"] or record["url"]}
    else:
        told = {"text": f"{record['name']}: {strip_references(record['summary'] or '') or record['description']}"}
    return {name: shortened(value, LONGEST_MEMORY) for name, value in told.items() if value}


def shortened(text: str, longest: int) -> str:
    """A text's beginning, with a mark where it goes on."""
    return text if len(text) <= longest else f"{text[:longest]} […]"
