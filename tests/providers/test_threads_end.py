"""The threads of a provider's coroutines end when the provider is closed."""

import asyncio
import threading

import pytest

from memu.errors import ClosedError

from .places import Place


def test_closing_a_provider_ends_the_threads_of_its_coroutines(place: Place) -> None:
    before = set(threading.enumerate())
    provider = place.open()

    async def use() -> None:
        await asyncio.gather(*(provider.aio.list_all("personas") for _ in range(9)))

    asyncio.run(use())
    own = [one for one in set(threading.enumerate()) - before if one.name.startswith("memorizz")]
    assert own
    provider.close()
    for one in own:
        one.join(20)
    assert not [one for one in own if one.is_alive()]
    with pytest.raises(ClosedError):
        asyncio.run(provider.aio.list_all("personas"))
