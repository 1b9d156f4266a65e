"""Endpoints that are down, slow, busy or broken: what is tried again, what is an error; and no key is ever told."""

import asyncio
import logging
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from email.utils import formatdate
from time import time
from typing import Any

import pytest

from llm.conftest import KEY
from llm.scripted import Reply, Scripted, Seen, chat, error
from memu.endpoints import LLMConfig
from memu.errors import (
    MemuError,
    MissingExtra,
    ModelAnswerCut,
    ModelError,
    ModelForbidden,
    ModelKeyMissing,
    ModelRefused,
    ModelTimeout,
    ModelUnavailable,
)
from memu.llm.base import Message
from memu.llm.embedder import EndpointEmbedder
from memu.llm.failures import LONGEST_PAUSE, Failure, pause_before
from memu.llm.limit import Limit
from memu.llm.openai_client import OpenAIChat
from servers.process import wait_until

Make = Callable[..., OpenAIChat]

QUESTION = [Message("user", "What is remembered?")]


def ask(model: OpenAIChat, **options: Any) -> str:
    return asyncio.run(model.complete(QUESTION, **options)).text


# --- tried again ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    [error(500), error(503), error(429), error(429, retry_after="0"), Reply({"choices": []}, cut=3), Reply(b"", 529)],
    ids=["500", "503", "429", "429 with a time", "cut off", "an unusual one"],
)
def test_a_passing_failure_is_tried_again(server: Scripted, model: Make, bad: Reply) -> None:
    server.say(bad, bad)
    assert ask(model()) == "Understood."
    assert len(server.seen) == 3


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422])
def test_a_request_that_is_wrong_is_not_tried_again(server: Scripted, model: Make, status: int) -> None:
    server.say(error(status, "no such model"))
    with pytest.raises(ModelRefused, match="no such model") as fault:
        ask(model())
    assert fault.value.status == status
    assert isinstance(fault.value, ValueError)
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("reply", "about", "told"),
    [
        (error(404, "page not found"), "address", "base_url.*/v1"),
        (error(402, "no credit"), "account", "see to the account"),
        (Reply(b"", 301), "address", "base_url"),
        (error(400, "scripted-1 is not a valid model ID, unknown model"), "model", "check its name"),
        (error(400, "'response_format' of type 'json_schema' is not supported with this model"), "form", "form"),
        (error(400, "temperature: expected 1"), None, "temperature"),
    ],
)
def test_a_refusal_says_what_is_to_be_mended(
    server: Scripted, model: Make, reply: Reply, about: str | None, told: str
) -> None:
    server.say(reply)
    with pytest.raises(ModelRefused, match=told) as fault:
        ask(model())
    assert (fault.value.about, fault.value.status) == (about, reply.status)


@pytest.mark.parametrize(
    "words", ["This model's maximum context length is 8 tokens", "context_length_exceeded", "prompt is too long: 9 > 8"]
)
def test_a_question_without_room_is_like_an_answer_without(server: Scripted, model: Make, words: str) -> None:
    server.say(error(400, words))
    with pytest.raises(ModelAnswerCut, match="less at once"):
        ask(model())


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_not_tried_again(server: Scripted, model: Make, status: int) -> None:
    server.say(error(status))
    with pytest.raises(ModelForbidden, match="api_key") as fault:
        ask(model())
    assert isinstance(fault.value, PermissionError)
    assert len(server.seen) == 1


def test_an_outage_is_an_error_after_all_attempts(server: Scripted, model: Make) -> None:
    server.otherwise = lambda _: error(500, "out of order")
    with pytest.raises(ModelUnavailable, match="out of order") as fault:
        ask(model(max_retries=3))
    assert isinstance(fault.value, ConnectionError)
    assert server.url.split("/")[2] in str(fault.value)
    assert "scripted-1" in str(fault.value)
    assert len(server.seen) == 4


