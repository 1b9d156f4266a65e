# Efficient: Use vector search with filters
results = provider.retrieve_by_query({
    "embedding": query_embedding,
    "memory_id": "specific_memory"
}, MemoryType.CONVERSATION_MEMORY, limit=10)

# Less efficient: Retrieve all then filter
all_results = provider.list_all(MemoryType.CONVERSATION_MEMORY)
