"""An embedder at an endpoint: alone, and as the embedder of a store."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llm.conftest import KEY
from llm.scripted import WIDTH, Reply, Scripted, Seen, error, vector
from memu import MemoryService
from memu.embedding.base import Embedder
from memu.endpoints import LLMConfig
from memu.errors import ConfigError, EmbedderMismatch, InputError, ModelAnswerInvalid, ModelForbidden, ModelUnavailable
from memu.llm.embedder import EndpointEmbedder
from memu.llm.usage import UsageLog


@pytest.fixture
def make(config: Callable[..., LLMConfig]) -> Iterator[Callable[..., EndpointEmbedder]]:
    made: list[EndpointEmbedder] = []

    def new(usage: UsageLog | None = None, **options: Any) -> EndpointEmbedder:
        made.append(EndpointEmbedder(config(**{"embed_model": "words-1", **options}), usage=usage))
        return made[-1]

    yield new
    for one in made:
        one.close()


def test_vectors_are_unit_rows_in_the_order_of_the_texts(make: Callable[..., EndpointEmbedder]) -> None:
    texts = ["a boat", "a blue house", "bees"]
    embedder = make()
    assert isinstance(embedder, Embedder)
    rows = embedder.embed(texts)
    wanted = np.array([vector(text) for text in texts])
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, wanted / np.linalg.norm(wanted, axis=1, keepdims=True), rtol=1e-6)
    assert (embedder.identity.name, embedder.identity.dimension, embedder.identity.normalized) == (
        "words-1",
        WIDTH,
        True,
    )


def test_texts_go_in_batches(server: Scripted, make: Callable[..., EndpointEmbedder]) -> None:
    usage = UsageLog()
    embedder = make(embed_batch_size=4, usage=usage)
    texts = [f"word{number}" for number in range(10)]
    rows = embedder.embed(texts)
    assert [len(one.json["input"]) for one in server.seen] == [4, 4, 2]
    assert {one.json["encoding_format"] for one in server.seen} == {"float"}
    assert {one.headers["authorization"] for one in server.seen} == {f"Bearer {KEY}"}
    np.testing.assert_allclose(rows[7], embedder.embed(["word7"])[0])
    assert usage.total(profile="embedding", step="embed").requests == 4


def test_the_dimension_is_learned_or_asked_for(server: Scripted, make: Callable[..., EndpointEmbedder]) -> None:
    assert make().identity.dimension == WIDTH
    assert len(server.seen) == 1
    assert "dimensions" not in server.seen[0].json
    shorter = make(embed_dimension=16)
    assert shorter.identity.dimension == 16
    assert len(server.seen) == 1
    with pytest.raises(ModelAnswerInvalid, match="64 numbers instead of 16"):
        shorter.embed(["text"])
    assert server.seen[1].json["dimensions"] == 16
    assert make().embed([]).shape == (0, WIDTH)


@pytest.mark.parametrize(
    "data",
    [
        [],
        [{"index": 0, "embedding": [1.0, 0.0]}],
        [{"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [1.0]}],
        [{"index": 0, "embedding": [1.0]}, {"index": 2, "embedding": [1.0]}],
        [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0, 2.0]}],
        [{"index": 0, "embedding": [0.0]}, {"index": 1, "embedding": [1.0]}],
        [{"index": 0, "embedding": []}, {"index": 1, "embedding": []}],
        [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": ["x"]}],
        [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1e999]}],
    ],
)
def test_vectors_that_are_none_are_an_error(
    server: Scripted, make: Callable[..., EndpointEmbedder], data: list[Any]
) -> None:
    server.say(Reply({"data": data}))
    with pytest.raises(ModelAnswerInvalid):
        make().embed(["one", "two"])
    assert len(server.seen) == 1


def test_blank_texts_are_refused(server: Scripted, make: Callable[..., EndpointEmbedder]) -> None:
    for texts in (["", "b"], ["a", " \n"]):
        with pytest.raises(InputError, match="blank"):
            make().embed(texts)
    assert server.seen == []


def test_passing_failures_are_tried_again(server: Scripted, make: Callable[..., EndpointEmbedder]) -> None:
    server.say(error(429), error(503))
    assert make().embed(["text"]).shape == (1, WIDTH)
    server.otherwise = lambda _: error(500)
    with pytest.raises(ModelUnavailable):
        make().embed(["text"])
    server.otherwise = lambda _: error(401)
    with pytest.raises(ModelForbidden):
        make().embed(["text"])


def test_threads_share_an_embedder(server: Scripted, make: Callable[..., EndpointEmbedder]) -> None:
    embedder, rows = make(max_parallel=2), {}
    threads = [
        threading.Thread(target=lambda at=at: rows.update({at: embedder.embed([f"word{at}"])})) for at in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rows) == 8
    assert server.most_at_once <= 2
    np.testing.assert_allclose(rows[3], embedder.embed(["word3"]))


def test_an_endpoint_without_a_model_for_vectors_is_named() -> None:
    with pytest.raises(ConfigError, match="embed_model"):
        EndpointEmbedder(LLMConfig(provider="grok"))


# --- in a store -------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["a profile", "embedding_config"])
def options(request: pytest.FixtureRequest, server: Scripted, tmp_path: Path) -> dict[str, Any]:
    """A store that has this embedder, in both spellings."""
    endpoint = {"base_url": server.url, "api_key": KEY, "embed_model": "words-1", "retry_delay": 0.0}
    spelling = (
        {"llm_profiles": {"embedding": endpoint}}
        if request.param == "a profile"
        else {"embedding_config": {"provider": "openai", **endpoint}}
    )
    store = {"metadata_store": {"provider": "sqlite", "dsn": f"sqlite:///{tmp_path / 'memu.db'}"}}
    return {"user_id": "alice", "database_config": store, **spelling}


def test_a_store_with_this_embedder(server: Scripted, options: dict[str, Any]) -> None:
    with MemoryService(**options) as service:
        assert server.seen == [], "the constructor asks nobody"
        assert service.describe()["embedder"]["dimension"] is None
        service.sync.memorize("I moved to Lisbon in March. My sister keeps bees.")
        answer = service.sync.retrieve("Who keeps bees?")
        assert answer["signals"]["dense"] is True
        assert "bees" in answer["items"][0]["summary"]
        assert service.describe()["embedder"]["dimension"] == WIDTH
        held = service.database.handle.embedder()
        assert held is not None
        assert (held.name, held.dimension) == ("words-1", WIDTH)
    with MemoryService(**options) as again:
        assert again.sync.retrieve("Lisbon")["signals"]["dense"] is True


def test_an_outage_is_an_error_and_nothing_is_kept(server: Scripted, options: dict[str, Any]) -> None:
    with MemoryService(**options) as service:
        service.sync.memorize("My sister keeps bees.")
        server.otherwise = lambda _: error(500)
        with pytest.raises(ModelUnavailable):
            service.sync.memorize("I moved to Lisbon in March.")
        with pytest.raises(ModelUnavailable):
            service.sync.retrieve("Who keeps bees?")
        assert len(service.sync.list_memory_items()["items"]) == 1


def test_another_embedder_is_refused_when_the_store_is_opened(server: Scripted, options: dict[str, Any]) -> None:
    with MemoryService(**options) as service:
        service.sync.memorize("My sister keeps bees.")
    asked = len(server.seen)
    endpoint = {"base_url": server.url, "embed_model": "words-2"}
    place = {"user_id": "alice", "database_config": options["database_config"]}
    with pytest.raises(EmbedderMismatch, match=r"words-1.*words-2"):
        MemoryService(**place, llm_profiles={"embedding": endpoint})
    with pytest.raises(EmbedderMismatch, match="words-1"):
        MemoryService(**place)
    assert len(server.seen) == asked


def test_the_same_name_with_another_dimension_is_refused(server: Scripted, options: dict[str, Any]) -> None:
    with MemoryService(**options) as service:
        service.sync.memorize("My sister keeps bees.")

    def shorter(seen: Seen) -> Reply:
        return Reply({"data": [{"index": at, "embedding": [1.0, 2.0]} for at, _ in enumerate(seen.json["input"])]})

    server.otherwise = shorter
    with MemoryService(**options) as service:
        with pytest.raises(EmbedderMismatch):
            service.sync.memorize("I moved to Lisbon in March.")
        with pytest.raises(EmbedderMismatch):
            service.sync.retrieve("bees")


def test_connections_are_closed(make: Callable[..., EndpointEmbedder]) -> None:
    with closing(make()) as embedder:
        embedder.embed(["text"])
    embedder.embed(["text"])
