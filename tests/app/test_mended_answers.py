"""What an answer says about itself, and what a prompt is not filled with."""

from pathlib import Path
from typing import Any

import pytest

from memu import MemoryService, errors

REX, LISBON = "My dog is called Rex.", "I moved to Lisbon in March."
EXAMPLES = Path(__file__).parents[2] / "examples"


def service(folder: Path, *, embedded: bool, **options: Any) -> MemoryService:
    return MemoryService(
        user_id="maya",
        database_config={"metadata_store": {"provider": "sqlite", "dsn": f"sqlite:///{folder}/memu.db"}},
        blob_config={"resources_dir": folder / "resources"},
        embedding_config={"provider": "local" if embedded else "none"},
        **options,
    )


class TestSignals:
    def test_a_store_without_vectors_is_searched_by_words_and_says_so(self, tmp_path: Path) -> None:
        with service(tmp_path, embedded=False) as memory:
            memory.sync.memorize(REX)
        with service(tmp_path, embedded=True) as memory:
            signals = memory.sync.retrieve("Which dog?")["signals"]
            assert (signals["dense"], signals["lexical"]) == (False, True)
            assert "memu reembed" in signals["dense_off"]
            assert signals["items_without_vector"] == 1
            memory.sync.memorize(LISBON)
            signals = memory.sync.retrieve("Which dog?")["signals"]
            assert signals["dense"]
            assert "dense_off" not in signals
            assert signals["items_without_vector"] == 1

    @pytest.mark.parametrize("embedded", [True, False])
    def test_a_question_without_a_word_is_not_searched_by_words(self, tmp_path: Path, embedded: bool) -> None:
        with service(tmp_path, embedded=embedded) as memory:
            memory.sync.memorize(REX)
            signals = memory.sync.retrieve("!!!")["signals"]
        assert (signals["lexical"], signals["dense"]) == (False, embedded)
        assert "no word" in signals["lexical_off"]

    def test_where_all_is_well_nothing_more_is_said(self, tmp_path: Path) -> None:
        with service(tmp_path, embedded=True) as memory:
            memory.sync.memorize(REX)
            signals = memory.sync.retrieve("Which dog?")["signals"]
        assert signals == {"lexical": True, "dense": True, "rerank": False}

    def test_an_empty_memory_was_searched_by_nothing(self, tmp_path: Path) -> None:
        with service(tmp_path, embedded=True) as memory:
            signals = memory.sync.retrieve("Which dog?")["signals"]
        assert (signals["lexical"], signals["dense"]) == (False, False)
        assert "nothing is remembered" in signals["lexical_off"]
        assert "nothing is remembered" in signals["dense_off"]

    def test_tiers_that_were_not_searched_do_not_count(self, tmp_path: Path) -> None:
        off = {"enabled": False}
        with service(tmp_path, embedded=False, retrieve_config={"category": off, "resource": off}) as memory:
            memory.sync.memorize(REX)
            answer = memory.sync.retrieve("Which dog?", {"speaker": "user"})
        assert (answer["categories"], answer["resources"]) == ([], [])
        assert "unfiltered" not in answer["signals"]

    def test_tiers_that_a_filter_did_not_limit_are_named(self, tmp_path: Path) -> None:
        with service(tmp_path, embedded=False) as memory:
            memory.sync.memorize(REX)
            where = {"memory_type": "profile", "metadata.part": 1, "created_at__gt": "2000-01-01"}
            signals = memory.sync.retrieve("Which dog?", where)["signals"]
            assert signals["unfiltered"] == {
                "categories": ["memory_type", "metadata.part"],
                "resources": ["memory_type"],
            }
            assert "unfiltered" not in memory.sync.retrieve("Which dog?", {"created_at__gt": "2000-01-01"})["signals"]


class TestContext:
    @pytest.mark.parametrize("source", ["conversation.json", "assistant_chat.json", "handbook.md"])
    def test_a_question_that_nothing_is_related_to_leaves_the_prompt_empty(self, tmp_path: Path, source: str) -> None:
        with service(tmp_path, embedded=True) as memory:
            memory.sync.memorize(resource_url=EXAMPLES / source)
            assert memory.sync.context("zzz qqq xylophone") == ""
            assert memory.sync.context("How do I configure a Kubernetes ingress?").count("\n") <= 10

    def test_what_says_the_same_in_other_words_stays(self, tmp_path: Path) -> None:
        with service(tmp_path, embedded=True) as memory:
            for text in (REX, LISBON, "I work as a nurse.", "My favourite food is ramen."):
                memory.sync.memorize(text)
            assert REX in memory.sync.context("Which pet do I have?")
            assert "nurse" in memory.sync.context("What is my profession?")
            assert memory.sync.context("zzz qqq xylophone") == ""

    def test_the_floor_is_a_setting(self, tmp_path: Path) -> None:
        with service(tmp_path, embedded=False, retrieve_config={"context_min_score": 0.0}) as memory:
            memory.sync.memorize(REX)
            assert REX in memory.sync.context("Which dog is called so?")
        with service(tmp_path, embedded=False, retrieve_config={"context_min_score": 1.0}) as memory:
            assert memory.sync.context("Which dog is called so?") == ""


def test_the_drawn_tree_names_every_error() -> None:
    drawn = [line.split("── ")[-1].split()[0] for line in str(errors.__doc__).splitlines() if "── " in line]
    classes = {
        name: one for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, errors.MemuError)
    }
    assert sorted(drawn) == sorted(set(classes) - {"MemuError"})
    for line in str(errors.__doc__).splitlines():
        if "── " in line:
            name, _, rest = line.split("── ")[-1].partition(" ")
            builtins = rest[rest.index("(") + 1 : rest.index(")")].split(", ") if rest.startswith("(") else []
            assert all(builtin in {base.__name__ for base in classes[name].__mro__} for builtin in builtins)
