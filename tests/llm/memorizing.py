"""A scripted model that memorizes, and services that ask it."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from llm.scripted import Reply, Scripted, Seen, chat
from memu import MemoryService

TALK = [
    {"name": "Maya", "content": "Hi Theo! I moved to Lisbon in March.", "created_at": "2024-05-06T18:00:00Z"},
    {"name": "Theo", "content": "Wow. My sister keeps bees there.", "created_at": "2024-05-06T18:01:00Z"},
    {"name": "Maya", "content": "I start a new job at the harbour on Monday.", "created_at": "2024-05-06T18:02:00Z"},
]

MARK = re.compile(r'^<data-(\w+) name="(\w+)">\n(.*)\n</data-\1>$', re.MULTILINE)


def data(seen: Seen) -> dict[str, Any]:
    """The data of a prompt, as a reader of its marks finds them."""
    return {name: json.loads(line) for _, name, line in MARK.findall(seen.json["messages"][-1]["content"])}


def instructions(seen: Seen) -> str:
    """What a prompt tells the model to do."""
    return str(seen.json["messages"][0]["content"])


def schema(seen: Seen) -> dict[str, Any]:
    """The schema that is asked for."""
    return seen.json["response_format"]["json_schema"]["schema"]  # type: ignore[no-any-return]


def is_extraction(seen: Seen) -> bool:
    return "messages" in data(seen)


def item(text: str, *ids: Any, **more: Any) -> dict[str, Any]:
    """An item of an answer."""
    return {"text": text, "memory_type": "profile", "message_ids": list(ids), "categories": ["personal_info"], **more}


def items(*some: Mapping[str, Any], caption: str = "About Maya.") -> Reply:
    """An answer with items."""
    return chat(json.dumps({"caption": caption, "items": list(some)}))


def summaries(**texts: str) -> Reply:
    """An answer with summaries."""
    told = [{"category": name, "summary": text} for name, text in texts.items()]
    return chat(json.dumps({"summaries": told}))


def obliging(seen: Seen) -> Reply:
    """A model that makes an item of every message, and a summary of every category."""
    given = data(seen)
    if "messages" in given:
        return items(*(item(f"It was said: {one['text']}", one["id"]) for one in given["messages"]))
    told = [{"category": one["id"], "summary": f"Summary of {one['category']}."} for one in given["categories"]]
    return chat(json.dumps({"summaries": told}))


def service(server: Scripted, folder: Path | None = None, **options: Any) -> MemoryService:
    """A service that asks the scripted model; on SQLite where it has a folder."""
    model = {"base_url": server.url, "api_key": "sk-key", "chat_model": "scripted-1", "retry_delay": 0.0}
    named: dict[str, Any] = {"user_id": "maya", "llm_config": {**model, **options.pop("model", {})}}
    if folder is not None:
        named["database_config"] = {"provider": "sqlite", "sqlite_path": str(folder / "memu.db")}
        named["blob_config"] = {"resources_dir": folder / "resources"}
    named["embedding_config"] = {"provider": "none"}
    return MemoryService(**{**named, **options})


def texts(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """The words of items."""
    return [str(one["summary"]) for one in found]


Handler = Callable[[Seen], Reply]
