"""Language model endpoints that are known by name, as data: where they are, whose key they take, what they can do."""

from dataclasses import dataclass
from typing import Literal

Structure = Literal["schema", "object", "none"]
"""How an endpoint can be told the form of an answer: by a JSON schema, as any JSON object, or by words only."""


@dataclass(frozen=True, slots=True)
class Preset:
    """One endpoint; a model that is None has to be named by the user.

    `key_variable` is the environment variable of its key. `structure` is the strongest form that is tried first, and
    `limit_name` the request's field for the greatest number of tokens of an answer.
    """

    base_url: str
    key_variable: str
    needs_key: bool = True
    chat_model: str | None = None
    embed_model: str | None = None
    transcribe_model: str | None = None
    structure: Structure = "schema"
    limit_name: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"


PRESETS = {
    "openai": Preset(
        "https://api.openai.com/v1",
        "OPENAI_API_KEY",
        chat_model="gpt-4o-mini",
        embed_model="text-embedding-3-small",
        transcribe_model="gpt-4o-mini-transcribe",
        limit_name="max_completion_tokens",
    ),
    "ollama": Preset(
        "http://localhost:11434/v1",
        "OLLAMA_API_KEY",
        needs_key=False,
        chat_model="llama3.2",
        embed_model="nomic-embed-text",
    ),
    "vllm": Preset("http://localhost:8000/v1", "VLLM_API_KEY", needs_key=False),
    "openrouter": Preset(
        "https://openrouter.ai/api/v1",
        "OPENROUTER_API_KEY",
        chat_model="openai/gpt-4o-mini",
        embed_model="openai/text-embedding-3-small",
    ),
    "grok": Preset("https://api.x.ai/v1", "XAI_API_KEY", chat_model="grok-4"),
    "gemini": Preset(
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "GEMINI_API_KEY",
        chat_model="gemini-2.5-flash",
        embed_model="gemini-embedding-001",
    ),
    # Its compatible endpoint ignores response_format without a word, so the form is asked for in the prompt.
    "anthropic": Preset(
        "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY", chat_model="claude-sonnet-4-6", structure="none"
    ),
}
