"""Provisional: every message of more than twenty characters is an item."""

from collections.abc import Sequence

from memu.extract.base import ExtractedItem, Extraction
from memu.sources.base import Source


class RuleExtractor:
    """One item for each longer message."""

    def extract(self, source: Source, *, first: int = 0, memory_types: Sequence[str] = ()) -> Extraction:
        """Items of the new messages."""
        items = [
            ExtractedItem(
                source.content(message),
                "event",
                (message.id,),
                message.start,
                message.end,
                message.speaker,
                message.at,
                heading=message.heading,
            )
            for message in source.messages[first:]
            if len(source.content(message)) > 20
        ]
        return Extraction(items, source.content(source.messages[0])[:100])
