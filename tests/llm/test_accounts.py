"""Budgets, usage and interceptors, around calls of a real endpoint."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from llm.scripted import Scripted, chat, error
from memu.errors import BudgetExceeded, InputTypeError, InterceptorError, ModelAnswerCut, ModelError, ModelUnavailable
from memu.llm.base import Answer, Call, Message, Request, Tokens
from memu.llm.budget import Budget
from memu.llm.interceptors import Interceptors
from memu.llm.openai_client import OpenAIChat
from memu.llm.usage import OTHERS, Key, Usage, UsageLog

Make = Callable[..., OpenAIChat]

QUESTION = [Message("user", "What is remembered?")]


class Yes(BaseModel):
    """An answer that the script never gives."""

    yes: bool


def ask(model: OpenAIChat, call: Call | None = None, **options: Any) -> Answer[Any]:
    return asyncio.run(model.complete(QUESTION, call=call or Call("extract", "alice", "coach"), **options))


# --- budgets ----------------------------------------------------------------------------------------------------------


def test_a_budget_of_requests(server: Scripted, model: Make) -> None:
    call = Call("extract", budget=Budget(calls=2))
    made = model()
    ask(made, call)
    ask(made, call)
    with pytest.raises(BudgetExceeded, match="2 of 2 requests") as fault:
        ask(made, call)
    assert isinstance(fault.value, ModelError)
    assert len(server.seen) == 2
    ask(made, Call("extract", budget=Budget(calls=2)))


def test_a_budget_of_tokens_counts_questions_and_answers(server: Scripted, model: Make) -> None:
    budget = Budget(tokens=15)
    made = model()
    server.say(chat("a", usage=(7, 3)), chat("b", usage=(7, 3)))
    ask(made, Call(budget=budget))
    ask(made, Call(budget=budget))
    with pytest.raises(BudgetExceeded, match="20 of 15 tokens"):
        ask(made, Call(budget=budget))
    assert (budget.calls_used, budget.tokens_used) == (2, 20)


def test_repeated_and_mended_requests_count(server: Scripted, model: Make) -> None:
    budget = Budget(calls=3)
    server.say(error(500), chat("no JSON"), error(500))
    with pytest.raises(BudgetExceeded):
        ask(model(), Call(budget=budget), schema=Yes)
    assert budget.calls_used == len(server.seen) == 3


def test_a_budget_holds_in_a_crowd(server: Scripted, model: Make) -> None:
    budget, made = Budget(calls=5), model()

    async def crowd() -> list[Any]:
        calls = [made.complete(QUESTION, call=Call(budget=budget)) for _ in range(12)]
        return await asyncio.gather(*calls, return_exceptions=True)

    told = asyncio.run(crowd())
    assert sum(isinstance(one, BudgetExceeded) for one in told) == 7
    assert len(server.seen) == 5


# --- usage ------------------------------------------------------------------------------------------------------------


def test_usage_says_who_and_what_and_how_much(server: Scripted, model: Make) -> None:
    usage = UsageLog()
    made = model(usage=usage, prices={"scripted-1": {"input": 2.0, "output": 10.0}}, max_retries=0)
    server.say(chat("a", usage=(1_000_000, 100_000)), error(500))
    ask(made)
    with pytest.raises(ModelUnavailable):
        ask(made, Call("summarize", "bob"))
    first, second = usage.records()
    assert (first.operation, first.profile, first.model, first.step) == ("chat", "default", "scripted-1", "extract")
    assert (first.user, first.agent, first.tokens, first.error) == ("alice", "coach", Tokens(1_000_000, 100_000), None)
    assert first.cost == pytest.approx(3.0)
    assert first.seconds > 0
    assert (second.user, second.error, second.cost) == ("bob", "ModelUnavailable", None)
    assert usage.total().requests == 2
    assert usage.total(user="alice", agent="coach").cost == pytest.approx(3.0)
    assert (usage.total(user="bob").failed, usage.total(step="summarize").unpriced) == (1, 1)


def test_a_model_without_a_price_is_said_to_have_none(server: Scripted, model: Make) -> None:
    made = model()
    ask(made)
    assert made.usage.records()[0].cost is None
    assert made.usage.total().unpriced == 1


def test_a_cost_that_is_known_in_part_says_so(server: Scripted, model: Make) -> None:
    log = UsageLog(keys=1)
    prices = {"scripted-1": {"input": 1.0, "output": 0.0}}
    priced = model(usage=log, prices=prices, max_retries=0)
    unpriced = model(usage=log, max_retries=0)
    server.say(chat("a", usage=(1_000_000, 0)), chat("b", usage=(1_000_000, 0)), error(500))
    ask(priced, Call("extract", "alice"))
    ask(unpriced, Call("summarize", "alice"))
    with pytest.raises(ModelUnavailable):
        ask(priced, Call("extract", "bob"))
    total = log.total()
    assert (total.requests, total.failed, total.unpriced, total.cost) == (3, 1, 2, pytest.approx(1.0))
    assert log.totals()[OTHERS].unpriced == 1, "what was added up keeps it"
    free = model(usage=UsageLog(), prices={"scripted-1": {"input": 0.0}})
    ask(free)
    assert (free.usage.total().cost, free.usage.total().unpriced) == (0.0, 0), "free is a price"


def test_a_cancelled_call_is_counted(server: Scripted, model: Make) -> None:
    made = model()
    gate = threading.Event()
    server.otherwise = lambda _: replace(chat("late"), held=gate)

    async def cancel() -> None:
        call = asyncio.create_task(made.complete(QUESTION))
        await asyncio.to_thread(server.wait_for, 1)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

    asyncio.run(cancel())
    assert [one.error for one in made.usage.records()] == ["CancelledError"]


def record(user: str | None, cost: float = 1.0) -> Usage:
    return Usage("chat", "default", "m", "extract", user, None, Tokens(2, 1), 0.5, cost)


@given(st.lists(st.sampled_from([None, "a", "b", "c", "d", "e"]), max_size=40))
def test_usage_is_bounded_and_loses_nothing_of_the_whole(users: list[str | None]) -> None:
    log = UsageLog(records=3, keys=2)
    for user in users:
        log.add(record(user))
    assert [one.user for one in log.records()] == users[-3:]
    assert len(log.totals()) <= 3
    assert log.total().requests == len(users)
    assert log.total().tokens.total == 3 * len(users)


def test_a_forgotten_user_is_in_no_account() -> None:
    log = UsageLog()
    for user in ("alice", "bob", "alice"):
        log.add(record(user))
    log.forget("alice")
    assert {one.user for one in log.records()} == {None, "bob"}
    assert set(log.totals()) == {Key("default", "m", "extract", "bob", None), OTHERS}
    assert log.total().requests == 3


# --- interceptors -----------------------------------------------------------------------------------------------------


def test_hooks_run_in_order_around_a_call(server: Scripted, model: Make) -> None:
    hooks, told = Interceptors(), []

    async def second(call: Call, request: Request) -> None:
        await asyncio.sleep(0)
        told.append(("second", call.user, request.model))

    def third(call: Call, request: Request, answer: Answer[Any]) -> None:
        told.append(("third", answer.text, answer.tokens.total))

    hooks.after(third)
    hooks.before(second, priority=5)
    hooks.before(lambda call, request: told.append(("first", call.step)))
    hooks.before(lambda call, request: told.append(("never",)), where=lambda call, request: call.step == "other")
    ask(model(interceptors=hooks))
    assert told == [("first", "extract"), ("second", "alice", "scripted-1"), ("third", "Understood.", 10)]


def test_a_hook_may_change_what_is_asked(server: Scripted, model: Make) -> None:
    hooks = Interceptors()
    hooks.before(lambda call, request: replace(request, messages=(Message("user", "redacted"),), model="other"))
    ask(model(interceptors=hooks))
    assert server.seen[0].json["messages"] == [{"role": "user", "content": "redacted"}]
    assert server.seen[0].json["model"] == "other"


def test_hooks_hear_of_errors(server: Scripted, model: Make) -> None:
    hooks, told = Interceptors(), []
    hooks.on_error(lambda call, request, error, tokens: told.append((type(error), tokens.total)))
    server.say(error(500), chat("half an", finish="length", usage=(7, 3)))
    for kind in (ModelUnavailable, ModelAnswerCut):
        with pytest.raises(kind):
            ask(model(interceptors=hooks, max_retries=0))
    assert told == [(ModelUnavailable, 0), (ModelAnswerCut, 10)]


def test_a_hook_that_raises_is_an_error_of_its_own(server: Scripted, model: Make) -> None:
    def forbid(call: Call, request: Request) -> None:
        raise LookupError("not on Sundays")

    hooks = Interceptors()
    hook = hooks.before(forbid)
    made = model(interceptors=hooks)
    with pytest.raises(InterceptorError, match="forbid raised LookupError") as fault:
        ask(made)
    assert isinstance(fault.value.__cause__, LookupError)
    assert server.seen == []
    assert (hook.dispose(), hook.dispose()) == (True, False)
    ask(made)
    assert len(server.seen) == 1


def test_what_is_no_hook_is_refused(server: Scripted, model: Make) -> None:
    hooks = Interceptors()
    with pytest.raises(InputTypeError):
        hooks.before("print")  # type: ignore[arg-type]
    hooks.before(lambda call, request: "changed", name="wrong")
    with pytest.raises(InterceptorError, match="wrong returned a str"):
        ask(model(interceptors=hooks))
