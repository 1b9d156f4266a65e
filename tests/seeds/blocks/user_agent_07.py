from memu.app.service import MemoryService
from memu.app.settings import BlobConfig, DatabaseConfig, LLMConfig

service = MemoryService(
    user_id="user123",
    agent_id="assistant_v1",
    llm_config=LLMConfig(
        base_url="https://api.openai.com/v1",
        api_key="YOUR_API_KEY",
        chat_model="gpt-4o-mini",
        embed_model="text-embedding-3-small",
    ),
    blob_config=BlobConfig(
        provider="local",
        resources_dir="./data/resources",
    ),
    database_config=DatabaseConfig(
        provider="sqlite",
        sqlite_path="./data/memu.db",
        vector_db_path="./data/vectors.json",
    ),
)
