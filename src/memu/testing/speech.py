"""Words to memorize: sentences that the rules keep, each about something else."""

from collections.abc import Mapping, Sequence
from typing import Any

FACTS = (
    "I moved to Lisbon in March and live near the harbour.",
    "My sister Clara works as a nurse in Porto.",
    "I am allergic to peanuts and avoid them everywhere.",
    "Our dog Bruno loves swimming in the lake.",
    "I bought a red bicycle from my neighbour Otto.",
    "My favourite composer is Clara Schumann.",
    "I run ten kilometres every Sunday morning.",
    "I started a job at the Maritime Museum.",
    "We plan to visit Iceland next summer.",
    "I learned that octopuses have three hearts.",
    "My grandmother Edith taught me how to bake rye bread.",
    "I prefer tea without sugar over coffee.",
)

Message = dict[str, Any]


def talk(facts: Sequence[str], speaker: str = "Anna") -> list[Message]:
    """A conversation of one message for each fact, a minute apart."""
    return [
        {"role": "user", "name": speaker, "content": fact, "created_at": f"2024-05-08T13:{minute % 60:02}:00+00:00"}
        for minute, fact in enumerate(facts)
    ]


def said(items: Sequence[Mapping[str, Any]]) -> list[str]:
    """What some items say, in their order."""
    return [str(item["summary"]) for item in items]
