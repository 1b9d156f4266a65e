"""What personas, tools, workflows, messages and knowledge are made of: the top module, and texts as vectors."""

import pytest

import memorizz
from memorizz import MemoryType, RoleType, WorkflowOutcome
from memorizz.memory_provider import MemoryProvider
from memorizz.memory_provider.provider import RecordProvider
from memorizz.memory_provider.sqlite import SQLiteProvider
from memu.errors import ConfigError, InputTypeError

from .places import embed

LONG = MemoryType.LONG_TERM_MEMORY


def test_the_top_module_gathers_what_users_make() -> None:
    assert {name for name in memorizz.__all__ if not hasattr(memorizz, name)} == set()
    assert memorizz.Toolbox.__module__ == "memorizz.toolbox"
    assert memorizz.ConversationMemoryUnit.__module__ == "memorizz.memory_unit"
    assert memorizz.Workflow.__module__ == "memorizz.workflow"
    from memorizz.persona import RoleType as RoleOfPersonas
    from memorizz.workflow import WorkflowOutcome as OutcomeOfWorkflows

    assert (RoleOfPersonas, OutcomeOfWorkflows) == (RoleType, WorkflowOutcome)


# --- texts to vectors -------------------------------------------------------------------------------------------------


def test_embed_text_is_what_queries_are_searched_with(provider: RecordProvider) -> None:
    vector = provider.embed_text("bees")
    assert vector == embed("bees")
    provider.store({"content": "bees", "embedding": vector}, LONG)
    assert provider.retrieve_by_query("bees", LONG)["score"] == pytest.approx(1.0)
    with pytest.raises(InputTypeError, match="the text is a int: expected a string"):
        provider.embed_text(5)  # type: ignore[arg-type]


def test_a_provider_that_embeds_nothing_says_so(provider: RecordProvider) -> None:
    with pytest.raises(ConfigError, match="Provider embeds no texts: override embed_text"):
        MemoryProvider.embed_text(provider, "bees")


async def _embedded(provider: RecordProvider) -> list[float]:
    return await provider.aio.embed_text("bees")


def test_embed_text_has_a_coroutine() -> None:
    import asyncio

    with SQLiteProvider({"path": ":memory:", "embedder": embed}) as provider:
        assert asyncio.run(_embedded(provider)) == embed("bees")
