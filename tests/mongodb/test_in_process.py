"""MongoDB without a wire: that the store works there, and what mongomock lacks of a server."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import mongomock
import numpy as np
import pymongo
import pytest

from memu.backends.base import Condition, equals
from memu.backends.mongo import MongoDatabase
from memu.testing.probe import SCHEMA, THINGS, found, put, thing
from mongodb.in_process import COMMAND, InProcess


@pytest.fixture
def dsn() -> Iterator[str]:
    place = InProcess()
    dsn = place.create_database()
    yield dsn
    place.drop_database(dsn)


@pytest.fixture
def switches() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def test_the_store_works_in_process(dsn: str) -> None:
    store = MongoDatabase(dsn).open(SCHEMA)
    store.create()
    store.validate()
    assert isinstance(store.database.client, mongomock.MongoClient)
    put(store, thing("1", data={"n": 1}), thing("2", vector=[0.0, 1.0]), thing("3", vector=[1.0, 1.0]))
    with store.transaction() as transaction:
        transaction.update(THINGS, {"name": "met"}, [Condition("data", "gte", 1, ("n",))])
    assert [row["id"] for row in found(store, equals(name="met"))] == ["1"]
    upward = np.array([0.1, 1.0], dtype=np.float32)
    assert [one for one, _ in store.nearest(THINGS, upward, limit=2)] == ["2", "3"]
    assert store.nearest(THINGS, upward, where=equals(id="1")) == []
    with store.transaction() as transaction:
        assert transaction.delete(THINGS, equals(id="1")) == 1
    store.erase_traces()
    assert store.rows(THINGS).count_documents({}) == 2
    store.close()
    put(store := MongoDatabase(dsn).open(SCHEMA), thing("4"))
    assert len(found(store)) == 3
    store.close()


def test_other_addresses_are_reached_by_the_driver(dsn: str) -> None:
    with pymongo.MongoClient("mongodb://127.0.0.1:1", connect=False) as elsewhere:
        assert not isinstance(elsewhere, mongomock.MongoClient)
    other = InProcess()
    with_other = other.create_database()
    pymongo.MongoClient(with_other).memu.rows.insert_one({"_id": 1})
    assert pymongo.MongoClient(dsn).memu.rows.find_one() is None
    other.drop_database(with_other)


def test_a_command_is_carried_out_by_itself(dsn: str, switches: None) -> None:
    """Of many threads that claim one document, one has it: mongomock by itself looks first, and then changes."""
    rows = pymongo.MongoClient(dsn).memu.rows

    def claim(who: int) -> Any:
        return rows.find_one_and_update({"_id": turn, "owner": None}, {"$set": {"owner": who}})

    with ThreadPoolExecutor(4) as threads:
        for turn in range(50):
            rows.insert_many([{"_id": turn, "owner": None}])
            assert sum(one is not None for one in threads.map(claim, range(4))) == 1


def test_what_mongomock_lacks_and_the_store_does_without() -> None:
    """Should one of these pass one day, docs/mongodb.md is to be mended."""
    client = mongomock.MongoClient()
    with pytest.raises(NotImplementedError, match="sessions"):
        client.start_session()
    rows = client.memu.rows
    with pytest.raises(TypeError, match="'sort'"):
        rows.bulk_write([pymongo.UpdateOne({"_id": 1}, {"$set": {"n": 1}})])
    with pytest.raises(NotImplementedError, match="vectorSearch"):
        list(rows.aggregate([{"$vectorSearch": {"path": "v"}}]))
    with pytest.raises(TypeError, match="command"):
        COMMAND(client.memu, "compact", "rows")
