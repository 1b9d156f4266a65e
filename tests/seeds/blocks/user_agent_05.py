service = MemoryService(
    user_id="temp_user",
    agent_id="temp_agent",
    database_config=DatabaseConfig(
        provider="memory",  # No persistence
    ),
)
