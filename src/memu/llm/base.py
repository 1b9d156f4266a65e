"""The seam between the service and language models: what is asked, what comes back, and who may be asked."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar, overload

from pydantic import BaseModel

from memu.llm.budget import Budget

if TYPE_CHECKING:
    from memu.llm.usage import Usage

P = TypeVar("P", bound=BaseModel | None)
M = TypeVar("M", bound=BaseModel)

Role = Literal["system", "user", "assistant"]
Operation = Literal["chat", "transcribe", "embed"]


@dataclass(frozen=True, slots=True)
class Image:
    """A picture that is shown with a message."""

    data: bytes
    media_type: str = "image/png"


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a prompt; see `memu.llm.prompts` for how text of others is put into one."""

    role: Role
    text: str
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """Why a model is asked: the step, whose memory it is for, and what that may cost.

    `note` is given the record of each request, beside the log of the models.
    """

    step: str = "other"
    user: str | None = None
    agent: str | None = None
    budget: Budget | None = None
    note: "Callable[[Usage], None] | None" = None


@dataclass(frozen=True, slots=True)
class Request:
    """What a model is asked, as interceptors see it.

    `texts` are those that are to be embedded, `size` is that of a recording in bytes.
    """

    operation: Operation
    profile: str
    model: str
    messages: tuple[Message, ...] = ()
    schema: type[BaseModel] | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    size: int = 0
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tokens:
    """How much was read and written; `estimated` from the lengths of the texts, where the endpoint does not say."""

    input: int = 0
    output: int = 0
    estimated: bool = False

    @property
    def total(self) -> int:
        """Both together."""
        return self.input + self.output

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(self.input + other.input, self.output + other.output, self.estimated or other.estimated)


@dataclass(frozen=True, slots=True)
class Answer(Generic[P]):
    """What a model answered: its text, and the object that was asked for with a schema.

    `tokens` and `rounds` count all it took, a repaired answer twice. `model` is what the endpoint says it ran.
    """

    text: str
    parsed: P
    model: str
    finish_reason: str
    tokens: Tokens
    rounds: int = 1


class ChatModel(Protocol):
    """A language model of one profile.

    The calls are asynchronous, so that cancelling one ends the request itself: the connection is closed, and the
    endpoint can stop computing. A call on a thread could only be left behind.
    """

    @property
    def profile(self) -> str:
        """The name of the profile."""
        ...

    @overload
    async def complete(
        self,
        messages: "tuple[Message, ...] | list[Message]",
        schema: None = None,
        *,
        call: Call = ...,
        max_tokens: int | None = None,
        temperature: float | None = None,
    ) -> Answer[None]: ...

    @overload
    async def complete(
        self,
        messages: "tuple[Message, ...] | list[Message]",
        schema: type[M],
        *,
        call: Call = ...,
        max_tokens: int | None = None,
        temperature: float | None = None,
    ) -> Answer[M]: ...

    async def complete(
        self,
        messages: "tuple[Message, ...] | list[Message]",
        schema: Any = None,
        *,
        call: Call = Call(),
        max_tokens: int | None = None,
        temperature: float | None = None,
    ) -> Answer[Any]:
        """Ask the model.

        Args:
            messages: the prompt; pictures are shown where a message has them.
            schema: the pydantic model that the answer has to be; an answer that is not is shown its faults once.
            call: why it is asked.
            max_tokens: the greatest length of the answer, instead of the profile's.
            temperature: likewise.

        Raises:
            ModelUnavailable, ModelTimeout: the endpoint is down, overloaded or too slow.
            ModelKeyMissing, ModelForbidden: there is no key, or it is refused.
            ModelRefused: the endpoint refused the request, or the model to answer.
            ModelAnswerInvalid: the answer is cut off, empty, or not of the schema.
            BudgetExceeded: nothing is left of the call's budget.
            InterceptorError: a hook raised.
            ConfigError: the profile names no model for this.
            MissingExtra: the client's package is not installed.
        """
        ...

    async def transcribe(self, audio: bytes, *, name: str = "audio.wav", call: Call = ...) -> Answer[None]:
        """Turn speech into text.

        Args:
            audio: the recording, in a format that the endpoint knows.
            name: its file name, by whose ending the endpoint tells the format.
            call: why it is asked.

        Raises:
            the errors of `complete`.
        """
        ...
