"""A scripted endpoint for each test, and clients of it that do not wait between attempts."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from llm.scripted import Scripted, scripted
from memu.endpoints import LLMConfig
from memu.llm.openai_client import OpenAIChat

KEY = "sk-SECRETKEY-1234567890"


@pytest.fixture
def server() -> Iterator[Scripted]:
    with scripted() as running:
        yield running


@pytest.fixture
def config(server: Scripted) -> Callable[..., LLMConfig]:
    def make(**options: Any) -> LLMConfig:
        named = {"base_url": server.url, "api_key": KEY, "chat_model": "scripted-1", "retry_delay": 0.0, **options}
        return LLMConfig(**named)

    return make


@pytest.fixture
def model(config: Callable[..., LLMConfig]) -> Callable[..., OpenAIChat]:
    def make(**options: Any) -> OpenAIChat:
        clients = {name: options.pop(name) for name in ("usage", "interceptors") if name in options}
        return OpenAIChat("default", config(**options), **clients)

    return make
