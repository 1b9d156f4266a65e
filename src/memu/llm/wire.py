"""What endpoints send, read strictly: of all that the protocol has, the few fields that are needed."""

from typing import TypeVar

from pydantic import BaseModel, Field, ValidationError

from memu.errors import ModelAnswerInvalid, ModelRefused
from memu.llm.base import Tokens

B = TypeVar("B", bound=BaseModel)

CHARACTERS_PER_TOKEN = 4
"""By which tokens are estimated, where an endpoint does not count them."""

WEB_PAGE = (b"<!doctype html", b"<html")
"""How what a wrong address answers begins."""


class Counts(BaseModel):
    """The tokens of a request."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


class ChatMessage(BaseModel):
    """What a model said, or why it did not."""

    content: str | None = None
    refusal: str | None = None


class Choice(BaseModel):
    """One answer."""

    message: ChatMessage
    finish_reason: str | None = None


class Chat(BaseModel):
    """The body of a chat completion."""

    choices: list[Choice] = Field(min_length=1)
    model: str | None = None
    usage: Counts | None = None


class Vector(BaseModel):
    """The vector of the text at `index`."""

    index: int
    embedding: list[float]


class Vectors(BaseModel):
    """The body of an embedding."""

    data: list[Vector]
    usage: Counts | None = None


class Transcript(BaseModel):
    """The body of a transcription; some endpoints count seconds in `usage`, which says nothing of tokens."""

    text: str
    usage: Counts | None = None


def read_body(kind: type[B], body: bytes, host: str) -> B:
    """Read an endpoint's answer.

    Raises:
        ModelRefused: it is a web page.
        ModelAnswerInvalid: it is not what the protocol says; what it is instead is not repeated.
    """
    if body[:200].lstrip().lower().startswith(WEB_PAGE):
        raise ModelRefused(
            f"{host} answered with a web page: check the base_url, which ends with the version, as in /v1.",
            200,
            "address",
        )
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part)[:40] for part in first["loc"]) or "the body"
    raise ModelAnswerInvalid(
        f"{host} answered something else than OpenAI's protocol ({place}: {first['msg'][:120]}; {len(body)} bytes): is "
        "the base_url right, and does it end with the version, as in /v1?"
    )


class Counted(BaseModel):
    """What can be read of a body that is none: the tokens that it took all the same."""

    usage: Counts | None = None


def tokens_told(body: bytes) -> Tokens:
    """The tokens that an endpoint counted for an answer that cannot be used; none where it does not say."""
    try:
        usage = Counted.model_validate_json(body).usage
    except ValidationError:
        return Tokens()
    return count(usage, "", "") if usage else Tokens()


def count(told: Counts | None, asked: str, answered: str) -> Tokens:
    """The tokens that an endpoint counted, or an estimate."""
    read = _first(told.prompt_tokens, told.input_tokens) if told else None
    written = _first(told.completion_tokens, told.output_tokens) if told else None
    if read is not None:
        return Tokens(read, written or 0)
    return Tokens(_estimate(asked), _estimate(answered), estimated=True)


def _first(*counts: int | None) -> int | None:
    return next((max(one, 0) for one in counts if one is not None), None)


def _estimate(text: str) -> int:
    return -(-len(text) // CHARACTERS_PER_TOKEN)
