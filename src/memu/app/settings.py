"""The settings at the path that the documents import them from: the same classes as `memu.settings`."""

from memu.settings import (
    BlobConfig,
    CategoryConfig,
    DatabaseConfig,
    EmbeddingConfig,
    LLMConfig,
    LLMProfilesConfig,
    MemorizeConfig,
    MetadataStoreConfig,
    RetrieveConfig,
    UserConfig,
    VectorIndexConfig,
)

__all__ = [
    "BlobConfig",
    "CategoryConfig",
    "DatabaseConfig",
    "EmbeddingConfig",
    "LLMConfig",
    "LLMProfilesConfig",
    "MemorizeConfig",
    "MetadataStoreConfig",
    "RetrieveConfig",
    "UserConfig",
    "VectorIndexConfig",
]
