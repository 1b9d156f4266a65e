"""A server that is down, refuses, hangs up or does not answer: an error that names the host and no password."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import servers
from memu.backends.mongo import MongoDatabase, MongoRecordStore
from memu.backends.mongo_address import Address
from memu.database.factory import build_database
from memu.database.mongodb import build_mongodb_database
from memu.errors import ConfigError, InputError, MissingExtra, StorageBusy, StorageUnavailable
from memu.settings import DatabaseConfig, PoolConfig
from memu.testing.probe import SCHEMA, THINGS, found, put, thing
from mongodb import stores
from promises import on_servers as on
from servers import PASSWORD, Server
from servers.proxy import Proxy

CANARY = "pa55-canary-9f1c"


@pytest.fixture
def server() -> Server:
    return servers.get("mongodb")


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    with servers.private("mongodb", durable=True) as server:
        yield server


@pytest.fixture
def proxied(server: Server, dsn: str) -> Iterator[tuple[Proxy, str]]:
    with Proxy(server.host, server.port) as proxy:
        yield proxy, on.at(dsn, proxy.port)


def said(error: BaseException, place: str) -> None:
    """The error names the host, and nothing that led to it holds a password."""
    assert place in str(error)
    for secret in (PASSWORD, CANARY):
        assert secret not in on.told(error)


# --- the address ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dsn",
    [
        f"mongodb://u:{CANARY}@127.0.0.1:27017",
        f"mongodb://u:{CANARY}@127.0.0.1:27017/a.b",
        f"mongodb://u:{CANARY}@/memu",
        f"mongodb://u:{CANARY}@127.0.0.1:port/memu",
        f"mongodb://u:{CANARY}@127.0.0.1/memu?unheardof=1",
        f"mongodb://u:{CANARY}:x@127.0.0.1/memu",
        f"mongodb://u:p@127.0.0.1/memu?connectTimeoutMS={CANARY}",
    ],
)
def test_a_dsn_that_cannot_be_meant_is_not_repeated(dsn: str) -> None:
    with pytest.raises(ConfigError, match="dsn") as caught:
        build_database(config=DatabaseConfig(metadata_store={"dsn": dsn}))
    assert CANARY not in on.told(caught.value)


def test_a_server_without_a_dsn_is_told_what_one_looks_like() -> None:
    with pytest.raises(
        ConfigError, match="'mongodb' needs a dsn, such as mongodb://user:password@localhost:27017/memu"
    ):
        build_mongodb_database(config=DatabaseConfig(metadata_store={"provider": "mongodb"}))


def test_what_is_shown_of_an_address() -> None:
    address = Address(
        f"mongodb://u%40x:{CANARY}@h1,h2:27018/memu?replicaSet=rs&tlsCertificateKeyFilePassword={CANARY}"
        f"&authMechanismProperties=AWS_SESSION_TOKEN:{CANARY}"
    )
    assert (address.place, address.user, address.database) == ("h1:27017,h2:27018/memu", "u@x", "memu")
    assert address.shown() == (
        "mongodb://u%40x:***@h1,h2:27018/memu?replicaSet=rs&tlsCertificateKeyFilePassword=hidden"
        "&authMechanismProperties=hidden"
    )
    assert Address("mongodb+srv://u:p@cluster.example.net/memu").place == "cluster.example.net/memu"
    assert Address("mongodb://u:p@h2:27018,h1/memu").identity == address.identity


def test_a_driver_that_is_not_installed_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pymongo", None)
    with pytest.raises(MissingExtra, match=r"pymongo, is not installed.*memu\[mongodb\]"):
        build_database(config=DatabaseConfig(metadata_store={"dsn": f"mongodb://u:{CANARY}@localhost/memu"}))


# --- the server -------------------------------------------------------------------------------------------------------


def test_a_wrong_password_is_not_repeated(server: Server, dsn: str) -> None:
    with pytest.raises(StorageUnavailable, match="refused the user 'memu'") as caught:
        build_database(config=DatabaseConfig(metadata_store={"dsn": on.with_password(dsn, CANARY)}))
    said(caught.value, f"{server.host}:{server.port}")


def test_a_server_that_is_down_at_the_start_is_said() -> None:
    store = {"dsn": f"mongodb://u:{CANARY}@127.0.0.1:1/memu", "pool": {"connect_timeout": 0.2}}
    with pytest.raises(StorageUnavailable, match="cannot be reached") as caught:
        build_database(config=DatabaseConfig(metadata_store=store))
    said(caught.value, "127.0.0.1:1")


@pytest.mark.parametrize("point", ["before insert", "before update", "after findAndModify"])
def test_a_server_killed_in_mid_call_keeps_nothing(own: Server, tmp_path: Path, point: str) -> None:
    own.start()
    dsn = own.create_database()
    struck: list[str] = []

    def strike(what: str) -> None:
        if what == point and armed and not struck:
            struck.append(what)
            own.kill()

    armed: list[bool] = []
    with stores.store_on(dsn, watch=strike) as store:
        stores.fill(store)
        before = stores.state(store)
        armed.append(True)
        with pytest.raises(StorageUnavailable) as caught:
            stores.work(store)
        said(caught.value, f"{own.host}:{own.port}")
        assert "Nothing of the call was kept" in str(caught.value)
        with pytest.raises(StorageUnavailable):
            found(store)
        own.start()
        assert stores.state(store) == before
        stores.work(store)  # once the lease of the lost turn has run out
        assert stores.leftovers(store) == []
        assert [len(rows) for rows in stores.state(store).values()] == [0, 2, 1]


def test_what_was_confirmed_outlives_the_server(own: Server, tmp_path: Path) -> None:
    own.start()
    dsn = own.create_database()
    with on.service(dsn, tmp_path) as memory:
        assert memory.sync.memorize("I have walked 12 miles along the coast this week.")["status"] == "created"
        own.kill()
        own.start()
        assert memory.sync.retrieve("12 miles along the coast")["items"]
        own.restart()
        assert memory.sync.memorize("I keep bees in the garden behind the house.")["status"] == "created"


# --- the network ------------------------------------------------------------------------------------------------------


def test_a_connection_cut_at_the_commit_is_looked_into(proxied: tuple[Proxy, str]) -> None:
    """The answer is lost, or the question was: the store finds out by itself, and the call counts once."""
    proxy, through = proxied
    asked: list[str] = []

    def cut(what: str) -> None:
        asked.append(what)
        if what == "before findAndModify" and "before insert" in asked:
            asked.clear()
            proxy.cut()

    with stores.store_on(through, watch=cut) as store:
        for number in range(3):
            asked.clear()
            put(store, thing(str(number)))
        assert [row["id"] for row in found(store, order=("id",))] == ["0", "1", "2"]


def test_a_connection_cut_in_mid_write_keeps_nothing(proxied: tuple[Proxy, str]) -> None:
    proxy, through = proxied
    inserts: list[str] = []

    def cut(what: str) -> None:
        if what == "before insert":
            inserts.append(what)
            if len(inserts) == 3:
                proxy.cut()

    with stores.store_on(through, watch=cut) as store:
        put(store, thing("1"))
        with pytest.raises(StorageUnavailable) as caught, store.transaction() as transaction:
            transaction.put(THINGS, [thing("2")])
            transaction.put(THINGS, [thing("3")])
        said(caught.value, f"127.0.0.1:{proxy.port}")
        put(store, thing("4"))
        assert [row["id"] for row in found(store, order=("id",))] == ["1", "4"]


def test_a_server_that_does_not_answer_is_not_waited_for_without_end(proxied: tuple[Proxy, str]) -> None:
    proxy, through = proxied
    with closing(MongoRecordStore(MongoDatabase(through), SCHEMA, pool=PoolConfig(statement_timeout=0.3))) as store:
        store.create()
        proxy.stall()
        with pytest.raises(StorageBusy, match="statement_timeout") as caught:
            found(store)
        proxy.resume()
        said(caught.value, f"127.0.0.1:{urlsplit(through).port}")


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {"number": 2**63},
        {"name": "\ud800"},
        {"data": {"n": float("nan")}},
        {"data": {"n": object()}},
        {"name": {"$gt": ""}},
        {"nothing": 1},
        {"body": "x" * 17_000_000},
    ],
    ids=["65 bits", "half a character", "NaN", "no JSON", "an operator", "no column", "17 MB"],
)
def test_what_cannot_be_kept_is_refused(dsn: str, values: dict[str, Any]) -> None:
    with stores.store_on(dsn) as store:
        with pytest.raises(InputError) as caught:
            put(store, {**thing("1"), **values})
        assert len(str(caught.value)) < 500
        assert found(store) == []
