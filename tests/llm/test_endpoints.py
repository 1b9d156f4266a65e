"""The settings of endpoints: presets, profiles, keys and variables; and what cannot be meant."""

import re
from pathlib import Path
from typing import Any

import pytest

from llm.conftest import KEY
from memu import LLMConfig, MemoryService
from memu.endpoints import EmbeddingConfig, LLMProfilesConfig, environment_embedding, environment_profiles, with_key
from memu.errors import ConfigError
from memu.options import parse
from memu.presets import PRESETS

DOCUMENTED = {
    "openai": ("https://api.openai.com/v1", "OPENAI_API_KEY", True),
    "ollama": ("http://localhost:11434/v1", "OLLAMA_API_KEY", False),
    "vllm": ("http://localhost:8000/v1", "VLLM_API_KEY", False),
    "openrouter": ("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", True),
    "grok": ("https://api.x.ai/v1", "XAI_API_KEY", True),
    "gemini": ("https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY", True),
    "anthropic": ("https://api.anthropic.com/v1", "ANTHROPIC_API_KEY", True),
}
"""Where the providers' own documents say that they are."""

LEXICAL: dict[str, Any] = {"embedding_config": {"provider": "none"}}


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for preset in PRESETS.values():
        monkeypatch.delenv(preset.key_variable, raising=False)


def test_presets_point_where_the_documents_say() -> None:
    assert {name: (one.base_url, one.key_variable, one.needs_key) for name, one in PRESETS.items()} == DOCUMENTED


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_fills_what_is_left_out(name: str) -> None:
    preset = PRESETS[name]
    bare, own = LLMConfig(provider=name), LLMConfig(provider=name, chat_model="own", base_url="http://box:1/v1/")
    assert (bare.base_url, bare.chat_model, bare.embed_model) == (
        preset.base_url,
        preset.chat_model,
        preset.embed_model,
    )
    assert bare.at_home
    assert (own.base_url, own.chat_model, own.at_home) == ("http://box:1/v1", "own", False)


@pytest.mark.parametrize("name", PRESETS)
def test_a_key_of_the_environment_goes_to_its_own_host_only(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PRESETS[name].key_variable, f"{KEY}\n")
    filled = with_key(LLMConfig(provider=name)).api_key
    assert filled is not None
    assert filled.get_secret_value() == KEY
    assert with_key(LLMConfig(provider=name, base_url="https://elsewhere.example/v1")).api_key is None
    given = with_key(LLMConfig(provider=name, api_key="given")).api_key
    assert given is not None
    assert given.get_secret_value() == "given"


@pytest.mark.parametrize(
    ("url", "home"),
    [
        ("https://api.openai.com/v1", True),
        ("HTTPS://API.OpenAI.com/v1", True),
        ("https://api.openai.com:443/v1", True),
        ("https://api.openai.com/v2", True),
        ("http://api.openai.com/v1", False),
        ("http://api.openai.com:443/v1", False),
        ("https://api.openai.com:444/v1", False),
        ("https://api.openai.com.example/v1", False),
    ],
)
def test_a_key_of_the_environment_goes_only_where_it_is_encrypted(
    url: str, home: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert (with_key(LLMConfig(base_url=url)).api_key is not None) is home


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"provider": "acme"}, "provider"),
        ({"provider": 7}, "provider"),
        ({"base_url": "localhost:11434"}, "base_url"),
        ({"base_url": "ftp://box/v1"}, "base_url"),
        ({"base_url": "http://box:SECRETKEY/v1"}, "base_url"),
        ({"base_url": "https://user:SECRETKEY@box/v1"}, "base_url"),
        ({"base_url": "https://box/v1?key=SECRETKEY"}, "base_url"),
        ({"api_key": ""}, "api_key"),
        ({"api_key": "SECRETKEY\n"}, "api_key"),
        ({"api_key": "SECRETKEY é"}, "api_key"),
        ({"timeout": 0}, "timeout"),
        ({"max_parallel": 0}, "max_parallel"),
        ({"max_retries": -1}, "max_retries"),
        ({"chat_model": ""}, "chat_model"),
        ({"prices": {"m": {"input": -1}}}, "prices"),
        ({"api_kee": "SECRETKEY"}, "api_kee"),
    ],
)
def test_an_endpoint_that_cannot_be_meant(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named) as fault:
        parse(LLMConfig, options, "llm_config")
    assert "SECRETKEY" not in f"{fault.value} {fault.value.__cause__}"


def test_two_spellings_of_one_thing_are_an_error() -> None:
    for options in (
        {"llm_config": {}, "llm_profiles": {"default": {}}},
        {"llm_profiles": {"embedding": {}}, "embedding_config": {"provider": "local"}},
        {"llm_profiles": {"embedding": {}}, "embedding_config": {"provider": "openai"}},
    ):
        with pytest.raises(ConfigError, match="two spellings"):
            MemoryService(**options)


