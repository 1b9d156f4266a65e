"""The memory that AI agents run on: memorize what was said, retrieve what matters, for one user and one agent."""

from memu.app import MemoryService, MemUService
from memu.errors import MemuError
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

__version__ = "0.1.0"

__all__ = [
    "BlobConfig",
    "CategoryConfig",
    "DatabaseConfig",
    "EmbeddingConfig",
    "LLMConfig",
    "LLMProfilesConfig",
    "MemUService",
    "MemorizeConfig",
    "MemoryService",
    "MemuError",
    "MetadataStoreConfig",
    "RetrieveConfig",
    "UserConfig",
    "VectorIndexConfig",
    "__version__",
]
