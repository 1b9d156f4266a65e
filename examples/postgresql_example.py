"""What an agent keeps in PostgreSQL: personas, tools, conversations, vectors, workflows, and the agent itself.

Run it from anywhere: `python examples/postgresql_example.py`. It connects to the server that POSTGRES_HOST,
POSTGRES_PORT, POSTGRES_DB, POSTGRES_USER and POSTGRES_PASSWORD name, of which those that are not set have the values of
docker-compose.yml. When none of them is set, it keeps everything in an SQLite file instead, and says so. At the end it
removes what it made; tables that were empty before forget the dimension of its vectors.
"""

import os
import sys
import tempfile
import uuid
from pathlib import Path

from memorizz import ConversationMemoryUnit, MemoryType, Persona, RoleType, Toolbox, Workflow, WorkflowOutcome
from memorizz.memory_provider.postgresql import PostgreSQLConfig, PostgreSQLProvider
from memorizz.memory_provider.provider import RecordProvider
from memorizz.memory_provider.sqlite import SQLiteConfig, SQLiteProvider
from memu.errors import MemuError, VectorError

VARIABLES = ("POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD")


def opening_hours(day: str) -> str:
    """Tell when the aquarium is open.

    Args:
        day: the day of the week
    """
    return "closed" if day == "Monday" else "9 am to 6 pm"


def ticket_price(adults: int, children: int = 0) -> float:
    """Work out what the tickets of a group of visitors cost.

    Args:
        adults: how many are 12 or older
        children: how many are younger
    """
    return 15.0 * adults + 7.5 * children


