"""What users call."""

from memu.app.service import MemoryService
from memu.models import DefaultUserModel
from memu.settings import (
    BlobConfig,
    DatabaseConfig,
    EmbeddingConfig,
    LLMConfig,
    LLMProfilesConfig,
    MemorizeConfig,
    MetadataStoreConfig,
    RetrieveConfig,
    UserConfig,
)

MemUService = MemoryService
"""Another name for the same class, which older code imports."""

__all__ = [
    "BlobConfig",
    "DatabaseConfig",
    "DefaultUserModel",
    "EmbeddingConfig",
    "LLMConfig",
    "LLMProfilesConfig",
    "MemUService",
    "MemorizeConfig",
    "MemoryService",
    "MetadataStoreConfig",
    "RetrieveConfig",
    "UserConfig",
]
