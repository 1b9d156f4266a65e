"""The one implementation of `ChatModel`: any endpoint that speaks OpenAI's protocol, by the openai package."""

import base64
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, get_args

from pydantic import BaseModel

from memu.endpoints import LLMConfig
from memu.errors import MemuError, ModelAnswerCut, ModelAnswerInvalid, ModelRefused
from memu.llm import schema as forms
from memu.llm.base import Answer, Call, Message, Request
from memu.llm.connection import async_client, require_model
from memu.llm.interceptors import Interceptors
from memu.llm.prompts import encode, follow_up
from memu.llm.sending import Sender
from memu.llm.usage import UsageLog
from memu.llm.wire import Chat, ChatMessage, Transcript, count, read_body
from memu.presets import Structure

logger = logging.getLogger("memu.llm")

STRUCTURES: tuple[Structure, ...] = get_args(Structure)
FORM_REFUSED = (400, 422)
"""The statuses with which endpoints refuse a response_format that they do not know."""

MEND = "That is not of the form that was asked for. The data says what is wrong. Give it again, whole and mended."

MENDED = 100_000
"""Characters of a wrong answer that are shown with the request to mend it."""

Send = Callable[[Any], Awaitable[Any]]


class OpenAIChat:
    """A chat model at an endpoint; see `ChatModel` for the calls. It may be used by several threads and event loops.

    Each call has a client of its own, which is closed with it: nothing is bound to an event loop, a cancelled call
    closes its connection, and there is nothing that a user has to close.

    Args:
        profile: the name of the profile.
        config: the endpoint.
        usage: where requests are counted.
        interceptors: the hooks around each call.
    """

    def __init__(
        self,
        profile: str,
        config: LLMConfig,
        *,
        usage: UsageLog | None = None,
        interceptors: Interceptors | None = None,
    ) -> None:
        self.profile = profile
        self.config = config
        self.sender = Sender(profile, config, usage, interceptors)
        self._first_structure = STRUCTURES.index(config.preset.structure) if config.at_home else 0

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.profile}: {self.config.chat_model} at {self.config.host}>"

    @property
    def usage(self) -> UsageLog:
        """Where requests are counted."""
        return self.sender.usage

    async def complete(
        self,
        messages: Sequence[Message],
        schema: type[BaseModel] | None = None,
        *,
        call: Call = Call(),  # noqa: B008 - it is frozen
        max_tokens: int | None = None,
        temperature: float | None = None,
    ) -> Answer[Any]:
        """Ask the model; see `ChatModel.complete`."""
        request = Request(
            "chat",
            self.profile,
            require_model(self.config, "chat_model"),
            tuple(messages),
            schema,
            max_tokens or self.config.max_tokens,
            self.config.temperature if temperature is None else temperature,
        )
        return await self.sender.hooked(call, request, self._connected(self._answer))

    async def transcribe(
        self,
        audio: bytes,
        *,
        name: str = "audio.wav",
        call: Call = Call(),  # noqa: B008 - it is frozen
    ) -> Answer[None]:
        """Turn speech into text; see `ChatModel.transcribe`."""
        model = require_model(self.config, "transcribe_model")
        request = Request("transcribe", self.profile, model, size=len(audio))

        async def ask(client: Any, call: Call, request: Request) -> Answer[None]:
            async def post() -> Any:
                return await client.audio.transcriptions.with_raw_response.create(
                    file=(name, audio), model=request.model, response_format="json"
                )

            return await self.sender.send(call, request, post, lambda body: self._transcript(request, body))

        return await self.sender.hooked(call, request, self._connected(ask))

    def _connected(
        self, ask: Callable[[Any, Call, Request], Awaitable[Answer[Any]]]
    ) -> Callable[[Call, Request], Awaitable[Answer[Any]]]:
        """The same with a client of its own."""

        async def asked(call: Call, request: Request) -> Answer[Any]:
            async with async_client(self.config) as client:
                return await ask(client, call, request)

        return asked

    # --- chat ----------------------------------------------------------------------------------------------------

    async def _answer(self, client: Any, call: Call, request: Request) -> Answer[Any]:
        """Ask once; with a schema, once more if the answer is not of it."""
        if request.schema is None:
            return await self._ask(client, call, request, "none")
        first = await self._structured(client, call, request)
        parsed, faults = forms.read(request.schema, first.text)
        if parsed is not None:
            return replace(first, parsed=parsed)
        logger.info("%s: an answer is not of its schema; asking to mend it", call.step)
        second = await self._structured(client, call, _mending(request, first.text, faults))
        parsed, faults = forms.read(request.schema, second.text)
        if parsed is None:
            raise ModelAnswerInvalid(
                f"{self.config.host} ({request.model}) answered twice what is no {request.schema.__name__}: "
                f"{'; '.join(faults)[:400]}. Nothing was made of it; another model may do better."
            )
        return replace(second, parsed=parsed, tokens=first.tokens + second.tokens, rounds=2)

    async def _structured(self, client: Any, call: Call, request: Request) -> Answer[Any]:
        """Ask by the strongest form that the endpoint takes.

        Which one that is, is remembered where it refused the others by name; what else it refused may be this text.
        """
        named, last = True, len(STRUCTURES) - 1
        for position in range(self._first_structure, last + 1):
            try:
                answer = await self._ask(client, call, request, STRUCTURES[position])
            except ModelRefused as refused:
                if position == last or refused.status not in FORM_REFUSED or refused.about not in (None, "form"):
                    raise
                named = named and refused.about == "form"
            else:
                self._first_structure = position if named else self._first_structure
                return answer
        raise AssertionError("the last form is answered or refused")  # pragma: no cover

    async def _ask(self, client: Any, call: Call, request: Request, structure: Structure) -> Answer[None]:
        options = self._options(request, structure)

        async def post() -> Any:
            return await client.chat.completions.with_raw_response.create(**options)

        return await self.sender.send(call, request, post, lambda body: self._completion(request, body))

    def _options(self, request: Request, structure: Structure) -> dict[str, Any]:
        """The fields of a request; those without a value are left out, since some endpoints refuse to be sent them."""
        messages: Sequence[Message] = request.messages
        if request.schema is not None and structure != "schema":
            messages = _with_words(messages, request.schema)
        options: dict[str, Any] = {"model": request.model, "messages": [_on_the_wire(one) for one in messages]}
        if request.schema is not None and structure != "none":
            options["response_format"] = _response_format(request.schema, structure)
        if request.max_tokens is not None:
            preset = self.config.preset
            options[preset.limit_name if self.config.at_home else "max_tokens"] = request.max_tokens
        if request.temperature is not None:
            options["temperature"] = request.temperature
        return options

    def _completion(self, request: Request, body: bytes) -> tuple[Answer[None], MemuError | None]:
        """A chat completion, and what is wrong with it."""
        chat = read_body(Chat, body, self.config.host)
        message, reason = chat.choices[0].message, chat.choices[0].finish_reason or "stop"
        text = message.content or ""
        tokens = count(chat.usage, "".join(one.text for one in request.messages), text)
        answer = Answer(text, None, chat.model or request.model, reason, tokens)
        return answer, self._fault(request, message, reason)

    def _fault(self, request: Request, message: ChatMessage, reason: str) -> MemuError | None:
        where = f"{self.config.host} ({request.model})"
        if message.refusal or reason == "content_filter":
            told = " ".join((message.refusal or "its filter stepped in").split())[:200]
            return ModelRefused(f"{where} refused to answer ({told}): nothing was made of this text.")
        if reason == "length":
            return ModelAnswerCut(f"{where} was cut off at its longest: raise max_tokens, or give less text.")
        if not (message.content or "").strip():
            return ModelAnswerInvalid(f"{where} gave an empty answer ({reason}): another model may do better.")
        return None

    def _transcript(self, request: Request, body: bytes) -> tuple[Answer[None], None]:
        heard = read_body(Transcript, body, self.config.host)
        return Answer(heard.text, None, request.model, "stop", count(heard.usage, "", heard.text)), None


