# InMemoryStore
store.create_resource(..., user_id="...", agent_id="...")
store.create_item(..., user_id="...", agent_id="...")
store.get_or_create_category(..., user_id="...", agent_id="...")
store.link_item_category(..., user_id="...", agent_id="...")

# PersistentStore
store = PersistentStore(db=db, vector_db=vector_db, user_id="...", agent_id="...")
# Methods use the store's user_id and agent_id automatically
