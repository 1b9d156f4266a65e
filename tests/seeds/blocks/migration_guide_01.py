from memu.app.service import MemoryService
from memu.app.settings import DatabaseConfig

service = MemoryService(
    user_id="your_user_id",
    agent_id="your_agent_id",
    database_config=DatabaseConfig(
        provider="sqlite",
        sqlite_path="./data/memu.db",
        vector_db_path="./data/vectors.json",
    ),
)
