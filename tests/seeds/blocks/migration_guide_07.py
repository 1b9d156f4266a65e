# Single user, single agent
service = MemoryService(
    user_id="john_doe",
    agent_id="personal_assistant",
    database_config=DatabaseConfig(provider="sqlite"),
)
