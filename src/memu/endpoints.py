"""The settings of language model endpoints: one of them, several by name, the embedder, and the environment's own."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, RootModel, SecretStr, field_validator, model_validator

from memu.errors import ConfigError
from memu.options import Settings
from memu.presets import PRESETS, Preset

EMBEDDING = "embedding"
"""The profile that embeds; every other one is for chat."""

LOCAL = ("local", "none")
"""The embedders that need no endpoint."""

PORTS = {"http": 80, "https": 443}


class PriceConfig(Settings):
    """What a model costs for a million tokens, in any currency."""

    input: float = Field(ge=0)
    output: float = Field(default=0.0, ge=0)


class LLMConfig(Settings):
    """One language model endpoint; configuring one is what makes the service use a language model.

    `provider` is a name of `memu.presets`, which fills in what is left out; any endpoint that speaks OpenAI's protocol
    is reached by its `base_url`. With neither `llm_config` nor `llm_profiles`, the variables `MEMU_LLM_PROVIDER`,
    `MEMU_LLM_BASE_URL`, `MEMU_LLM_API_KEY`, `MEMU_LLM_CHAT_MODEL` and `MEMU_LLM_EMBED_MODEL` configure one. A missing
    `api_key` is filled from the provider's own variable (such as `OPENAI_API_KEY`), which configures nothing by itself
    and is sent to that provider's host only; a key appears in no repr.

    `timeout` bounds one request, in seconds. A request that fails by the endpoint's fault is repeated up to
    `max_retries` times, after `retry_delay` seconds and longer each time. At most `max_parallel` requests run at once.
    `max_tokens` and `temperature` are sent where they are given. `prices` maps names of models to what they cost.
    `embed_dimension` asks for vectors of that length; `embed_batch_size` is how many texts go into one request.
    `client_backend` is read for the sake of older code and changes nothing.
    """

    provider: str = "openai"
    base_url: str = PRESETS["openai"].base_url
    api_key: SecretStr | None = None
    chat_model: str | None = Field(default=None, min_length=1)
    embed_model: str | None = Field(default=None, min_length=1)
    transcribe_model: str | None = Field(default=None, min_length=1)
    client_backend: Literal["sdk", "httpx"] = "sdk"
    timeout: float = Field(default=60.0, gt=0)
    max_retries: int = Field(default=2, ge=0)
    retry_delay: float = Field(default=0.5, ge=0)
    max_parallel: int = Field(default=8, ge=1)
    max_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0)
    embed_batch_size: int = Field(default=64, ge=1)
    embed_dimension: int | None = Field(default=None, ge=1)
    prices: dict[str, PriceConfig] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _filled_from_the_preset(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        name = data.get("provider", "openai")
        preset = PRESETS.get(name) if isinstance(name, str) else None
        if preset is None:
            raise ValueError(f"provider: expected one of {', '.join(PRESETS)}; any other endpoint is a base_url.")
        named = ("base_url", "chat_model", "embed_model", "transcribe_model")
        return {**{field: getattr(preset, field) for field in named}, **data}

    @field_validator("base_url")
    @classmethod
    def _an_address_without_secrets(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            sound = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            sound = False
        if not sound:
            raise ValueError("this is no address of an endpoint: expected one such as https://api.openai.com/v1.")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("a user, a password, a query or a fragment may be secret: leave it out, and give api_key.")
        return value.rstrip("/")

    @field_validator("api_key")
    @classmethod
    def _a_key_that_can_be_sent(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not sendable(value.get_secret_value()):
            raise ValueError("the key is empty or holds a space, a line break or a letter outside ASCII.")
        return value

    @property
    def preset(self) -> Preset:
        """What is known of the provider."""
        return PRESETS[self.provider]

    @property
    def host(self) -> str:
        """The endpoint's host and port, as messages name it."""
        return urlsplit(self.base_url).netloc

    @property
    def at_home(self) -> bool:
        """Whether the address is the provider's own, so that its key and its habits apply.

        One without encryption is not: anybody on the way would have the key.
        """
        return _origin(self.base_url) == _origin(self.preset.base_url)


class LLMProfilesConfig(RootModel[dict[str, LLMConfig]]):
    """Endpoints by name: "default" is used when a step names none, "embedding" makes the vectors."""

    @model_validator(mode="after")
    def _has_default(self) -> "LLMProfilesConfig":
        if set(self.root) - {EMBEDDING} and "default" not in self.root:
            raise ValueError(f'llm_profiles names {", ".join(self.root)} but no "default" profile: add one.')
        return self