def _mending(request: Request, answer: str, faults: Sequence[str]) -> Request:
    """The request with the answer that it got, and what is wrong with that; both may quote others, and are data."""
    told = Message("assistant", encode(answer[:MENDED])), follow_up(MEND, {"faults": list(faults)})
    return replace(request, messages=(*request.messages, *told))


def _with_words(messages: Sequence[Message], schema: type[BaseModel]) -> list[Message]:
    """The prompt with the schema in its first system message, which many endpoints allow one of only."""
    words = forms.in_words(schema)
    if messages and messages[0].role == "system":
        return [replace(messages[0], text=f"{messages[0].text}\n\n{words}"), *messages[1:]]
    return [Message("system", words), *messages]


def _response_format(schema: type[BaseModel], structure: Structure) -> dict[str, Any]:
    if structure == "object":
        return {"type": "json_object"}
    named = {"name": schema.__name__, "schema": forms.strict(schema), "strict": True}
    return {"type": "json_schema", "json_schema": named}


def _on_the_wire(message: Message) -> dict[str, Any]:
    if not message.images:
        return {"role": message.role, "content": message.text}
    pictures = [
        {
            "type": "image_url",
            "image_url": {"url": f"data:{image.media_type};base64,{base64.b64encode(image.data).decode()}"},
        }
        for image in message.images
    ]
    return {"role": message.role, "content": [{"type": "text", "text": message.text}, *pictures]}
