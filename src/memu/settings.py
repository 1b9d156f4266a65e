"""Every option of the library, as data; both spellings of the database settings come in here and leave as one."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, model_validator

from memu.endpoints import EmbeddingConfig, LLMConfig, LLMProfilesConfig
from memu.memorize_settings import DEFAULT_CATEGORIES, CategoryConfig, MemorizeConfig, PromptBlock
from memu.models import DefaultUserModel
from memu.options import Settings, parse

__all__ = [
    "DEFAULT_CATEGORIES",
    "BlobConfig",
    "CategoryConfig",
    "DatabaseConfig",
    "EmbeddingConfig",
    "ItemTierConfig",
    "LLMConfig",
    "LLMProfilesConfig",
    "MemorizeConfig",
    "MetadataStoreConfig",
    "PoolConfig",
    "PromptBlock",
    "RetrieveConfig",
    "Settings",
    "TierConfig",
    "UserConfig",
    "VectorIndexConfig",
    "environment_weights_dir",
    "parse",
]

PROVIDERS = {
    "sqlite": "sqlite",
    "postgresql": "postgres",
    "postgres": "postgres",
    "mysql": "mysql",
    "mariadb": "mysql",
    "mongodb": "mongodb",
}
"""Which provider a DSN of each kind belongs to."""

IN_RAM = ("sqlite://", "sqlite:///", "sqlite:///:memory:")
"""The DSNs that name no file."""

FLAT_KEYS = ("provider", "sqlite_path", "vector_db_path")
NESTED_KEYS = ("metadata_store", "vector_index")

StoreProvider = Annotated[
    Literal["inmemory", "sqlite", "postgres", "mysql", "mongodb"],
    BeforeValidator(lambda value: "inmemory" if value == "memory" else value),
]


class PoolConfig(Settings):
    """The connections of one process to a database server, and how long to wait for what.

    At most `pool_size` connections are kept and `max_overflow` more made when they are needed; who gets none within
    `pool_timeout` seconds is told so. `pool_recycle` is their longest life, `connect_timeout` the wait for the server
    (both in seconds). `statement_timeout` bounds one statement, where it is set (on MySQL: one SELECT).
    """

    pool_size: int = Field(default=5, ge=1)
    max_overflow: int = Field(default=10, ge=0)
    pool_timeout: float = Field(default=30.0, gt=0)
    pool_recycle: float = Field(default=1800.0, gt=0)
    connect_timeout: float = Field(default=10.0, gt=0)
    statement_timeout: float | None = Field(default=None, gt=0)


class MetadataStoreConfig(Settings):
    """Where the rows are kept.

    `dsn` is an SQLAlchemy URL (`sqlite:///memu.db`); it may hold a password and is left out of every repr. Without a
    `provider` it says which one is meant; without either the store is in RAM. `ddl_mode` "create" makes or migrates the
    tables, "validate" only checks them. `pool` is for database servers.
    """

    provider: StoreProvider = "inmemory"
    ddl_mode: Literal["create", "validate"] = "create"
    dsn: str | None = Field(default=None, repr=False)
    pool: PoolConfig = Field(default_factory=PoolConfig)

    @model_validator(mode="before")
    @classmethod
    def _provider_of_the_dsn(cls, data: Any) -> Any:
        dsn = data.get("dsn") if isinstance(data, Mapping) else None
        if not isinstance(dsn, str):
            return data
        if not dsn.strip():
            raise ValueError("the dsn is empty: expected a database URL such as sqlite:///memu.db, or no dsn at all.")
        if "provider" not in data:
            return {**data, "provider": _provider_of(dsn)}
        if data["provider"] in ("memory", "inmemory") and dsn not in IN_RAM:
            raise ValueError(
                'the provider "inmemory" keeps nothing, and the dsn names a database: give the provider of the dsn, or '
                "leave out one of the two."
            )
        return data


class VectorIndexConfig(Settings):
    """How vectors are searched: "bruteforce" is exact, "pgvector" is PostgreSQL's, "none" is lexical search only."""

    provider: Literal["bruteforce", "pgvector", "none"] = "bruteforce"
    dsn: str | None = Field(default=None, min_length=1, repr=False)


