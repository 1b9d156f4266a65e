import asyncio
from memu.app.service import MemoryService
from memu.app.settings import DatabaseConfig

async def test_migration():
    # Create service
    service = MemoryService(
        user_id="test_user",
        agent_id="test_agent",
        database_config=DatabaseConfig(provider="sqlite"),
    )

    # Test memorize
    result = await service.memorize(
        resource_url="test_data.txt",
        modality="document",
    )
    print(f"Created {len(result['items'])} items")

    # Test retrieve
    queries = [{"role": "user", "content": {"text": "Test query"}}]
    retrieved = await service.retrieve(queries)
    print(f"Retrieved {len(retrieved['items'])} items")

asyncio.run(test_migration())