class Example:
    """The examples; all that they keep belongs to one memory, so that it is easily found and removed."""

    def __init__(self, provider: RecordProvider) -> None:
        self.provider = provider
        self.memory_id = f"example-{uuid.uuid4()}"
        self.toolbox = Toolbox(provider)
        self.kept: list[tuple[str, MemoryType]] = []
        self.empty = [kind for kind in MemoryType if not provider.list_all(kind, limit=1)]

    def run(self) -> None:
        """Run them all, and remove what they made."""
        steps = [
            self.persona,
            self.find_persona,
            self.tools,
            self.conversation,
            self.vectors,
            self.workflow,
            self.agent,
        ]
        try:
            for step in steps:
                step()
        finally:
            self.clean()
        print("🧹 Removed everything that these examples stored")

    def clean(self) -> None:
        """Remove what was kept, so that the tables are as they were found."""
        for id, kind in self.kept:
            self.provider.delete_by_id(id, kind)
        for kind in self.empty:
            if not self.provider.list_all(kind, limit=1):
                self.provider.delete_all(kind)  # and so forget of which dimension the vectors were

    def persona(self) -> None:
        print("📝 Example 1: Storing a Persona")
        guide = Persona(
            name="Marina",
            role=RoleType.CUSTOMER_SUPPORT,
            goals="Help visitors of the aquarium to plan their day.",
            background="Has guided visitors past the sharks for ten years.",
        )
        persona_id = guide.store_persona(self.provider)
        self.kept.append((persona_id, MemoryType.PERSONAS))
        print(f"✅ Stored persona with ID: {persona_id}")

    def find_persona(self) -> None:
        print("🔍 Example 2: Finding a Persona")
        best = Persona.get_most_similar_persona("someone who knows about fish", self.provider)
        print(f"✅ Found {best['name']}, with a similarity of {best['score']:.2f}")

    def tools(self) -> None:
        print("🧰 Example 3: Choosing a Tool")
        for function in (opening_hours, ticket_price):
            tool_id = self.toolbox.register_tool(function)
            self.kept.append((tool_id, MemoryType.TOOLBOX))
            print(f"✅ Registered {function.__name__}")
        question = "How much is it for two adults and a child?"
        best = self.toolbox.get_most_similar_tools(question, limit=1)
        function = self.toolbox.get_function_by_id(best["_id"])
        answer = (
            function(adults=2, children=1) if function is ticket_price else "nothing that these examples registered"
        )
        print(f"✅ “{question}” → {best['name']} → {answer}")

    def conversation(self) -> None:
        print("💬 Example 4: Keeping a Conversation")
        said = [
            ("user", "We would like to come on Saturday."),
            ("assistant", "On Saturdays the seals are fed at eleven."),
            ("user", "My daughter is afraid of sharks."),
        ]
        for role, content in said:
            unit_id = ConversationMemoryUnit(role, content, memory_id=self.memory_id).store(self.provider)
            self.kept.append((unit_id, MemoryType.CONVERSATION_MEMORY))
        history = self.provider.retrieve_conversation_history_ordered_by_timestamp(self.memory_id)
        print(f"✅ {len(history)} messages, the first: “{history[0]['content']}”")
        found = self.provider.retrieve_by_query(
            {"query": "What frightens the child?", "memory_id": self.memory_id}, MemoryType.CONVERSATION_MEMORY
        )
        print(f"✅ What frightens the child? “{found['content']}” ({found['score']:.2f})")

    def vectors(self) -> None:
        print("🧭 Example 5: Searching by Vectors")
        for content in ("The seals are fed at eleven.", "The car park is behind the building."):
            embedding = self.provider.embed_text(content)  # or a vector of your own embedder
            data = {"content": content, "embedding": embedding, "memory_id": self.memory_id}
            self.kept.append((self.provider.store(data, MemoryType.LONG_TERM_MEMORY), MemoryType.LONG_TERM_MEMORY))
        query = {"embedding": self.provider.embed_text("Where do I leave my car?"), "memory_id": self.memory_id}
        for found in self.provider.retrieve_by_query(query, MemoryType.LONG_TERM_MEMORY, limit=5):
            print(f"✅ {found['score']:.2f} {found['content']}")

    def workflow(self) -> None:
        print("🪜 Example 6: Remembering a Workflow")
        workflow = Workflow("Plan a visit", "Find a day and work out what it costs", memory_id=self.memory_id)
        workflow.add_step("hours", {"tool": "opening_hours", "arguments": {"day": "Saturday"}})
        workflow.add_step("price", {"tool": "ticket_price", "arguments": {"adults": 2, "children": 1}})
        workflow.outcome = WorkflowOutcome.SUCCESS
        workflow_id = workflow.store_workflow(self.provider)
        self.kept.append((workflow_id, MemoryType.WORKFLOW_MEMORY))
        found = Workflow.retrieve_workflow_by_id(workflow_id, self.provider)
        print(f"✅ {found.name}: {' → '.join(found.steps)}, {found.outcome.value}")

    def agent(self) -> None:
        print("🤖 Example 7: Keeping an Agent")
        agent_id = self.provider.store_memagent({"name": "Guide", "max_steps": 5, "memory_ids": [self.memory_id]})
        self.kept.append((agent_id, MemoryType.MEMAGENT))
        agent = self.provider.retrieve_memagent(agent_id)
        print(f"✅ {agent.name} takes {agent.max_steps} steps at most and has {len(agent.memory_ids)} memory")


def connect(folder: Path) -> RecordProvider:
    """The server that the environment names, or a file in a folder."""
    if any(os.environ.get(name) for name in VARIABLES):
        return PostgreSQLProvider(PostgreSQLConfig())
    print("💡 No POSTGRES_* variable is set, so no server is asked: an SQLite file is used instead")
    return SQLiteProvider(SQLiteConfig(folder / "memorizz.db"))


def main() -> int:
    """Run the examples; 1 when the database cannot be reached or refuses something."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    print("🚀 PostgreSQL Memory Provider Example")
    print("=" * 50)
    print("📡 Connecting to PostgreSQL...")
    try:
        with tempfile.TemporaryDirectory() as folder, connect(Path(folder)) as provider:
            print("✅ Connected successfully!")
            Example(provider).run()
    except MemuError as error:
        print(f"❌ {error}")
        if isinstance(error, VectorError):
            print("💡 This database holds vectors of another model: name one for the examples by POSTGRES_DB")
        return 1
    print("🎉 All examples completed successfully!")
    return 0


if __name__ == "__main__":
    sys.exit(main())
