"""The first lines of every public call: many documented spellings come in, one form goes on."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Any

from memu.database.fields import check_pair
from memu.database.rows import check_text
from memu.endpoints import EMBEDDING, environment_embedding, environment_profiles, with_key
from memu.errors import ConfigError, InputError, InputTypeError, ScopeError
from memu.scope import Scope
from memu.settings import EmbeddingConfig, LLMConfig, LLMProfilesConfig, MemorizeConfig, parse
from memu.sources.load import refuse_path

Turn = dict[str, str]
"""A message of the conversation before a question: `speaker` and `text`."""

Options = Mapping[str, Any] | None
"""Settings as a plain mapping of option names to values."""


def read_queries(queries: Any) -> tuple[str, list[Turn]]:
    """The question and the earlier messages of a conversation, from a string or a list of messages.

    A message is a string, `{"role": …, "content": "…"}` or `{"role": …, "content": {"text": "…"}}`; the last one is
    the question.

    Raises:
        InputError: there is no question, or it is empty.
        InputTypeError: a message is of another form.
    """
    if isinstance(queries, str | Mapping):
        queries = [queries]
    if not isinstance(queries, Sequence) or isinstance(queries, bytes):
        raise InputTypeError(f"queries is a {type(queries).__name__}: expected a string or a list of messages.")
    if not queries:
        raise InputError("empty_queries: queries holds no message; the last one is the question.")
    texts = [_query_text(message, position) for position, message in enumerate(queries)]
    if not texts[-1].strip():
        raise InputError("EMPTY: the question is empty: expected some text.")
    turns = [{"speaker": _speaker(one), "text": text} for one, text in zip(queries, texts, strict=True)]
    return check_text("the question", texts[-1]).strip(), [turn for turn in turns[:-1] if turn["text"].strip()]


def _speaker(message: Any) -> str:
    named = [message.get(key) for key in ("name", "speaker", "role")] if isinstance(message, Mapping) else []
    return next((one for one in named if isinstance(one, str) and one.strip()), "user")


def _query_text(message: Any, position: int) -> str:
    content = message.get("content") if isinstance(message, Mapping) else message
    if isinstance(content, Mapping):
        content = content.get("text")
    if not isinstance(content, str):
        raise InputTypeError(
            f"INVALID: query {position} has no text: expected a string, {{'role': …, 'content': '…'}} or "
            "{'role': …, 'content': {'text': '…'}}."
        )
    return content


def read_scope(
    bound: Scope | None, user: Mapping[str, Any] | None, fields: Sequence[str], *, argument: str = "user"
) -> Scope:
    """The scope of one call: the service's own pair, or the one that the call names ("default" where it names none).

    Raises:
        ScopeError: the call names another pair than the service is bound to, or a value that cannot name anybody.
    """
    if user is not None and not isinstance(user, Mapping):
        raise ScopeError(f"{argument} is a {type(user).__name__}: expected a mapping such as {{'user_id': 'alice'}}.")
    if bound is None:
        return Scope.of(user, fields=fields)
    check_pair(bound, user)
    return bound


def read_score(value: Any) -> float | None:
    """A finite number, or None."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"min_score is {value!r}: expected a number from 0 to 1.")
    return float(value)


