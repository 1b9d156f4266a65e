"""Options, numbers and filters that are wrong or unusual: each is taken as it is meant, or refused in words."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memorizz import MemoryType
from memorizz.memory_provider.mongodb import MongoDBConfig, MongoDBProvider
from memorizz.memory_provider.postgresql import PostgreSQLConfig, PostgreSQLProvider
from memorizz.memory_provider.provider import RecordProvider
from memorizz.memory_provider.sqlite import SQLiteConfig, SQLiteProvider
from memu.errors import ConfigError, FilterError, InputError, InputTypeError, VectorError
from servers import PASSWORD

LONG = MemoryType.LONG_TERM_MEMORY


class ObjectId:
    """As MongoDB has one."""

    def __str__(self) -> str:
        return "65f0c0ffee65f0c0ffee65f0"


@pytest.mark.parametrize("number", [10**400, -(10**400), 10**5000], ids=["long", "below", "longer"])
def test_huge_numbers(provider: RecordProvider, number: int) -> None:
    with pytest.raises(VectorError, match="a huge number at position 1"):
        provider.store({"embedding": [1, number]}, LONG)
    with pytest.raises(VectorError, match="a huge number"):
        provider.retrieve_by_query([1.0, number], LONG)
    for query in ({"n": number}, {"n": [number]}, {"name": number}):
        with pytest.raises(FilterError, match="a huge number is no number that is kept"):
            provider.retrieve_by_query(query, LONG)
    assert provider.retrieve_by_query(None, LONG, limit=abs(number)) == []


def test_long_whole_numbers_are_kept_up_to_a_bound(provider: RecordProvider) -> None:
    for number in (2**63, 10**300):
        assert provider.retrieve_by_id(provider.store({"n": number}, LONG), LONG)["n"] == number
    for number in (10**308, 10**5000):
        with pytest.raises(InputError, match="n is a number of more than 308 digits"):
            provider.store({"n": number}, LONG)


def test_numbers_of_numpy_are_filters(provider: RecordProvider) -> None:
    provider.store({"_id": "a", "n": 5, "x": 0.5, "b": True, "metadata": {"n": 5}}, LONG)
    for key, value in (("n", np.int64(5)), ("x", np.float32(0.5)), ("b", np.bool_(True)), ("metadata.n", np.uint8(5))):
        assert provider.retrieve_by_query({key: value}, LONG)["_id"] == "a"
        assert provider.retrieve_by_query({key: [value]}, LONG)["_id"] == "a"
    assert provider.retrieve_by_query({"n": np.int64(1)}, LONG) == []
    with pytest.raises(FilterError, match="nan is no number"):
        provider.retrieve_by_query({"n": np.float64("nan")}, LONG)


def test_a_list_may_hold_none_beside_strings(provider: RecordProvider) -> None:
    for name, agent in {"a": "a", "b": "b", "none": None, "five": 5, "long": "x" * 300}.items():
        provider.store({"_id": name, "agent_id": agent, "other": agent, "memory_id": "m"}, LONG)
    provider.store({"_id": "bare", "memory_id": "m"}, LONG)
    for key in ("agent_id", "other"):
        found = provider.retrieve_by_query({key: ["a", None]}, LONG, limit=9)
        assert {one["_id"] for one in found} == {"a", "none", "bare"}
    assert len(provider.retrieve_by_query({"memory_id": ["m", None]}, LONG, limit=9)) == 6


def test_ids_of_mongodb_inside_documents_are_strings(provider: RecordProvider) -> None:
    given = {"parent": ObjectId(), "metadata": {"all": [ObjectId()]}}
    found = provider.retrieve_by_id(provider.store(given, LONG), LONG)
    assert (found["parent"], found["metadata"]) == (str(ObjectId()), {"all": [str(ObjectId())]})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"embedder": 5}, "embedder is 5: expected an object with embed"),
        ({"embedder": "model"}, "embedder is 'model'"),
        ({"index_budget_mb": "big"}, "index_budget_mb is a str: expected a number from 0"),
        ({"index_budget_mb": -1}, "index_budget_mb is -1"),
        ({"index_budget_mb": float("nan")}, "index_budget_mb is nan"),
        ({"index_budget_mb": None}, "index_budget_mb is None"),
        ({"embedding_dimensions": "16"}, "embedding_dimensions is '16'"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        SQLiteProvider(SQLiteConfig(tmp_path / "x.db", **options))
    with pytest.raises(ConfigError, match=message):
        PostgreSQLProvider(PostgreSQLConfig("127.0.0.1", 1, **options))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"port": "5432"}, "port is a str: expected a whole number from 1 to 65535"),
        ({"port": 0}, "port is 0"),
        ({"port": 70000}, "port is 70000"),
        ({"host": 5}, "host is a int: expected a string"),
        ({"password": 5}, "password is a int"),
        ({"url": 5}, "url is a int"),
        ({"pool_size": "5"}, "pool_size is a str"),
        ({"pool_size": 0}, "pool_size is 0"),
        ({"connect_timeout": "soon"}, "connect_timeout is a str"),
    ],
)
def test_wrong_options_of_servers(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PostgreSQLProvider(PostgreSQLConfig(**options))


def test_wrong_places() -> None:
    for options in ({"uri": 5}, {"db_name": None}, {"pool_size": -1}):
        with pytest.raises(ConfigError, match=f"{next(iter(options))} is"):
            MongoDBProvider(MongoDBConfig(**options))  # type: ignore[arg-type]
    for path in (5, None, b"x.db", "a\0b"):
        with pytest.raises(InputTypeError, match="the path is"):
            SQLiteProvider(SQLiteConfig(path))  # type: ignore[arg-type]


class Wrong:
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def embed(self, texts: list[str]) -> Any:
        return self.answer


@pytest.mark.parametrize("answer", [None, [], [None], [[1.0], [2.0]], 5, ["x"], [[]]])
def test_embedders_that_give_no_vector(answer: Any) -> None:
    with SQLiteProvider(SQLiteConfig(":memory:", embedder=Wrong(answer))) as provider, pytest.raises(VectorError):
        provider.embed_text("x")
    with SQLiteProvider(SQLiteConfig(":memory:", embedder=lambda _: None)) as provider, pytest.raises(VectorError):
        provider.embed_text("x")


def test_an_embedder_that_has_to_be_awaited_is_named() -> None:
    async def vector(_: str) -> list[float]:
        return [1.0]

    class Awaited:
        async def embed(self, texts: list[str]) -> list[list[float]]:
            return [[1.0] for _ in texts]

    for embedder in (vector, Awaited()):
        with (
            SQLiteProvider(SQLiteConfig(":memory:", embedder=embedder)) as provider,  # type: ignore[arg-type]
            pytest.raises(VectorError, match="the embedder is a coroutine function"),
        ):
            provider.embed_text("x")


def test_what_a_config_shows() -> None:
    shown = repr(PostgreSQLConfig(url=f"postgresql://u:{PASSWORD}@h:5/d?password={PASSWORD}", pool_size=7))
    assert "url='postgresql://u:***@h:5/d'" in shown
    assert "pool_size=7" in shown
    assert not [name for name in ("host=", "port=", "localhost", PASSWORD) if name in shown]
    assert PASSWORD not in repr(PostgreSQLConfig(url=f"no url, {PASSWORD}"))
    assert "host='a', port=5432" in repr(PostgreSQLConfig("a", 5432, password=PASSWORD))
