"""Clients of the openai package, made as they are needed here: one try, no redirects, no key of another endpoint."""

import ssl
from collections.abc import MutableMapping
from functools import cache
from typing import TYPE_CHECKING, Any

from memu.endpoints import LLMConfig
from memu.errors import ConfigError, MissingExtra, ModelKeyMissing

if TYPE_CHECKING:
    import openai

NEEDED = {
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
    "user-agent",
    "x-stainless-raw-response",  # by which the package knows that the body is wanted as it came
}
"""The headers that are sent beside the key."""

NO_KEY = "none"
"""What the client sends to endpoints that need no key."""


def async_client(config: LLMConfig) -> "openai.AsyncOpenAI":
    """A client, which keeps its connections until it is closed.

    Raises:
        ModelKeyMissing: the endpoint needs a key, and there is none.
        MissingExtra: the openai package is not installed.
    """
    package = load()
    key = _key(config)

    async def reduce(request: Any) -> None:
        reduce_headers(request.headers, key)

    transport = package.DefaultAsyncHttpxClient(**_transport(config), event_hooks={"request": [reduce]})
    made: openai.AsyncOpenAI = package.AsyncOpenAI(**_options(config), http_client=transport)
    return made


def reduce_headers(headers: MutableMapping[str, str], key: str) -> None:
    """Leave what a request needs.

    The package adds more by itself: a description of the machine, and what variables such as `OPENAI_CUSTOM_HEADERS`
    hold, which may be secrets of another endpoint.
    """
    for name in [name for name in headers if name.lower() not in NEEDED]:
        del headers[name]
    headers["authorization"] = f"Bearer {key}"


def require_model(config: LLMConfig, option: str) -> str:
    """The model that an option of the profile names.

    Raises:
        ConfigError: it names none.
    """
    model: str | None = getattr(config, option)
    if model is None:
        raise ConfigError(f"{config.host} ({config.provider}): no model is named for this; give {option}=.")
    return model


def load() -> Any:
    """The openai package.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import openai
    except ImportError as error:
        raise MissingExtra(
            f"language models need the openai package ({error.name} is missing): pip install 'memu[openai]'."
        ) from None
    return openai


def _options(config: LLMConfig) -> dict[str, Any]:
    return {"api_key": _key(config), "base_url": config.base_url, "max_retries": 0, "timeout": config.timeout}


def _transport(config: LLMConfig) -> dict[str, Any]:
    """A redirect is not followed: it would take memories to a host that nobody configured."""
    return {"timeout": config.timeout, "follow_redirects": False, "verify": _certificates()}


@cache
def _certificates() -> ssl.SSLContext:
    """The system's certificates; reading them takes longer than all else that a client is made of."""
    return ssl.create_default_context()


def _key(config: LLMConfig) -> str:
    if config.api_key is not None:
        return config.api_key.get_secret_value()
    if config.at_home and config.preset.needs_key:
        raise ModelKeyMissing(
            f"{config.host} needs a key: give api_key=, or set the variable {config.preset.key_variable}."
        )
    return NO_KEY