def test_a_spent_account_is_not_tried_again(server: Scripted, model: Make) -> None:
    server.say(error(429, "You exceeded your current quota, please check your plan."))
    with pytest.raises(ModelUnavailable, match="quota"):
        ask(model())
    assert len(server.seen) == 1


def test_nobody_listens(model: Make) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(ModelUnavailable, match=address):
            ask(model(base_url=f"http://{address}/v1"))
        with pytest.raises(ModelUnavailable, match=address):
            EndpointEmbedder(model(base_url=f"http://{address}/v1", embed_model="e").config).embed(["text"])


def test_an_endpoint_that_asks_for_too_long_a_pause_has_failed(server: Scripted, model: Make) -> None:
    for told in ("3600", formatdate(time() + 3600, usegmt=True)):
        server.say(error(429, retry_after=told))
        with pytest.raises(ModelUnavailable):
            ask(model())
    assert len(server.seen) == 2


def test_pauses_grow_and_differ_and_are_bounded() -> None:
    config = LLMConfig(retry_delay=2.0, max_retries=50)
    failure = Failure(ModelUnavailable("down"), again=True)
    for attempt, most in ((0, 2.0), (1, 4.0), (3, 16.0), (20, LONGEST_PAUSE)):
        pauses = {pause_before(attempt, failure, config) for _ in range(20)}
        assert len(pauses) > 1
        assert all(pause is not None and most / 2 <= pause <= most for pause in pauses)
    asked = Failure(ModelUnavailable("busy"), again=True, pause=7.0)
    assert pause_before(0, asked, config) == 7.0
    assert pause_before(50, failure, config) is None


# --- slow, cancelled, too many ----------------------------------------------------------------------------------------


def test_a_slow_endpoint_is_an_error_and_not_tried_again(server: Scripted, model: Make) -> None:
    held = Reply({}, held=threading.Event())
    server.say(held)
    with pytest.raises(ModelTimeout, match=r"0\.2 s") as fault:
        ask(model(timeout=0.2))
    assert isinstance(fault.value, TimeoutError)
    assert held.gone.wait(20)
    assert len(server.seen) == 1


def test_a_cancelled_call_closes_its_connection(server: Scripted, model: Make) -> None:
    held = Reply({}, held=threading.Event())
    server.say(held)

    async def cancel() -> None:
        call = asyncio.create_task(model().complete(QUESTION))
        await asyncio.to_thread(server.wait_for, 1)
        assert not held.gone.is_set()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await asyncio.to_thread(held.gone.wait, 20), "the endpoint does not see that nobody waits any more"

    asyncio.run(cancel())


def test_so_many_requests_at_once_and_no_more(server: Scripted, model: Make) -> None:
    gate = threading.Event()
    server.otherwise = lambda _: Reply(chat("Done.").body, held=gate)
    made = model(max_parallel=3)

    async def crowd() -> list[str]:
        calls = [asyncio.create_task(made.complete(QUESTION)) for _ in range(10)]
        await asyncio.to_thread(server.wait_for, 3)
        for _ in range(100):
            await asyncio.sleep(0)
        calls.pop().cancel()
        gate.set()
        return [answer.text for answer in await asyncio.gather(*calls)]

    assert asyncio.run(crowd()) == ["Done."] * 9
    assert server.most_at_once == 3


