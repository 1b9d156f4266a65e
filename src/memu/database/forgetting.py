"""Forgetting a scope: rows, vectors, history, indexes, mirror; then nothing of it is left in the store's files."""

from memu.backends.schema import META
from memu.database.store import Store
from memu.scope import Scope


def forget(store: Store, scope: Scope) -> dict[str, int]:
    """Erase everything that one scope holds, and return how many rows of each table there were.

    Backups that were made earlier keep what they hold. Forgetting a scope that holds nothing is no error.
    """
    erased: dict[str, int] = {}
    with store.writer(scope) as writer:
        for table in reversed(store.records.schema.tables):
            if table.name != META:
                erased[table.name] = writer.erase(table.name)
    store.forget_indexes(scope)
    store.records.erase_traces()
    if store.mirror:
        store.mirror.flush(store.records, always=True)
    return {name: count for name, count in erased.items() if count}
