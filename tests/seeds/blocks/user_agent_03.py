import asyncio
from memu.app.service import MemoryService
from memu.app.settings import DatabaseConfig

async def main():
    # Initialize service with user_id and agent_id
    service = MemoryService(
        user_id="user123",
        agent_id="assistant_v1",
        database_config=DatabaseConfig(
            provider="sqlite",
            sqlite_path="./data/memu.db",
            vector_db_path="./data/vectors.json",
        ),
    )

    # Add memory
    result = await service.memorize(
        resource_url="path/to/conversation.txt",
        modality="conversation",
    )

    # Retrieve memories
    queries = [{"role": "user", "content": {"text": "What do you know about me?"}}]
    retrieved = await service.retrieve(queries)

    print(f"Retrieved {len(retrieved['items'])} memory items")

asyncio.run(main())
