# Good
agent_id = "general_assistant_v1"
agent_id = "coding_helper"
agent_id = "research_bot"

# Avoid
agent_id = "agent1"  # Not descriptive
agent_id = "Bob"     # Confusing
