# Create specialized agents for the same user
user_id = "alice"

general_agent = MemoryService(
    user_id=user_id,
    agent_id="general_assistant",
    database_config=DatabaseConfig(provider="sqlite"),
)

coding_agent = MemoryService(
    user_id=user_id,
    agent_id="coding_assistant",
    database_config=DatabaseConfig(provider="sqlite"),
)

research_agent = MemoryService(
    user_id=user_id,
    agent_id="research_assistant",
    database_config=DatabaseConfig(provider="sqlite"),
)
