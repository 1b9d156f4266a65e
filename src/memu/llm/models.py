"""The models of a service: one client for each profile, with one log and one set of hooks for all."""

from collections.abc import Mapping

from memu.endpoints import EMBEDDING, LLMConfig
from memu.errors import ConfigError
from memu.llm.base import ChatModel
from memu.llm.interceptors import Interceptors
from memu.llm.openai_client import OpenAIChat
from memu.llm.usage import UsageLog


class Models:
    """Chat models by the names of their profiles.

    Args:
        profiles: the endpoints; "embedding" is no chat model and left out.
        usage: where requests are counted; one of its own where it is left out.
        interceptors: likewise, the hooks.
    """

    def __init__(
        self,
        profiles: Mapping[str, LLMConfig],
        *,
        usage: UsageLog | None = None,
        interceptors: Interceptors | None = None,
    ) -> None:
        self.usage = usage or UsageLog()
        self.interceptors = interceptors or Interceptors()
        self._models = {
            name: OpenAIChat(name, config, usage=self.usage, interceptors=self.interceptors)
            for name, config in profiles.items()
            if name != EMBEDDING
        }

    @property
    def names(self) -> list[str]:
        """The profiles that can be asked."""
        return sorted(self._models)

    def get(self, profile: str = "default") -> ChatModel:
        """The model of a profile.

        Raises:
            ConfigError: no profile has that name.
        """
        if profile not in self._models:
            told = ", ".join(self.names) or "none"
            raise ConfigError(f"no profile is named {profile!r}: llm_profiles has {told}.")
        return self._models[profile]
