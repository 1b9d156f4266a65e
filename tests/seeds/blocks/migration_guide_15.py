try:
    service = MemoryService(
        user_id=user_id,
        agent_id=agent_id,
        database_config=DatabaseConfig(provider="sqlite"),
    )
except Exception as e:
    logger.error(f"Failed to initialize service: {e}")
    # Fall back to in-memory
    service = MemoryService(
        user_id=user_id,
        agent_id=agent_id,
        database_config=DatabaseConfig(provider="memory"),
    )
