"""Texts that the promise tests memorize, made so that each test can tell its own words apart."""

from typing import Any


def chat(who: str, count: int, *, topic: str = "harbour") -> list[dict[str, Any]]:
    """Messages that each state one fact, with ids and times."""
    return [
        {
            "id": f"{who}-{number}",
            "name": who,
            "content": f"I bought {number + 2} lemons at the {topic} market for my friend {who}{number}.",
            "created_at": f"2024-05-{1 + number // 24:02d}T{number % 24:02d}:00:00Z",
        }
        for number in range(count)
    ]
