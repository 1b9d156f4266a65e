# Before
from memu.app.service import MemoryService

service = MemoryService(
    llm_config={
        "api_key": "YOUR_API_KEY",
        "chat_model": "gpt-4o-mini",
    },
)

# After
from memu.app.service import MemoryService
from memu.app.settings import DatabaseConfig

service = MemoryService(
    user_id="user123",           # NEW: Add user ID
    agent_id="assistant_v1",     # NEW: Add agent ID
    llm_config={
        "api_key": "YOUR_API_KEY",
        "chat_model": "gpt-4o-mini",
    },
    database_config=DatabaseConfig(  # NEW: Add database config
        provider="sqlite",
        sqlite_path="./data/memu.db",
        vector_db_path="./data/vectors.json",
    ),
)
