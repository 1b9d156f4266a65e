# Old code (still works with defaults)
service = MemoryService()  # Uses user_id="default", agent_id="default"
