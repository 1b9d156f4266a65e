class MemoryManager:
    def __init__(self, db_path: str = "./data/memu.db"):
        self.db_path = db_path
        self.services = {}

    def get_service(self, user_id: str, agent_id: str = "default"):
        key = (user_id, agent_id)
        if key not in self.services:
            self.services[key] = MemoryService(
                user_id=user_id,
                agent_id=agent_id,
                database_config=DatabaseConfig(
                    provider="sqlite",
                    sqlite_path=self.db_path,
                ),
            )
        return self.services[key]

# Usage
manager = MemoryManager()
service = manager.get_service(user_id=request.user.id)
