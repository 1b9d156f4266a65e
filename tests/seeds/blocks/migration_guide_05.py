def create_service_for_user(user_id: str, agent_id: str = "default_agent"):
    """Create a MemoryService instance for a specific user."""
    return MemoryService(
        user_id=user_id,
        agent_id=agent_id,
        database_config=DatabaseConfig(
            provider="sqlite",
            sqlite_path="./data/memu.db",
            vector_db_path="./data/vectors.json",
        ),
    )

# Usage
alice_service = create_service_for_user("alice")
bob_service = create_service_for_user("bob")
