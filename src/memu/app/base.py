"""What every call of a service stands on: opening and closing, settings, and whose memory a call means."""

import logging
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from pydantic import BaseModel

from memu.app import inputs, wiring
from memu.app.inputs import Options
from memu.app.interception import Interception
from memu.app.sync import SyncService
from memu.backends.base import Capability
from memu.database.core import Database
from memu.database.fields import split_scope
from memu.database.registry import open_database
from memu.errors import ClosedError, InputError
from memu.llm.models import Models
from memu.scope import DEFAULT, Scope
from memu.settings import (
    BlobConfig,
    DatabaseConfig,
    EmbeddingConfig,
    LLMConfig,
    LLMProfilesConfig,
    MemorizeConfig,
    RetrieveConfig,
    UserConfig,
    parse,
)
from memu.sources.blobs import BlobStore

logger = logging.getLogger("memu.app")


class ServiceBase(Interception):
    """A store that was opened with its settings, for one user and agent or for many."""

    def __init__(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        database_config: DatabaseConfig | Options = None,
        database: DatabaseConfig | Options = None,
        llm_config: LLMConfig | Options = None,
        llm_profiles: LLMProfilesConfig | Options = None,
        blob_config: BlobConfig | Options = None,
        memorize_config: MemorizeConfig | Options = None,
        retrieve_config: RetrieveConfig | Options = None,
        embedding_config: EmbeddingConfig | Options = None,
        user_config: UserConfig | type[BaseModel] | Options = None,
    ) -> None:
        self._parts: wiring.Parts | None = None
        self.database_config = parse(
            DatabaseConfig, inputs.one_of("database_config", database_config, "database", database), "database_config"
        )
        self.llm_profiles = inputs.read_profiles(llm_config, llm_profiles)
        self.blob_config = parse(BlobConfig, blob_config, "blob_config")
        self.memorize_config = parse(MemorizeConfig, memorize_config, "memorize_config")
        self.retrieve_config = parse(RetrieveConfig, retrieve_config, "retrieve_config")
        self.embedding_config = inputs.read_embedding(embedding_config, self.llm_profiles)
        if self.database_config.lexical_only:
            self.embedding_config = EmbeddingConfig(provider="none")
        if isinstance(user_config, type):
            user_config = UserConfig(model=user_config)
        self.user_config = parse(UserConfig, user_config, "user_config")
        self._models = Models(self.llm_profiles)
        inputs.check_profiles(self.retrieve_config.model_steps, self._models.names)
        inputs.check_memorize(self.memorize_config, self._models.names)
        budget = self.retrieve_config.index_budget_mb * 1024 * 1024
        opened = open_database(
            self.database_config,
            self.user_config.model,
            index_budget=budget,
            language=self.retrieve_config.language,
        )
        opened.handle.indexes.allow(budget)  # the store may have been opened before, with another one
        try:
            self._open(opened, user_id, agent_id)
        except BaseException:
            opened.close()
            raise

    def _open(self, opened: Database, user_id: str | None, agent_id: str | None) -> None:
        named = {name: value for name, value in (("user_id", user_id), ("agent_id", agent_id)) if value is not None}
        fields = opened.handle.scope_fields
        self.scope = Scope.of(named, fields=fields) if named else None
        self.user_id = named.get("user_id", DEFAULT)
        self.agent_id = named.get("agent_id", DEFAULT)
        if warning := wiring.check_embedder(opened.handle.embedder(), self.embedding_config):
            logger.warning("%s", warning)
        lasting = bool(opened.handle.records.capabilities & Capability.DURABLE)
        extractor, categorizer, summarizer = wiring.rule_parts(self.memorize_config)
        self._parts = wiring.Parts(
            database=opened,
            embedder=wiring.embedder_for(self.embedding_config, self._models),
            extractor=extractor,
            categorizer=categorizer,
            summarizer=summarizer,
            blobs=BlobStore(self.blob_config.resources_dir) if lasting else None,
            blob_settings=self.blob_config,
            memorize=self.memorize_config,
            retrieve=self.retrieve_config,
            models=self._models,
        )

    @property
    def parts(self) -> wiring.Parts:
        """What the service is made of; ClosedError after `close`."""
        if self._parts is None:
            raise ClosedError("the service was closed: make a new one.")
        return self._parts

    @property
    def database(self) -> Database:
        """The store object: four repositories, and records as mappings. A bound service's sees its own pair only."""
        whole = self.parts.database
        return whole.bound(self.scope) if self.scope else whole

    db = database
    store = database

    @property
    def sync(self) -> SyncService:
        """The same calls without `await`, for scripts: `service.sync.memorize("…")`."""
        return SyncService(self)

    def describe(self) -> dict[str, Any]:
        """What this service uses, and why: store, embedder, language model, scope. No secret is in it."""
        parts = self.parts
        return {
            "scope": self.scope.as_dict() if self.scope else "many users: each call names its own",
            "database": parts.database.handle.describe(),
            "embedder": parts.embedder.describe(),
            "language_model": wiring.describe_models(parts, self.llm_profiles),
            "resources_dir": str(self.blob_config.resources_dir) if parts.blobs else None,
            "categories": [one.name for one in self.memorize_config.memory_categories],
        }

    async def aclose(self) -> None:
        """Close without blocking the event loop."""
        if self._parts is not None:
            await self._parts.compute(self.close)

    def close(self) -> None:
        """Let go of the store, which closes when nobody else uses it; idempotent."""
        parts, self._parts = self._parts, None
        if parts is not None:
            parts.embedder.close()
            parts.database.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.scope or 'for many users'}{'' if self._parts else ', closed'}>"

    def _scope(self, user: Mapping[str, Any] | None) -> Scope:
        return inputs.read_scope(self.scope, user, self.parts.database.handle.scope_fields)

    def _where(
        self, where: Mapping[str, Any] | None, user: Mapping[str, Any] | None = None
    ) -> tuple[Scope, dict[str, Any]]:
        """Part `where` into whose memory is meant and what to filter on."""
        if where is not None and not isinstance(where, Mapping):
            raise InputError(f"where is a {type(where).__name__}: expected a mapping of field names to values.")
        named, rest = split_scope(where, self.parts.database.handle.scope_fields)
        if user is None:
            return self._scope(named or None), rest
        if named and user != named:
            raise InputError("user= and where= name different owners: give one of them.")
        return self._scope(user), rest

    async def _read(self, step: Callable[..., dict[str, Any]], scope: Scope, *args: Any) -> dict[str, Any]:
        return await self.parts.store(step, self.parts, scope, *args)

    async def _write(self, step: Callable[..., dict[str, Any]], scope: Scope, *args: Any) -> dict[str, Any]:
        return await self.parts.write(step, self.parts, scope, *args)
