# General assistant for Charlie
service_general = MemoryService(
    user_id="charlie",
    agent_id="general_assistant",
    database_config=DatabaseConfig(provider="sqlite"),
)

# Coding assistant for Charlie
service_coding = MemoryService(
    user_id="charlie",
    agent_id="coding_assistant",
    database_config=DatabaseConfig(provider="sqlite"),
)
