"""Equal means equal normalised text, by the same speaker at the same time, in the same place."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memu.sources.hashing import digest, message_hash, normalized, rolling_hashes

NOON = datetime(2024, 5, 8, 12, tzinfo=UTC)


@pytest.mark.parametrize("same", ["Caf\u00e9 in  Oslo", " Cafe\u0301\nin Oslo\t"])
def test_composition_and_white_space_do_not_count(same: str) -> None:
    assert normalized(same) == "Caf\u00e9 in Oslo"
    assert message_hash("Ann", NOON, same) == message_hash("Ann", NOON, "Caf\u00e9 in Oslo")


@pytest.mark.parametrize("other", ["café in Oslo", "Cafe in Oslo", "Café in Oslo."])
def test_case_accents_and_marks_count(other: str) -> None:
    assert message_hash("Ann", NOON, other) != message_hash("Ann", NOON, "Café in Oslo")


def test_speaker_and_time_count() -> None:
    hashes = {
        message_hash(speaker, at, "hi")
        for speaker in ("Ann", "ann", None)
        for at in (NOON, NOON.replace(hour=13), None)
    }
    assert len(hashes) == 9


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=5), st.data())
def test_parts_do_not_run_into_each_other(parts: list[str], data: st.DataObject) -> None:
    others = data.draw(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=5))
    assert (digest(*parts) == digest(*others)) == (parts == others)


def test_a_rolling_hash_stands_for_everything_before_it() -> None:
    whole = rolling_hashes(["a", "b", "c"])
    assert whole[:2] == rolling_hashes(["a", "b"])
    assert whole[2] != rolling_hashes(["b", "a", "c"])[2]
    assert rolling_hashes([]) == ()
