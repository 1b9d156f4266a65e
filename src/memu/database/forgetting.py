"""Forgetting a scope: rows, vectors, history, indexes, mirror; then nothing of it is left in the store's files."""

from collections.abc import Callable
from contextlib import ExitStack

from memu.backends.repeat import repeated
from memu.backends.schema import META
from memu.database.store import Store
from memu.scope import Scope


def forget(store: Store, scope: Scope, remove_files: Callable[[], object] | None = None) -> dict[str, int]:
    """Erase everything that one scope holds, and return how many rows of each table there were.

    Backups that were made earlier keep what they hold. Forgetting a scope that holds nothing is no error.
    `remove_files` is called when the rows are gone.

    Raises:
        StorageBusy: the rows are gone, but another process keeps traces of them in the store's files: repeat the call.
    """
    erased = _erase(store, scope)
    store.forget_indexes(scope)
    with ExitStack() as steps:  # last in, first out; each is done whatever becomes of the others
        steps.callback(store.records.erase_traces)
        if store.mirror:
            steps.callback(store.mirror.flush, store.records, always=True)
        if remove_files:
            steps.callback(remove_files)
    return {name: count for name, count in erased.items() if count}


@repeated
def _erase(store: Store, scope: Scope) -> dict[str, int]:
    tables = [table.name for table in reversed(store.records.schema.tables) if table.name != META]
    with store.writer(scope) as writer:
        return {name: writer.erase(name) for name in tables}
