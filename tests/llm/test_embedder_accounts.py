"""Vectors from an endpoint, on the account of the call that needs them: budget, usage, cost, hooks, cancelling."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llm.conftest import KEY
from llm.memorizing import obliging
from llm.scripted import WIDTH, Reply, Scripted, Seen, chat, embeddings, error
from memu import MemoryService
from memu.endpoints import LLMConfig
from memu.errors import BudgetExceeded, InterceptorError, ModelAnswerInvalid, ModelError, ModelUnavailable
from memu.llm.base import Call, Tokens
from memu.llm.budget import Budget
from memu.llm.embedder import EndpointEmbedder
from memu.llm.usage import UsageLog

TEXT = "I moved to Lisbon in March. My sister keeps bees."


def endpoint(server: Scripted, **options: Any) -> dict[str, Any]:
    priced = {"words-1": {"input": 2.0}}
    told = {"base_url": server.url, "api_key": KEY, "embed_model": "words-1", "retry_delay": 0.0, "prices": priced}
    return {**told, **options}


@pytest.fixture
def memory(server: Scripted, tmp_path: Path) -> Iterator[Callable[..., MemoryService]]:
    made: list[MemoryService] = []

    def new(**options: Any) -> MemoryService:
        store = {"metadata_store": {"provider": "sqlite", "dsn": f"sqlite:///{tmp_path / 'memu.db'}"}}
        named = {"user_id": "alice", "agent_id": "coach", "database_config": store}
        profiles = {"embedding": endpoint(server), **options.pop("profiles", {})}
        made.append(MemoryService(**named, llm_profiles=profiles, **options))
        return made[-1]

    yield new
    for one in made:
        one.close()


def test_memorize_and_retrieve_are_told_what_their_vectors_took(
    server: Scripted, memory: Callable[..., MemoryService]
) -> None:
    service = memory()
    result = service.sync.memorize(TEXT)
    asked = server.asked("/embeddings")
    texts = sum(len(one.json["input"]) for one in asked)
    used = result["usage"]
    assert (used["calls"], used["failed"], used["input_tokens"]) == (len(asked), 0, texts)
    assert used["cost"] == pytest.approx(texts * 2.0 / 1_000_000)
    found = service.sync.retrieve("Who keeps bees?")
    assert found["signals"]["dense"] is True
    assert (found["signals"]["model_calls"], found["signals"]["model_tokens"]) == (1, 1)
    total = service.usage.total(profile="embedding", step="embed", user="alice", agent="coach")
    assert total.requests == len(server.asked("/embeddings")) == len(asked) + 1
    assert total.cost == pytest.approx((texts + 1) * 2.0 / 1_000_000)


def test_where_there_is_nothing_to_embed_nothing_is_asked(
    server: Scripted, memory: Callable[..., MemoryService]
) -> None:
    service = memory(memorize_config={"memory_categories": []})
    result = service.sync.memorize("!!!")
    assert (result["items"], result["usage"]["calls"], server.seen) == ([], 0, [])
    service.sync.memorize(TEXT)
    assert service.database.handle.embedder().dimension == WIDTH
    assert service.sync.retrieve("Who keeps bees?")["signals"]["dense"] is True


def test_single_memories_and_vectors_by_themselves_are_counted(
    server: Scripted, memory: Callable[..., MemoryService]
) -> None:
    service = memory()
    service.sync.create_memory_item(memory_type="profile", memory_content="Keeps bees.")
    assert service.usage.total(user="alice").requests == len(server.seen)
    asked = len(server.seen)
    service.sync.embed(["bees", "boats"])
    assert service.usage.total().requests == len(server.seen) == asked + 1


def test_they_are_within_the_budget_of_the_call(server: Scripted, memory: Callable[..., MemoryService]) -> None:
    service = memory(memorize_config={"max_calls": 1}, retrieve_config={"max_tokens": 1})
    service.sync.embed(["bees"])  # has no budget
    server.seen.clear()
    with pytest.raises(BudgetExceeded, match="embed: 1 of 1 requests"):
        service.sync.memorize(TEXT)
    assert len(server.seen) == 1
    assert service.sync.list_resources()["resources"] == service.sync.list_memory_items()["items"] == []
    service.sync.create_memory_item(memory_type="profile", memory_content="Keeps bees.")
    assert service.sync.retrieve("bees")["signals"]["model_tokens"] == 1


def test_one_budget_for_words_and_vectors(server: Scripted, memory: Callable[..., MemoryService]) -> None:
    def both(seen: Seen) -> Reply:
        return embeddings(seen) if seen.path.endswith("/embeddings") else obliging(seen)

    server.otherwise = both
    chatting = {"default": {"base_url": server.url, "api_key": KEY, "chat_model": "scripted-1"}}
    result = memory(profiles=chatting).sync.memorize(TEXT)
    assert result["extraction"] == {"model": 1, "rules": 0}
    assert result["usage"]["calls"] == len(server.seen)
    assert {one.path.rsplit("/", 1)[-1] for one in server.seen} == {"completions", "embeddings"}


@pytest.mark.parametrize(
    ("prices", "cost", "unpriced"),
    [({}, None, 3), ({"scripted-1": {"input": 1.0}}, 7 / 1_000_000, 2), ({"scripted-1": {"input": 0.0}}, 0.0, 2)],
    ids=["none", "of some", "nothing"],
)
def test_a_result_whose_cost_is_known_in_part_says_so(
    server: Scripted, memory: Callable[..., MemoryService], prices: Any, cost: float | None, unpriced: int
) -> None:
    """Of extract, a summary that a model without a price makes, and one request that failed."""

    def both(seen: Seen) -> Reply:
        return embeddings(seen) if seen.path.endswith("/embeddings") else obliging(seen)

    server.say(error(500))
    server.otherwise = both
    told = {"base_url": server.url, "api_key": KEY, "retry_delay": 0.0}
    profiles = {
        "default": {**told, "chat_model": "scripted-1", "prices": prices},
        "other": {**told, "chat_model": "scripted-2"},
    }
    store = {"database_config": {"provider": "inmemory"}, "embedding_config": {"provider": "none"}}
    options = {"memorize_config": {"category_update_llm_profile": "other"}, "llm_profiles": profiles, **store}
    with MemoryService(user_id="alice", **options) as service:
        used = service.sync.memorize(TEXT)["usage"]
    assert (used["calls"], used["failed"], used["unpriced"]) == (3, 1, unpriced)
    assert used["cost"] == (None if cost is None else pytest.approx(cost))


def test_hooks_see_them_and_may_change_the_words(server: Scripted, memory: Callable[..., MemoryService]) -> None:
    service, told = memory(), []

    def redact(call: Call, request: Any) -> Any:
        assert (call.user, call.agent, request.model, request.profile) == ("alice", "coach", "words-1", "embedding")
        return replace(request, texts=tuple(one.replace("Lisbon", "a town") for one in request.texts))

    service.intercept_before_llm_call(redact, where={"operation": "embed"})
    service.intercept_after_llm_call(lambda call, request, answer, tokens: told.append((len(request.texts), tokens)))
    service.sync.memorize(TEXT)
    assert "Lisbon" not in str([one.json["input"] for one in server.seen])
    assert "a town" in str([one.json["input"] for one in server.seen])
    assert told == [(len(one.json["input"]), Tokens(len(one.json["input"]))) for one in server.seen]


@pytest.mark.parametrize("change", [{"model": "words-2"}, {"texts": ("one",)}], ids=str)
def test_hooks_may_not_ask_for_other_vectors(
    server: Scripted, memory: Callable[..., MemoryService], change: dict[str, Any]
) -> None:
    service = memory()
    service.intercept_before_llm_call(lambda call, request: replace(request, **change))
    with pytest.raises(InterceptorError, match="instead of words-1"):
        service.sync.embed(["bees", "boats"])
    assert server.seen == []


def test_hooks_hear_of_their_errors(server: Scripted, memory: Callable[..., MemoryService]) -> None:
    service, told = memory(), []
    service.intercept_on_error_llm_call(lambda call, request, error, tokens: told.append((type(error), tokens.total)))
    server.otherwise = lambda _: error(500)
    with pytest.raises(ModelUnavailable):
        service.sync.retrieve("bees")
    assert told == [(ModelUnavailable, 0)]


@pytest.mark.parametrize("call", ["memorize", "retrieve", "embed", "create"])
def test_cancelling_a_call_closes_its_request(
    server: Scripted, memory: Callable[..., MemoryService], call: str
) -> None:
    service, held = memory(), Reply(held=threading.Event())
    calls = {
        "memorize": lambda: service.memorize(TEXT),
        "retrieve": lambda: service.retrieve("Who keeps bees?"),
        "embed": lambda: service.embed(["bees"]),
        "create": lambda: service.create_memory_item(memory_type="profile", memory_content="Keeps bees."),
    }
    server.otherwise = lambda _: held

    async def cancel() -> None:
        task = asyncio.create_task(calls[call]())
        await asyncio.to_thread(server.wait_for, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(held.gone.wait, 20), "the connection was left open"

    asyncio.run(cancel())
    assert [one.error for one in service.usage.records()] == ["CancelledError"]
    server.otherwise = embeddings
    assert len(service.sync.embed(["bees"])[0]) == WIDTH


def vectors(*rows: Any, usage: Any = None) -> Reply:
    data = [{"index": at, "embedding": row} for at, row in enumerate(rows)]
    return Reply({"data": data, **({"usage": usage} if usage else {})})


WRONG = {
    "too few": [[1.0, 2.0]],
    "too many": [[1.0]] * 3,
    "several lengths": [[1.0], [1.0, 2.0]],
    "no number": [[1.0], ["x"]],
    "null": [[1.0], [None]],
    "NaN": [[1.0], [float("nan")]],
    "infinite": [[1.0], [float("inf")]],
    "zero": [[1.0], [0.0]],
    "no list": [[1.0], 7],
}


@pytest.mark.parametrize("rows", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("usage", [{"prompt_tokens": 5, "total_tokens": 5}, None], ids=["counted", "not counted"])
def test_a_wrong_body_is_an_error_and_its_tokens_count_where_they_are_told(
    server: Scripted, config: Callable[..., LLMConfig], rows: list[Any], usage: Any
) -> None:
    log, budget = UsageLog(), Budget()
    embedder = EndpointEmbedder(config(embed_model="words-1"), usage=log)
    server.say(vectors(*rows, usage=usage))
    with pytest.raises(ModelAnswerInvalid):
        asyncio.run(embedder.ask(["one", "two"], Call("embed", "alice", budget=budget)))
    (seen,) = log.records()
    assert (seen.error, seen.tokens) == ("ModelAnswerInvalid", Tokens(5 if usage else 0))
    assert budget.tokens_used == (5 if usage else 0)
    embedder.close()


def test_another_dimension_is_an_error_that_counts(server: Scripted, config: Callable[..., LLMConfig]) -> None:
    log = UsageLog()
    embedder = EndpointEmbedder(config(embed_model="words-1"), usage=log)
    embedder.embed(["one"])
    server.say(vectors([1.0, 2.0], usage={"prompt_tokens": 9}))
    with pytest.raises(ModelAnswerInvalid, match=f"2 numbers instead of {WIDTH}"):
        embedder.embed(["one"])
    assert log.records()[-1].tokens == Tokens(9)
    embedder.close()


def test_a_chat_body_that_is_none_counts_too(server: Scripted, model: Callable[..., Any]) -> None:
    made = model()
    server.say(Reply({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}))
    with pytest.raises(ModelError):
        asyncio.run(made.complete([], call=Call("extract")))
    assert made.usage.records()[0].tokens == Tokens(7, 3)
    server.say(chat("Good."))
    assert asyncio.run(made.complete([])).text == "Good."


def test_connections_are_kept_whoever_asks(server: Scripted, config: Callable[..., LLMConfig]) -> None:
    """From several event loops, threads and blocking calls."""
    peers: set[str] = set()
    server.otherwise = lambda seen: (peers.add(seen.peer), embeddings(seen))[1]
    embedder = EndpointEmbedder(config(embed_model="words-1"))
    for _ in range(3):
        embedder.embed(["one"])
        asyncio.run(embedder.ask(["two"]))
    assert len(peers) == 1
    embedder.close()
    embedder.embed(["three"])
    assert len(peers) == 2
    embedder.close()
