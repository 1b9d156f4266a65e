# Old code - still works!
service = MemoryService()

# Equivalent to:
service = MemoryService(
    user_id="default",
    agent_id="default",
    database_config=DatabaseConfig(provider="memory"),
)