def test_profiles_need_a_default_unless_they_only_embed() -> None:
    with pytest.raises(ConfigError, match="default"):
        parse(LLMProfilesConfig, {"fast": {}, "embedding": {}}, "llm_profiles")
    with MemoryService(llm_profiles={"embedding": {"api_key": KEY}}) as service:
        told = service.describe()
    assert told["language_model"]["used"] is False
    assert "no llm_config" in told["language_model"]["reason"]
    assert (told["embedder"]["name"], told["embedder"]["endpoint"]) == ("text-embedding-3-small", "api.openai.com")


def test_a_chat_profile_does_not_change_the_embedder() -> None:
    with MemoryService(llm_config={"api_key": KEY, "embed_model": "theirs"}, **LEXICAL) as service:
        assert service.embedding_config.provider == "none"
    with MemoryService(llm_config={"api_key": KEY, "embed_model": "theirs"}) as service:
        assert service.embedding_config.provider == "local"


def test_the_method_llm_needs_a_model_that_can_be_asked() -> None:
    with pytest.raises(ConfigError, match="needs a language model"):
        MemoryService(llm_profiles={"embedding": {"api_key": KEY}}, retrieve_config={"method": "llm"})


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"provider": "local", "base_url": "http://box/v1"}, "base_url"),
        ({"embed_model": "x"}, "embed_model"),
        ({"provider": "acme"}, "provider"),
        ({"provider": "ollama", "colour": 1}, "colour"),
        ({"provider": "openai", "api_key": "SECRETKEY\n"}, "key"),
    ],
)
def test_an_embedder_that_cannot_be_meant(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named) as fault:
        parse(EmbeddingConfig, options, "embedding_config")
    assert "SECRETKEY" not in str(fault.value)


def test_the_options_of_an_endpoint_stand_beside_its_name() -> None:
    settings = parse(EmbeddingConfig, {"provider": "ollama", "embed_model": "own", "embed_batch_size": 7}, "e")
    assert settings.endpoint is not None
    assert (settings.endpoint.provider, settings.endpoint.embed_model) == ("ollama", "own")
    assert settings.endpoint.embed_batch_size == 7
    assert EmbeddingConfig.of(settings.endpoint) == settings


def test_the_environment_configures_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment_profiles() == {}
    monkeypatch.setenv("MEMU_LLM_PROVIDER", "ollama")
    monkeypatch.setenv("MEMU_LLM_CHAT_MODEL", "own")
    (profile,) = environment_profiles().values()
    assert (profile.provider, profile.chat_model, profile.base_url) == ("ollama", "own", "http://localhost:11434/v1")
    monkeypatch.setenv("MEMU_LLM_PROVIDER", "acme")
    with pytest.raises(ConfigError, match="MEMU_LLM_PROVIDER"):
        MemoryService(**LEXICAL)


@pytest.mark.parametrize("variable", ["API_KEY", "EMBED_DIMENSION"])
def test_a_variable_that_names_no_embedder_sends_nothing_anywhere(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"MEMU_EMBEDDING_{variable}", "128")
    with pytest.raises(ConfigError, match=f"MEMU_EMBEDDING_{variable}.*MEMU_EMBEDDING_PROVIDER, .*_EMBED_MODEL"):
        MemoryService()
    for naming, value in {"PROVIDER": "openai", "BASE_URL": "http://localhost:1/v1", "EMBED_MODEL": "own"}.items():
        with monkeypatch.context() as one:
            one.setenv(f"MEMU_EMBEDDING_{naming}", value)
            assert environment_embedding() is not None


def test_a_key_of_the_environment_that_cannot_be_sent_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "SECRET KEY")
    with pytest.raises(ConfigError, match="OPENAI_API_KEY") as fault:
        MemoryService(llm_config={}, **LEXICAL)
    assert "SECRET KEY" not in str(fault.value)


def test_no_description_holds_a_key() -> None:
    with MemoryService(llm_profiles={"default": {"api_key": KEY}, "embedding": {"api_key": KEY}}) as service:
        assert KEY not in f"{service!r} {service.describe()} {service.llm_profiles} {service.embedding_config!r}"


def test_the_page_lists_the_presets_as_they_are() -> None:
    page = (Path(__file__).parents[2] / "docs" / "llm.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| `(\w+)` \| `(\S+)` \| `(\w+)`( \(optional\))? \| (\S.*?) \| (\S.*?) \|$", page, re.MULTILINE
    )
    listed = {name: (address, key, not optional, chat, embed) for name, address, key, optional, chat, embed in rows}
    assert listed == {
        name: (one.base_url, one.key_variable, one.needs_key, one.chat_model or "name it", one.embed_model or "name it")
        for name, one in PRESETS.items()
    }