def test_the_limit_holds_over_threads_and_event_loops(server: Scripted, model: Make) -> None:
    gate = threading.Event()
    server.otherwise = lambda _: Reply(chat("Done.").body, held=gate)
    made = model(max_parallel=2)
    threads = [threading.Thread(target=ask, args=(made,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    server.wait_for(2)
    gate.set()
    for thread in threads:
        thread.join()
    assert len(server.seen) == 6
    assert server.most_at_once == 2


def test_a_place_is_never_lost() -> None:
    limit = Limit(1)

    async def hold(started: asyncio.Event) -> None:
        async with limit:
            started.set()
            await asyncio.sleep(0)

    async def storm() -> None:
        for round_ in range(60):
            tasks = [asyncio.create_task(hold(asyncio.Event())) for _ in range(5)]
            for _ in range(round_ % 6):
                await asyncio.sleep(0)
            for task in tasks[round_ % 2 :: 2]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        async with asyncio.timeout(20), limit:
            pass

    asyncio.run(storm())
    with limit:
        pass


# --- keys -------------------------------------------------------------------------------------------------------------


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error and all that led to it."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [one.__cause__, one.__context__]


def tells_the_key(seen: Seen) -> Reply:
    """An endpoint that repeats the key that it got."""
    return error(int(seen.json["model"]), f"Incorrect API key provided: {seen.headers['authorization']}")


@pytest.mark.parametrize("status", ["400", "401", "403", "404", "429", "500"])
def test_no_error_and_no_log_tells_the_key(
    server: Scripted, model: Make, caplog: pytest.LogCaptureFixture, status: str
) -> None:
    caplog.set_level(logging.DEBUG)
    server.otherwise = tells_the_key
    made = model(chat_model=status, embed_model=status, max_retries=1)
    embedder = EndpointEmbedder(made.config)
    for call in (lambda: ask(made), lambda: embedder.embed(["text"])):
        with pytest.raises(ModelError) as fault:
            call()
        for one in chain(fault.value):
            assert KEY not in f"{one} {one!r} {one.args}"
            assert KEY not in "".join(traceback.format_exception(one))
    embedder.close()
    assert caplog.records
    assert KEY not in caplog.text
    assert not any(KEY in f"{record.__dict__}" for record in caplog.records)


def test_no_repr_shows_the_key(model: Make) -> None:
    made = model(embed_model="e")
    shown = f"{made!r} {made.config!r} {made.config} {made.config.model_dump()} {EndpointEmbedder(made.config)!r}"
    assert KEY not in shown
    assert KEY not in made.config.model_dump_json()


def test_a_missing_key_is_told_before_anything_is_sent() -> None:
    for provider in ("openai", "openrouter", "grok", "gemini", "anthropic"):
        made = OpenAIChat("default", LLMConfig(provider=provider))
        with pytest.raises(ModelKeyMissing, match=made.config.preset.key_variable) as fault:
            ask(made)
        assert isinstance(fault.value, PermissionError)


def test_an_endpoint_of_ones_own_needs_no_key(server: Scripted, model: Make) -> None:
    assert ask(model(api_key=None)) == "Understood."
    assert server.seen[0].headers["authorization"] == "Bearer none"


def test_nothing_of_the_machine_or_of_other_endpoints_is_sent(
    server: Scripted, model: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "FOREIGN")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Other: FOREIGN\nAuthorization: Bearer FOREIGN")
    made = model(embed_model="e", transcribe_model="t")
    ask(made)
    asyncio.run(made.transcribe(b"RIFF"))
    embedder = EndpointEmbedder(made.config)
    embedder.embed(["text"])
    embedder.close()
    assert len(server.seen) == 3
    for seen in server.seen:
        assert "FOREIGN" not in f"{seen.headers}"
        assert {name for name in seen.headers if name.startswith("x-")} <= {"x-stainless-raw-response"}
        assert seen.headers["authorization"] == f"Bearer {KEY}"


def test_every_error_is_of_the_tree(server: Scripted, model: Make) -> None:
    for status in range(400, 600, 7):
        server.say(error(status))
        with pytest.raises(MemuError):
            ask(model(max_retries=0))


def test_without_the_package_the_extra_is_named(server: Scripted, model: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openai", None)
    with pytest.raises(MissingExtra, match=r"memu\[openai\]"):
        ask(model())
    with pytest.raises(MissingExtra, match=r"memu\[openai\]"):
        EndpointEmbedder(model(embed_model="e").config).embed(["text"])
    assert server.seen == []


def test_the_servers_own_threads_end(server: Scripted, model: Make) -> None:
    """A call leaves no open connection behind."""
    ask(model())
    wait_until(lambda: server.at_once == 0, 20, lambda: "a request does not end")
