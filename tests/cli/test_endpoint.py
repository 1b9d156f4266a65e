"""The commands with vectors from an endpoint, as the environment names it."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from cli.conftest import Memu
from llm.scripted import WIDTH, Scripted, error, scripted

KEY = "sk-SECRETKEY-1234567890"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    """An endpoint for vectors, configured for every command."""
    with scripted() as running:
        monkeypatch.setenv("MEMU_EMBEDDING_BASE_URL", running.url)
        monkeypatch.setenv("MEMU_EMBEDDING_API_KEY", KEY)
        monkeypatch.setenv("MEMU_EMBEDDING_EMBED_MODEL", "words-1")
        yield running


def test_a_store_moves_to_the_endpoint_and_back(
    filled: Memu, server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = filled("retrieve", "cats")
    assert (refused.code, server.seen) == (1, [])
    assert "memu reembed" in refused.err
    before = filled("doctor")
    assert before.code == 1
    assert "the vectors come from all-MiniLM-L6-v2, the embedder here is words-1" in before.out
    moved: Any = filled("reembed", "--json").json
    assert (moved["before"]["name"], moved["after"]) == (
        "all-MiniLM-L6-v2",
        {"name": "words-1", "dimension": WIDTH, "normalized": True},
    )
    assert moved["made"] >= 3
    sound = filled("doctor")
    assert sound.code == 0
    assert f"the vectors come from words-1, {WIDTH} dimensions" in sound.out
    found = filled("retrieve", "cats", "--json").json
    assert found["signals"]["dense"] is True
    assert filled("describe", "--json").json["embedder"]["name"] == "words-1"
    assert KEY not in filled("describe").out + sound.out + before.out
    monkeypatch.delenv("MEMU_EMBEDDING_BASE_URL")
    monkeypatch.delenv("MEMU_EMBEDDING_API_KEY")
    monkeypatch.delenv("MEMU_EMBEDDING_EMBED_MODEL")
    assert filled("doctor").code == 1
    assert filled("reembed").out.endswith("the store's embedder is all-MiniLM-L6-v2, before words-1\n")
    assert filled("doctor").code == 0


@pytest.mark.parametrize("status", [401, 404])
def test_an_endpoint_that_does_not_answer_is_named(filled: Memu, server: Scripted, status: int) -> None:
    server.otherwise = lambda _: error(status)
    host = server.url.removeprefix("http://").removesuffix("/v1")
    done = filled("doctor")
    assert done.code == 1
    assert f"{host} (words-1)" in done.out
    assert "MEMU_EMBEDDING_" in done.out
    assert "weights" not in done.out
    failed = filled("reembed")
    assert failed.code == 1
    assert f"{host} (words-1)" in failed.err
    assert KEY not in done.out + failed.err


def test_an_endpoint_that_is_not_there_is_found_out_whatever_is_known_of_its_vectors(
    memu: Memu, server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMU_EMBEDDING_EMBED_DIMENSION", str(WIDTH))
    assert memu("memorize", "--text", "I keep bees.").code == 0
    assert memu("doctor").code == 0
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MEMU_EMBEDDING_BASE_URL", f"http://127.0.0.1:{deaf.getsockname()[1]}/v1")
        done = memu("doctor")
    assert done.code == 1
    assert "ERROR  127.0.0.1" in done.out


def test_variables_that_cannot_be_meant_are_named(filled: Memu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMU_EMBEDDING_PROVIDER", "nobody")
    for command in (("doctor",), ("reembed",), ("retrieve", "cats")):
        done = filled(*command)
        assert done.code == 1
        assert "MEMU_EMBEDDING_PROVIDER" in done.out + done.err
