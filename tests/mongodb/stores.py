"""Stores on MongoDB for tests, and listeners that strike at one of their commands."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from memu.backends.base import RecordStore, Row
from memu.backends.mongo import MongoDatabase, MongoRecordStore
from memu.backends.mongo_address import Address
from memu.settings import PoolConfig
from memu.testing.probe import COUNTERS, SCHEMA, SHELVES, THINGS, found, thing

LEASE = 0.2
"""Seconds after which the turn of a writer that was killed is another one's."""
IDLE = {"hello", "ismaster", "isMaster", "saslStart", "saslContinue", "endSessions", "ping"}


def opened(dsn: str, *, lease: float = LEASE, watch: Callable[[str], object] | None = None) -> MongoRecordStore:
    """A store of the suite's probe; `watch` is told "before insert" and "after insert" around its commands."""

    def connect(address: Address, pool: PoolConfig) -> Any:
        from pymongo import MongoClient

        return MongoClient(
            address.dsn, serverSelectionTimeoutMS=1000, event_listeners=[listener(watch)] if watch else []
        )

    return MongoRecordStore(MongoDatabase(dsn), SCHEMA, lease=lease, connect=connect)


@contextmanager
def store_on(dsn: str, **options: Any) -> Iterator[MongoRecordStore]:
    """A store that is closed after the block."""
    with closing(opened(dsn, **options)) as store:
        store.create()
        yield store


def listener(watch: Callable[[str], object]) -> Any:
    """The driver's listener that tells of each command before it is sent and after it is answered."""
    from pymongo.monitoring import CommandListener

    class Listener(CommandListener):
        def started(self, event: Any) -> None:
            self.tell("before", event)

        def succeeded(self, event: Any) -> None:
            self.tell("after", event)

        def failed(self, event: Any) -> None:
            pass

        def tell(self, when: str, event: Any) -> None:
            if event.command_name not in IDLE:
                watch(f"{when} {event.command_name}")

    return Listener()


def fill(store: RecordStore) -> None:
    """Rows of every table."""
    with store.transaction() as transaction:
        transaction.put(SHELVES, [{"user_id": "alice", "id": one, "label": one} for one in ("s", "t")])
        transaction.put(THINGS, [thing("1", shelf="s"), thing("2", shelf="t"), thing("3", name="old")])
        transaction.increment(COUNTERS, {"user_id": "alice"}, "value", {"note": ""})


def work(store: RecordStore) -> None:
    """One transaction with every kind of write."""
    with store.transaction() as transaction:
        transaction.put(THINGS, [thing("4", data={"k": 1}), thing("3", name="new")], "replace")
        transaction.update(THINGS, {"number": 7}, ())
        transaction.delete(SHELVES, ())
        transaction.increment(COUNTERS, {"user_id": "alice"}, "value", {"note": ""})


def state(store: RecordStore) -> dict[str, list[Row]]:
    """All rows that a reader sees who begins now."""
    return {
        name: found(store, table=name, order=tuple(store.schema.table(name).key))
        for name in (SHELVES, THINGS, COUNTERS)
    }


def leftovers(store: MongoRecordStore) -> list[Any]:
    """Documents of turns that were never committed, and rows that such a turn ended."""
    head = store.head.read()
    gone = list(head.abandoned)
    return [
        one
        for name in (SHELVES, THINGS, COUNTERS)
        for one in store.rows(name).find({"$or": [{"_born": {"$in": gone}}, {"_died": {"$in": gone}}]})
    ]
