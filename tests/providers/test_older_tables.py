"""Tables of the same names that Memorizz's release 0.0.21 made: they are told, and left alone."""

from contextlib import closing

import pytest

from memorizz.memory_provider import MemoryType
from memu.errors import SchemaError
from servers import PASSWORD

from .places import Place

ALL = """id UUID PRIMARY KEY DEFAULT gen_random_uuid(), name VARCHAR(255), created_at TIMESTAMP DEFAULT NOW(),
updated_at TIMESTAMP DEFAULT NOW(), metadata JSONB DEFAULT '{}', embedding vector(256)"""
MEMORY = "memory_id VARCHAR(255)"
OF_CONTENT = f"""{MEMORY}, content TEXT, importance_score FLOAT DEFAULT 0, access_count INT DEFAULT 0,
last_accessed TIMESTAMP"""
OWN = {
    "personas": "role VARCHAR(100), goals TEXT, background TEXT, persona_id VARCHAR(255)",
    "toolbox": f"{MEMORY}, description TEXT, parameters JSONB, tool_id VARCHAR(255)",
    "conversation_memory": f"""{MEMORY}, content TEXT, role VARCHAR(50), timestamp TIMESTAMP DEFAULT NOW(),
        conversation_id VARCHAR(255)""",
    "workflow_memory": f"{MEMORY}, description TEXT, steps JSONB, workflow_id VARCHAR(255)",
    "agents": f"""{MEMORY}, instruction TEXT, memory_mode VARCHAR(50), max_steps INT, memory_ids JSONB DEFAULT '[]',
        agent_id VARCHAR(255), tools JSONB DEFAULT '[]', persona JSONB""",
    "short_term_memory": OF_CONTENT,
    "long_term_memory": OF_CONTENT,
}
"""The columns of each table beside those of all."""


def statements() -> list[str]:
    """What that release makes, and a row in each table."""
    made = [f"CREATE TABLE {name} ({ALL}, {own})" for name, own in OWN.items()]
    for name in OWN:
        made.append(f"CREATE INDEX {name}_embedding_idx ON {name} USING hnsw (embedding vector_cosine_ops)")
        made.append(f"CREATE INDEX {name}_name_idx ON {name} (name)")
        made.append(f"INSERT INTO {name} (name, metadata) VALUES ('theirs', '{{\"a\": 1}}')")
    return made


STATE = """
SELECT table_name, column_name, data_type, column_default, character_maximum_length, is_nullable::text
FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY 1, 2"""
INDEXES = "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1, 2"


def test_the_tables_of_another_release_are_told_and_left_alone(postgres: Place) -> None:
    assert postgres.server is not None
    with closing(postgres.server.bare(postgres.dsn)) as connection:
        connection.autocommit = True

        def state() -> list[object]:
            rows = [connection.execute(f"SELECT * FROM {name}").fetchall() for name in OWN]
            return [connection.execute(STATE).fetchall(), connection.execute(INDEXES).fetchall(), rows]

        for statement in statements():
            connection.execute(statement)
        before = state()
        for _ in range(2):
            with pytest.raises(SchemaError) as caught:
                postgres.open()
            assert state() == before
        said = str(caught.value)
        assert f"tables of the same names in another form ({', '.join(sorted(OWN))})" in said
        assert "Rename them, use another database" in said
        assert "ddl_mode" not in said  # which a provider has not
        for name in OWN:
            assert f"column {name}.document is missing" in said
            assert f"column {name}.created_at may be NULL, expected NOT NULL" in said
        assert "column personas.role holds 100 characters, expected 255" in said
        assert PASSWORD not in said
        for name in OWN:
            connection.execute(f"ALTER TABLE {name} RENAME TO theirs_{name}")
    with postgres.open() as provider:  # after what it said was done
        assert provider.store({"name": "ours"}, MemoryType.PERSONAS)
