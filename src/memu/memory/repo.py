"""`PersistentStore` and `InMemoryStore`: a database under the names and the arguments of older code."""

from contextlib import suppress

from memu.database.core import Database
from memu.database.inmemory import build_inmemory_database
from memu.database.registry import open_database
from memu.errors import ClosedError
from memu.scope import DEFAULT, Scope
from memu.settings import DatabaseConfig
from memu.storage.sqlite_db import SQLiteDB
from memu.storage.vector_db import SimpleVectorDB


class PersistentStore(Database):
    """The memory of one user and agent in a SQLite file, with the vector file as the mirror of its embeddings.

    Example:
        store = PersistentStore(
            db=SQLiteDB("./data/memu.db"), vector_db=SimpleVectorDB("./data/vectors.json"),
            user_id="alice", agent_id="assistant",
        )
        resource = store.create_resource(url="notes.txt", modality="document", local_path="notes.txt")
    """

    def __init__(
        self, *, db: SQLiteDB, vector_db: SimpleVectorDB, user_id: str = DEFAULT, agent_id: str = DEFAULT
    ) -> None:
        """Bind the pair; nothing is loaded, records are read when they are asked for.

        Raises:
            ScopeError: the pair cannot name anybody; StorageError: the file cannot be opened.
        """
        scope = Scope.of({"user_id": user_id, "agent_id": agent_id})
        config = DatabaseConfig(provider="sqlite", sqlite_path=db.db_path, vector_db_path=vector_db.db_path)
        super().__init__(open_database(config).handle, scope)
        vector_db.follow(self._write_mirror)

    def _write_mirror(self) -> None:
        with suppress(ClosedError):  # closing wrote it
            if self.handle.mirror:
                self.handle.mirror.flush(self.handle.records)


class InMemoryStore(Database):
    """A store in RAM; each call names its owner, "default" where it names none."""

    def __init__(self) -> None:
        super().__init__(build_inmemory_database().handle)
