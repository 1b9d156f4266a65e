import pytest

@pytest.fixture
def test_service():
    import uuid
    test_id = str(uuid.uuid4())

    service = MemoryService(
        user_id=f"test_user_{test_id}",
        agent_id=f"test_agent_{test_id}",
        database_config=DatabaseConfig(provider="sqlite"),
    )

    yield service

    # Cleanup after test
    # (implement cleanup logic)
