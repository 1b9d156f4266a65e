"""What a failed request means: which error it is, whether to try again and when, and none of its secrets."""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from time import time
from typing import Any

from memu.endpoints import LLMConfig
from memu.errors import (
    MemuError,
    ModelAnswerCut,
    ModelError,
    ModelForbidden,
    ModelRefused,
    ModelTimeout,
    ModelUnavailable,
)

LONGEST_PAUSE = 60.0
"""Seconds that are waited at most before a request is repeated; an endpoint that asks for more has failed."""

TOLD = 300
"""Characters of an endpoint's own words that are repeated."""

NO_ROOM = re.compile(
    r"context.?(length|window|size)|maximum context|prompt is too long: \d|too many (input )?tokens", re.I
)
FORM = re.compile(
    r"response.?format|json.?(schema|object|mode)|structured.?output|guided.?(json|decoding)|grammar", re.I
)
NO_MODEL = re.compile(
    r"model_not_found|(no such|unknown|invalid) model"
    r"|model\b.{0,120}?\b(not found|not exist|not a valid|is not available)",
    re.I,
)
"""In what words endpoints refuse what is too long, the form that is asked for, and a model that they do not have."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed request. The original error is not kept: its text, or that of its causes, might hold the key."""

    error: MemuError
    again: bool = False
    pause: float | None = None
    """The seconds that the endpoint asks to wait."""


def read_failure(error: Exception, config: LLMConfig, model: str) -> Failure:
    """What an error of the client's means."""
    import openai

    where = f"{config.host} ({model})"
    if isinstance(error, openai.APIStatusError):
        return _of_status(error.status_code, error.response.headers, _told(_words(error), config), where)
    if isinstance(error, openai.APITimeoutError | TimeoutError):
        return Failure(ModelTimeout(f"{where} did not answer within {config.timeout:g} s: allow more with timeout=."))
    if isinstance(error, openai.APIConnectionError):
        reason = _told(f"{type(error.__cause__).__name__}: {error.__cause__}", config)
        unreachable = f"{where} cannot be reached, or broke off ({reason}): is it running, and is the base_url right?"
        return Failure(ModelUnavailable(unreachable), again=True)
    if isinstance(error, UnicodeEncodeError):
        return Failure(ModelRefused(f"{where}: the text holds half of a surrogate pair, which cannot be sent."))
    return Failure(ModelError(f"{where}: the request failed ({_told(f'{type(error).__name__}: {error}', config)})."))


def pause_before(attempt: int, failure: Failure, config: LLMConfig) -> float | None:
    """The seconds to wait before a request is repeated; None when it is not.

    They double from one attempt to the next, and a random part of up to the half is taken off, so that many callers do
    not come back at once. What the endpoint asks for is waited at least.
    """
    if not failure.again or attempt >= config.max_retries or (failure.pause or 0) > LONGEST_PAUSE:
        return None
    grown: float = min(config.retry_delay * 2.0**attempt, LONGEST_PAUSE)
    return max(grown * random.uniform(0.5, 1.0), failure.pause or 0.0)  # noqa: S311 - nothing secret hangs on it


def _of_status(status: int, headers: Mapping[str, str], told: str, where: str) -> Failure:
    if status in (401, 403):
        return Failure(ModelForbidden(f"{where} refused the key ({status}: {told}): check api_key and its rights."))
    if status == 429:
        spent = "insufficient_quota" in told or "exceeded your current quota" in told
        busy = ModelUnavailable(f"{where} has had enough for now (429: {told}): wait, or lower max_parallel.")
        return Failure(busy, again=not spent, pause=_retry_after(headers))
    if status >= 500:
        down = ModelUnavailable(f"{where} failed ({status}: {told}): try again later.")
        return Failure(down, again=True, pause=_retry_after(headers))
    return Failure(_refusal(status, told, where))


def _refusal(status: int, told: str, where: str) -> ModelError:
    """What a request is refused for, by the status and the endpoint's own words."""
    if status not in (400, 413, 422):
        return _by_status(status, told, where)
    if NO_ROOM.search(told):
        return ModelAnswerCut(f"{where} has no room for so much text ({status}: {told}): give less at once.")
    if FORM.search(told):
        return ModelRefused(f"{where} refused the form of the answer ({status}: {told}).", status, "form")
    if NO_MODEL.search(told):
        return ModelRefused(f"{where} refused the model ({status}: {told}): check its name.", status, "model")
    return ModelRefused(f"{where} refused the request ({status}: {told}): check the options of the profile.", status)


def _by_status(status: int, told: str, where: str) -> ModelRefused:
    if status < 400:
        away = f"{where} sends elsewhere ({status}), which is not followed: give the final address as base_url."
        return ModelRefused(away, status, "address")
    if status == 402:
        paid = f"{where} wants to be paid first ({status}: {told}): see to the account."
        return ModelRefused(paid, status, "account")
    if status == 404:
        missing = f"{where} has no such model, or no such path ({status}: {told})"
        mend = "check the model's name, and the base_url, which ends with the version, as in /v1."
        return ModelRefused(f"{missing}: {mend}", status, "address")
    return ModelRefused(f"{where} refused the request ({status}: {told}): check the options of the profile.", status)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of a Retry-After header, given as a number or as a date."""
    value = headers.get("retry-after", "")
    try:
        return max(float(value), 0.0)
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(value).timestamp() - time(), 0.0)
    except (ValueError, TypeError):
        return None


def _words(error: Any) -> str:
    """What an endpoint says, and its code for it; all that the client has, where that is not in the protocol's form."""
    body = error.body if isinstance(error.body, dict) else {}
    words = [str(body[name]) for name in ("message", "code") if body.get(name)]
    return ", ".join(words) or str(error.message)


def _told(text: str, config: LLMConfig) -> str:
    """The endpoint's words on one line, shortened, without the key should it repeat that."""
    if config.api_key is not None:
        text = text.replace(config.api_key.get_secret_value(), "[key]")
    return " ".join(text.split())[:TOLD]