class EmbeddingConfig(Settings):
    """The embedder: "local" is all-MiniLM-L6-v2 on this machine, "none" leaves lexical search only.

    `weights_dir` names a folder with `model.safetensors` and `tokenizer.json` (else `MEMU_MODEL_DIR`, the installed
    weights package, the Hugging Face cache). `allow_download` lets missing weights be fetched from the hub. `threads`
    is the number of processor threads of one embedding run.

    Without any of it, and without a profile "embedding", the `MEMU_EMBEDDING_…` variables name an endpoint: `PROVIDER`,
    `BASE_URL` or `EMBED_MODEL`, and with one of these `API_KEY` and `EMBED_DIMENSION`.

    Any other `provider` is an endpoint, with the options of `LLMConfig` beside it: `embed_model`, `base_url`,
    `api_key`, `embed_dimension` and so on; `endpoint` is where they are then. It is what `llm_profiles` calls
    "embedding".
    """

    provider: str = "local"
    weights_dir: Path | None = None
    allow_download: bool = False
    threads: int = Field(default=1, ge=1)
    endpoint: LLMConfig | None = None

    def __init__(self, **data: Any) -> None:
        """Take either kind's options; typed as such, because the fields name the local ones only."""
        super().__init__(**data)

    @model_validator(mode="before")
    @classmethod
    def _endpoint_of_its_options(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        remote = {key: value for key, value in data.items() if key in LLMConfig.model_fields and key != "provider"}
        if data.get("provider", "local") in LOCAL:
            if remote:
                raise ValueError(f"{', '.join(remote)}: only an endpoint has this; name its provider, such as openai.")
            return data
        rest = {key: value for key, value in data.items() if key not in remote}
        return rest if "endpoint" in rest else {**rest, "endpoint": LLMConfig(provider=data["provider"], **remote)}

    @classmethod
    def of(cls, endpoint: LLMConfig) -> "EmbeddingConfig":
        """The embedder that an endpoint is."""
        return cls(provider=endpoint.provider, endpoint=endpoint)


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").removesuffix("."), parts.port or PORTS.get(parts.scheme)


def sendable(key: str) -> bool:
    """Whether a key can stand in a header of HTTP."""
    return bool(key) and all("!" <= character <= "~" for character in key)


def environment_profiles() -> dict[str, LLMConfig]:
    """The language model that the `MEMU_LLM_…` variables configure, as the default profile; empty when none is set.

    Raises:
        ConfigError: a variable's value cannot be meant.
    """
    fields = ("provider", "base_url", "api_key", "chat_model", "embed_model")
    found = _of_variables("MEMU_LLM_", fields)
    return {"default": found} if found else {}


def environment_embedding() -> LLMConfig | None:
    """The endpoint for vectors that the `MEMU_EMBEDDING_…` variables configure, with its key; None when none is set.

    Raises:
        ConfigError: a variable's value cannot be meant, or there are only those that do not say which endpoint it is.
    """
    found = _of_variables("MEMU_EMBEDDING_", ("provider", "base_url", "embed_model"), ("api_key", "embed_dimension"))
    return with_key(found) if found else None


def _of_variables(prefix: str, naming: Sequence[str], more: Sequence[str] = ()) -> LLMConfig | None:
    """An endpoint of variables that are named as its options are; an empty one counts as none.

    Those of `more` do not say which endpoint is meant: without another they would send texts where nobody wants them.
    """
    names = {field: f"{prefix}{field.upper()}" for field in (*naming, *more)}
    given: dict[str, Any] = {field: value for field, name in names.items() if (value := os.environ.get(name))}
    told = ", ".join(names[field] for field in given)
    if given and not any(field in given for field in naming):
        others = ", ".join(names[field] for field in naming)
        raise ConfigError(f"{told}: this does not say which endpoint is meant; set one of {others}, too, or unset it.")
    try:
        return LLMConfig(**given) if given else None
    except ConfigError as error:
        raise ConfigError(f"the variables {told}: {error}") from None


def with_key(profile: LLMConfig) -> LLMConfig:
    """A profile whose missing key is the one of its provider's variable, if there is one.

    It is not filled in for another host than the provider's own: a key goes only to whom it belongs.

    Raises:
        ConfigError: the variable holds no key that could be sent.
    """
    name = profile.preset.key_variable
    key = os.environ.get(name, "").strip()
    if not key or profile.api_key is not None or not profile.at_home:
        return profile
    if not sendable(key):
        raise ConfigError(f"the variable {name} holds a space, a line break or a letter outside ASCII: mend the key.")
    return profile.model_copy(update={"api_key": SecretStr(key)})
