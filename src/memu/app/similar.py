"""What is remembered already and is most like the messages that a language model is to read."""

from memu.app.retrieve import query_vector
from memu.app.wiring import Parts
from memu.backends.schema import ITEMS
from memu.database.rows import LIVE
from memu.database.search import search
from memu.extract.windows import Known, Window
from memu.recall.base import Query
from memu.scope import Scope
from memu.sources.base import Source

MOST = 20
"""How many memories a model is shown."""

LONGEST = 2000
"""Characters of the messages by which they are looked for."""


async def similar(parts: Parts, scope: Scope, source: Source, window: Window) -> tuple[Known, ...]:
    """The items that hold now and are most like a window's messages: by one search, in this scope only."""
    text = "\n".join(source.text[piece.start : piece.end] for piece in window.pieces)[:LONGEST]
    if not parts.embedder.sees(text) or not await parts.store(_holds_items, parts, scope):
        return ()
    vector, _ = await query_vector(parts, text)
    return await parts.store(_search, parts, scope, Query(text, vector, top_k=MOST))


def _holds_items(parts: Parts, scope: Scope) -> bool:
    with parts.database.handle.reader(scope) as reader:
        return bool(reader.find(ITEMS, LIVE, limit=1, columns=("id",)))


def _search(parts: Parts, scope: Scope, query: Query) -> tuple[Known, ...]:
    database = parts.database.bound(scope)
    ids = [hit.id for hit in search(database.handle, scope, ITEMS, query) if hit.score > 0]
    found = {one.id: one for one in database.memory_item_repo.page({"id__in": ids}, embeddings=False)} if ids else {}
    held = (found[key] for key in ids if key in found)
    return tuple(Known(one.id, one.summary, one.said_at, one.happened_at, one.speaker) for one in held)