def read_time(name: str, value: Any) -> datetime | None:
    """A time in UTC, or None; one without a zone is UTC, and a day is its beginning."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise InputError(f"{name} is {value!r}: expected an ISO date or time (2024-05-31T18:00:00Z).") from None
    if value is not None and not isinstance(value, datetime):
        raise InputTypeError(f"{name} is a {type(value).__name__}: expected a datetime or an ISO string.")
    if value is None or value.tzinfo is None:
        return value and value.replace(tzinfo=UTC)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise InputError(f"{name} is {value.isoformat()}: in UTC its year is outside of 1 to 9999.") from None


def read_limit(name: str, value: Any, default: int | None) -> int | None:
    """A positive whole number, or the default when it is None."""
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"{name} is {value!r}: expected a whole number from 1 up.")
    return value


def one_of(first_name: str, first: Any, second_name: str, second: Any) -> Any:
    """The one that is given of two spellings; ConfigError when both are."""
    if first is not None and second is not None:
        raise ConfigError(f"{first_name} and {second_name} are two spellings of one thing: give one of them.")
    return first if first is not None else second


def read_profiles(one: LLMConfig | Options, many: LLMProfilesConfig | Options) -> dict[str, LLMConfig]:
    """The configured language models by name, from the settings or else the environment; empty when none is."""
    if one_of("llm_config", one, "llm_profiles", many) is None:
        found = environment_profiles()
    elif one is not None:
        found = {"default": parse(LLMConfig, one, "llm_config")}
    else:
        found = parse(LLMProfilesConfig, many, "llm_profiles").root
    return {name: with_key(profile) for name, profile in found.items()}


def check_profiles(steps: Mapping[str, str], names: Sequence[str]) -> None:
    """Refuse steps of retrieving that ask a model of a profile that there is not.

    Args:
        steps: the profile that each step asks.
        names: the profiles that can be asked.

    Raises:
        ConfigError: it names the step.
    """
    for step, profile in steps.items():
        if not names:
            raise ConfigError(
                f"retrieve_config: {step} needs a language model, and none is configured: give llm_config or "
                "llm_profiles, or leave it out."
            )
        if profile not in names:
            raise ConfigError(f"retrieve_config: {step} asks the profile {profile!r}; there are {', '.join(names)}.")


def check_memorize(settings: MemorizeConfig, names: Sequence[str]) -> None:
    """Refuse options of `memorize` that no model of these profiles could heed.

    Raises:
        ConfigError: it names the option.
    """
    if not names and settings.for_models:
        raise ConfigError(
            f"memorize_config: {settings.for_models[0]} needs a language model, and none is configured: give "
            "llm_config or llm_profiles, or leave it out."
        )
    for step, profile in settings.model_steps.items() if names else ():
        if profile not in names:
            raise ConfigError(
                f"memorize_config: the step {step} asks the profile {profile!r}; there are {', '.join(names)}."
            )


def read_embedding(given: EmbeddingConfig | Options, profiles: Mapping[str, LLMConfig]) -> EmbeddingConfig:
    """The embedder: the one that is given, or the profile of its name, else the environment's, else the local one.

    A profile for chat does not change it.

    Raises:
        ConfigError: there are both.
    """
    if one_of("embedding_config", given, f'the profile "{EMBEDDING}"', profiles.get(EMBEDDING)) is None:
        endpoint = environment_embedding()
        return EmbeddingConfig.of(endpoint) if endpoint else EmbeddingConfig()
    if given is None:
        return EmbeddingConfig.of(profiles[EMBEDDING])
    settings = parse(EmbeddingConfig, given, "embedding_config")
    if settings.endpoint is None:
        return settings
    return settings.model_copy(update={"endpoint": with_key(settings.endpoint)})


def read_content(content: Any, resource_url: str | PathLike[str] | None) -> tuple[str | None, list[Any] | None]:
    """What `memorize` was given directly, as a text or as messages.

    Raises:
        InputError: nothing or two things were given, or the name of a file where its text is expected.
    """
    if (content is None) == (resource_url is None):
        raise InputError("give either the content (a text or a list of messages) or resource_url=, one of them.")
    if content is None:
        return None, None
    if isinstance(content, Path):
        raise InputError(f"{content} is a path: name a file with resource_url=.")
    if isinstance(content, str):
        refuse_path(content)
        return content, None
    if isinstance(content, Mapping):
        return None, [content]
    if isinstance(content, Sequence) and not isinstance(content, bytes | bytearray):
        return None, list(content)
    raise InputError(f"content is a {type(content).__name__}: expected a text or a list of messages.")
