"""One request to an endpoint, whatever is asked: repeated where that helps, bounded, counted, and with its hooks."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from time import perf_counter
from typing import Any, TypeVar

from memu.endpoints import LLMConfig
from memu.errors import MemuError, ModelAnswerInvalid
from memu.llm.base import Answer, Call, Request, Tokens
from memu.llm.failures import Failure, pause_before, read_failure
from memu.llm.interceptors import Interceptors
from memu.llm.limit import Limit
from memu.llm.usage import Usage, UsageLog, priced
from memu.llm.wire import tokens_told

logger = logging.getLogger("memu.llm")

A = TypeVar("A", bound=Answer[Any])

Post = Callable[[], Awaitable[Any]]
"""Sends a request by the package's client, for its answer as it came."""

Read = Callable[[bytes], tuple[A, MemuError | None]]
"""Makes an answer of a body, and says what is wrong with it; ModelAnswerInvalid where it is none."""


class Sender:
    """What all requests of a profile have in common. It may be used by several threads and event loops.

    Args:
        profile: the name of the profile.
        config: the endpoint.
        usage: where requests are counted.
        interceptors: the hooks around each call.
    """

    def __init__(
        self, profile: str, config: LLMConfig, usage: UsageLog | None = None, interceptors: Interceptors | None = None
    ) -> None:
        self.profile = profile
        self.config = config
        self.usage = usage or UsageLog()
        self.interceptors = interceptors or Interceptors()
        self._limit = Limit(config.max_parallel)

    async def hooked(self, call: Call, request: Request, ask: Callable[[Call, Request], Awaitable[A]]) -> A:
        """One call with its hooks around it."""
        request = await self.interceptors.run_before(call, request)
        counted: list[Usage] = []
        try:
            answer = await ask(_noted(call, counted), request)
        except MemuError as error:
            tokens = sum((one.tokens for one in counted), Tokens())
            await self.interceptors.run_error(call, request, error, tokens)
            raise
        await self.interceptors.run_after(call, request, answer)
        return answer

    async def send(self, call: Call, request: Request, post: Post, read: Read[A]) -> A:
        """Send a request until it is answered, or there is no use in trying again."""
        attempt = 0
        while True:
            found = await self._try(call, request, post, read)
            if not isinstance(found, Failure):
                return found
            pause = pause_before(attempt, found, self.config)
            if pause is None:
                raise found.error
            attempt += 1
            logger.info("%s: %s Attempt %d in %.1f s.", call.step, found.error, attempt + 1, pause)
            await asyncio.sleep(pause)

    async def _try(self, call: Call, request: Request, post: Post, read: Read[A]) -> A | Failure:
        """One attempt. It gives errors back, since one raised in an `except` block would carry the client's own."""
        async with self._limit, self._counted(call, request) as told:
            try:
                async with asyncio.timeout(self.config.timeout):
                    response = await post()
            except Exception as error:
                failure = read_failure(error, self.config, request.model)
                told.append(failure.error)
                return failure
            try:
                answer, fault = read(response.content)
            except ModelAnswerInvalid:
                told.append(tokens_told(response.content))
                raise
            told.append(answer.tokens)
            if fault is not None:
                told.append(fault)
                return Failure(fault)
            return answer

    @asynccontextmanager
    async def _counted(self, call: Call, request: Request) -> AsyncIterator[list[Tokens | MemuError]]:
        """Count an attempt against the budget and in the log; tokens and an error are put into the list."""
        if call.budget is not None:
            call.budget.admit(call.step)
        told: list[Tokens | MemuError] = []
        start, ended = perf_counter(), None
        try:
            yield told
        except BaseException as error:
            ended = error
            raise
        finally:
            tokens = next((one for one in told if isinstance(one, Tokens)), Tokens())
            fault = ended or next((one for one in told if isinstance(one, MemuError)), None)
            if call.budget is not None:
                call.budget.spend(tokens.total)
            seconds, prices = perf_counter() - start, self.config.prices
            one = priced(prices, request.operation, self.profile, request.model, call, tokens, seconds, fault)
            self.usage.add(one)
            if call.note is not None:
                call.note(one)


def _noted(call: Call, counted: list[Usage]) -> Call:
    """The call, with its requests put into a list, too."""

    def note(one: Usage) -> None:
        counted.append(one)
        if call.note is not None:
            call.note(one)

    return replace(call, note=note)
