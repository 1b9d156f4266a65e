# New code (recommended)
service = MemoryService(
    user_id="user123",
    agent_id="assistant_v1",
)
