"""A store as the user/agent document describes it, made without the library."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE resources (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, agent_id TEXT NOT NULL, url TEXT NOT NULL, modality TEXT NOT NULL,
    local_path TEXT NOT NULL, caption TEXT, created_at REAL NOT NULL, UNIQUE (user_id, agent_id, url));
CREATE INDEX by_owner ON resources (user_id, agent_id);
CREATE TABLE memory_items (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, agent_id TEXT NOT NULL, resource_id TEXT NOT NULL,
    memory_type TEXT NOT NULL, summary TEXT NOT NULL, created_at REAL NOT NULL,
    FOREIGN KEY (resource_id) REFERENCES resources (id) ON DELETE CASCADE);
CREATE INDEX ix_memory_items_resource_id ON memory_items (resource_id);
CREATE TABLE categories (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, agent_id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
    summary TEXT, created_at REAL NOT NULL, UNIQUE (user_id, agent_id, name));
CREATE TABLE category_items (
    item_id TEXT NOT NULL, category_id TEXT NOT NULL, user_id TEXT NOT NULL, agent_id TEXT NOT NULL,
    PRIMARY KEY (item_id, category_id),
    FOREIGN KEY (item_id) REFERENCES memory_items (id) ON DELETE CASCADE,
    FOREIGN KEY (category_id) REFERENCES categories (id) ON DELETE CASCADE);
"""

START = 1_700_000_000.25
USERS = (("alice", "assistant"), ("bob", "assistant"))
ITEMS = 3


def make(folder: Path) -> None:
    """Write memu.db and vectors.json: for each user one resource, three items, one category and three links."""
    folder.mkdir(parents=True, exist_ok=True)
    vectors: dict[str, dict[str, Any]] = {"resources": {}, "items": {}, "categories": {}}
    with closing(sqlite3.connect(folder / "memu.db")) as connection:
        connection.executescript(SCHEMA)
        for number, (user, agent) in enumerate(USERS):
            owner, at = (user, agent), START + number * 1000
            resource, category = f"{user}-resource", f"{user}-category"
            values = (resource, *owner, "notes.txt", "document", f"/data/{user}.txt", f"About {user}", at)
            connection.execute("INSERT INTO resources VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
            values = (category, *owner, "habits", "What they do", f"{user} does things.", at + 1)
            connection.execute("INSERT INTO categories VALUES (?, ?, ?, ?, ?, ?, ?)", values)
            vectors["resources"][resource] = entry(owner, 0.5 + number)
            vectors["categories"][category] = entry(owner, 0.25 + number)
            for position in range(ITEMS):
                item = f"{user}-item-{position}"
                values = (item, *owner, resource, "behavior", f"{user} does {position}.", at + 2 + position)
                connection.execute("INSERT INTO memory_items VALUES (?, ?, ?, ?, ?, ?, ?)", values)
                connection.execute("INSERT INTO category_items VALUES (?, ?, ?, ?)", (item, category, *owner))
                vectors["items"][item] = entry(owner, 1.0 + number + position)
        connection.commit()
    (folder / "vectors.json").write_text(json.dumps(vectors, indent=2))


def entry(owner: tuple[str, str], number: float) -> dict[str, Any]:
    """One entry of vectors.json in the documented shape."""
    return {"user_id": owner[0], "agent_id": owner[1], "vector": [number, -0.5, 2.0], "text": None}