class DatabaseConfig(Settings):
    """The database, in either documented form.

    Nested: `DatabaseConfig(metadata_store={"provider": "sqlite", "dsn": "sqlite:///memu.db"})`.
    Flat: `DatabaseConfig(provider="sqlite", sqlite_path="./data/memu.db", vector_db_path="./data/vectors.json")`;
    only the flat form keeps the `vectors.json` mirror, by default beside the database file. A path or a DSN says by
    itself which provider is meant; with none of the three the store is in RAM.

    Raises:
        ValueError: both forms at once, an unknown key, or a vector index that the store cannot serve.
    """

    metadata_store: MetadataStoreConfig = Field(default_factory=MetadataStoreConfig)
    vector_index: VectorIndexConfig | None = None
    mirror_path: Path | None = None

    def __init__(self, **data: Any) -> None:
        """Take either form; typed as such, because the fields name the nested one only."""
        super().__init__(**data)

    @property
    def lexical_only(self) -> bool:
        """Whether the vector index is "none": nothing is embedded, and search goes by words."""
        return self.vector_index is not None and self.vector_index.provider == "none"

    @model_validator(mode="before")
    @classmethod
    def _flat_to_nested(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        flat, nested = [key for key in FLAT_KEYS if key in data], [key for key in NESTED_KEYS if key in data]
        if flat and nested:
            raise ValueError(
                f"{', '.join(flat)} and {', '.join(nested)} are two spellings of one thing: "
                "give either provider/sqlite_path/vector_db_path or metadata_store/vector_index."
            )
        return _nested_form(data) if flat else data

    @model_validator(mode="after")
    def _one_dsn(self) -> "DatabaseConfig":
        index, store = self.vector_index.dsn if self.vector_index else None, self.metadata_store.dsn
        if index is not None and (store is None or _target(index) != _target(store)):
            raise ValueError(
                "vector_index.dsn is not metadata_store.dsn: vectors are kept beside their rows, so leave out "
                "vector_index.dsn (neither is shown: it may hold a password)."
            )
        return self

    @model_validator(mode="after")
    def _pairing(self) -> "DatabaseConfig":
        if (
            self.vector_index
            and self.vector_index.provider == "pgvector"
            and self.metadata_store.provider != "postgres"
        ):
            raise ValueError(
                f'vector_index "pgvector" needs metadata_store "postgres", not "{self.metadata_store.provider}": '
                'use "bruteforce" (exact) or "none".'
            )
        return self


def _nested_form(data: Mapping[str, Any]) -> dict[str, Any]:
    """Translate the flat form; other keys stay, so that an unknown one is still refused by name."""
    rest = {key: value for key, value in data.items() if key not in FLAT_KEYS}
    paths = [key for key in ("sqlite_path", "vector_db_path") if key in data]
    provider = data.get("provider", "sqlite" if paths else "inmemory")
    if provider != "sqlite":
        if paths:
            raise ValueError(f'{", ".join(paths)} belongs to provider "sqlite", not "{provider}".')
        return {**rest, "metadata_store": {"provider": provider}}
    database = Path(data.get("sqlite_path", "./data/memu.db"))
    mirror = Path(data.get("vector_db_path", database.parent / "vectors.json"))
    return {**rest, "metadata_store": {"provider": "sqlite", "dsn": f"sqlite:///{database}"}, "mirror_path": mirror}


def _provider_of(dsn: str) -> str:
    """The provider that a DSN belongs to; its text may hold a password and is never repeated."""
    kind = dsn.partition("://")[0].partition("+")[0].casefold() if "://" in dsn else ""
    if kind not in PROVIDERS:
        raise ValueError(f"the dsn is no database URL that is known: expected one of {', '.join(PROVIDERS)}, and ://…")
    return "inmemory" if dsn in IN_RAM else PROVIDERS[kind]


def _target(dsn: str) -> tuple[str, str]:
    """What a DSN leads to, by whatever driver."""
    return _provider_of(dsn), dsn.partition("://")[2]


class BlobConfig(Settings):
    """Local copies of memorized files, and the limits on what may be read.

    `resources_dir` receives the copies (databases in memory keep none). `allowed_roots` limits local paths to these
    folders. `max_bytes` and `timeout` (seconds, whole download) bound a read; `allow_private_urls` lets addresses of
    private networks and this machine be fetched. `max_pages` bounds a PDF, `max_characters` the text of a PDF, DOCX or
    HTML file. `video_frames` is how many pictures of a video a language model is shown.
    """

    provider: Literal["local"] = "local"
    resources_dir: Path = Path("./data/resources")
    allowed_roots: tuple[Path, ...] | None = None
    max_bytes: int = Field(default=50_000_000, gt=0)
    timeout: float = Field(default=60.0, gt=0)
    allow_private_urls: bool = False
    max_pages: int = Field(default=2000, gt=0)
    max_characters: int = Field(default=10_000_000, gt=0)
    video_frames: int = Field(default=8, ge=1, le=64)


class TierConfig(Settings):
    """One tier of an answer (categories, items or resources): whether it is searched, and how many are returned."""

    enabled: bool = True
    top_k: int | None = Field(default=None, ge=1)


class ItemTierConfig(TierConfig):
    """The tier of items, which can also be ranked by how often and how lately they were said.

    With `ranking` "salience" an item's score is `similarity * ln(1 + n) * 0.5 ** (days / recency_decay_days)`: n is how
    often it was said, `days` how long ago that was last. With `use_category_references` the items that the summaries of
    the found categories cite follow those that were found: as many again at most, each with `cited_by`.
    """

    ranking: Literal["similarity", "salience"] = "similarity"
    recency_decay_days: float = Field(default=30.0, gt=0, allow_inf_nan=False)
    use_category_references: bool = False


class RetrieveConfig(Settings):
    """How `retrieve` searches; `top_k` is the default of every tier that names none.

    `index_budget_mb` bounds the memory of the resident search indexes of one store, over all its users; of several
    services on one store the largest budget counts. `context_min_score` is the score (0..1) below which `context` takes
    a memory for unrelated: one that says the same in other words mostly has more than 0.1.

    A language model is asked only by the steps that are turned on here, and each asks the profile of its own option:

    - `rewrite_query`: the question is written anew against the conversation before it, where there is one.
    - `route_intention`: the same call also decides whether memory is needed at all.
    - `sufficiency_check`: what was found is judged; where it does not answer, one further question is searched.
      `sufficiency_check_prompt` replaces what the model is told to do.
    - `method` "llm": of the best `llm_candidates` of each tier the model chooses those that matter, and their order.

    `max_calls` and `max_tokens` bound what endpoints may be asked in one retrieve, for words and for vectors.
    """

    method: Annotated[
        Literal["rag", "llm"], BeforeValidator(lambda value: value.casefold() if isinstance(value, str) else value)
    ] = "rag"
    top_k: int = Field(default=5, ge=1)
    category: TierConfig = Field(default_factory=TierConfig)
    item: ItemTierConfig = Field(default_factory=ItemTierConfig)
    resource: TierConfig = Field(default_factory=TierConfig)
    language: str = "english"
    index_budget_mb: int = Field(default=512, ge=1)
    context_min_score: float = Field(default=0.1, ge=0.0, le=1.0)
    rewrite_query: bool = False
    route_intention: bool = False
    route_intention_llm_profile: str = "default"
    sufficiency_check: bool = False
    sufficiency_check_prompt: str = ""
    sufficiency_check_llm_profile: str = "default"
    llm_ranking_llm_profile: str = "default"
    llm_candidates: int = Field(default=30, ge=1, le=200)
    max_calls: int | None = Field(default=None, ge=1)
    max_tokens: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _categories_to_follow(self) -> "RetrieveConfig":
        if self.item.use_category_references and not (self.item.enabled and self.category.enabled):
            raise ValueError(
                "item.use_category_references leads from found categories to items: leave both tiers enabled."
            )
        return self

    @property
    def model_steps(self) -> dict[str, str]:
        """The steps that ask a language model, in their order, and the profile that each asks."""
        steps = (
            ("route_intention", self.route_intention, self.route_intention_llm_profile),
            ("rewrite_query", self.rewrite_query and not self.route_intention, self.route_intention_llm_profile),
            ("sufficiency_check", self.sufficiency_check, self.sufficiency_check_llm_profile),
            ('method "llm"', self.method == "llm", self.llm_ranking_llm_profile),
        )
        return {name: profile for name, wanted, profile in steps if wanted}


class UserConfig(Settings):
    """The scope fields, as a pydantic model; `user_id` and `agent_id` are always among them."""

    model: type[BaseModel] = DefaultUserModel


def environment_weights_dir() -> Path | None:
    """The folder that `MEMU_MODEL_DIR` names, if any."""
    value = os.environ.get("MEMU_MODEL_DIR")
    return Path(value) if value else None
