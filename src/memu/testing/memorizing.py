"""`memorize` on a backend: what comes in is kept word for word, once, and what changed is followed."""

import json
from pathlib import Path
from typing import Any

import pytest

from memu.app.service import MemoryService
from memu.app.sync import SyncService
from memu.database.core import Database
from memu.errors import InputError, MemuError, SourceError, SourceInvalid, SourceNotFound
from memu.testing.backend import ALICE, BOB, Backend, Suite, ids
from memu.testing.speech import FACTS, said, talk

RESULT = {
    "status",
    "resource",
    "resources",
    "items",
    "categories",
    "relations",
    "superseded",
    "reinforced",
    "operation_id",
    "stale_categories",
    "warnings",
    "extraction",
    "usage",
}


class MemorizeTests(Suite):
    """Every form of source, and every way in which one can come again."""

    def test_messages_become_items_that_point_at_their_words(self, memory: SyncService) -> None:
        result = memory.memorize(talk(FACTS[:4]), user=ALICE)
        assert set(result) == RESULT
        assert result["status"] == "created"
        assert said(result["items"]) == list(FACTS[:4])
        text = memory.get_resource_text(result["resource"]["id"], user=ALICE)
        messages = memory.get_resource_messages(result["resource"]["id"], user=ALICE)
        for place, item in enumerate(result["items"]):
            source = item["source"]
            assert text[source["start"] : source["end"]] == FACTS[place]
            assert source["message_ids"] == [str(place)]
            assert source["resource_id"] == result["resource"]["id"]
            assert item["speaker"] == "Anna"
            assert item["said_at"].isoformat() == f"2024-05-08T13:{place:02}:00+00:00"
            assert messages[place]["text"] == FACTS[place]

    def test_relations_join_items_and_categories(self, memory: SyncService, alice: Database) -> None:
        result = memory.memorize(talk(FACTS), user=ALICE)
        names = {category["id"]: category["name"] for category in result["categories"]}
        filed: dict[str, set[str]] = {}
        for link in result["relations"]:
            filed.setdefault(link["item_id"], set()).add(names[link["category_id"]])
        assert {item["id"]: set(item["categories"]) for item in result["items"] if item["categories"]} == filed
        assert len(alice.relations) == len(result["relations"])
        assert len(result["categories"]) == 10

    @pytest.mark.parametrize("form", ["text", "one message", "file", "path", "document", "text file"])
    def test_every_form_is_kept_and_known_again(self, backend: Backend, memory: SyncService, form: str) -> None:
        args, options = _source(backend.folder, form)
        first = memory.memorize(*args, user=ALICE, **options)
        assert first["status"] == "created"
        assert any(FACTS[0] in item["summary"] for item in first["items"])
        text = memory.get_resource_text(first["resource"]["id"], user=ALICE)
        assert FACTS[0] in text
        for item in first["items"]:
            if "note" not in item["extra"]:
                assert text[item["source"]["start"] : item["source"]["end"]] == item["summary"]
        self._adds_nothing(backend, memory, args, options)

    def test_the_same_content_again_adds_nothing(self, backend: Backend, memory: SyncService) -> None:
        memory.memorize(talk(FACTS), user=ALICE)
        self._adds_nothing(backend, memory, (talk(FACTS),), {})
        spaced = [{**one, "content": one["content"].replace(" ", "  ") + "\n"} for one in talk(FACTS)]
        self._adds_nothing(backend, memory, (spaced,), {})

    @staticmethod
    def _adds_nothing(backend: Backend, memory: SyncService, args: Any, options: Any) -> None:
        before = backend.dump(memory.parts.database)
        again = memory.memorize(*args, user=ALICE, **options)
        assert (again["status"], again["items"]) == ("unchanged", [])
        assert again["resource"] is not None
        assert backend.dump(memory.parts.database) == before

    def test_equal_is_equal_text_and_not_similar_text(self, memory: SyncService) -> None:
        memory.memorize("I drink one cup of coffee every morning.", user=ALICE)
        assert memory.memorize("I drink one cup of coffee every Morning.", user=ALICE)["status"] == "created"
        assert memory.memorize("I drink one cup of Coffee every morning.", user=ALICE)["status"] == "created"

    def test_two_users_memorize_the_same(self, memory: SyncService) -> None:
        first, second = (memory.memorize(talk(FACTS), user=user) for user in (ALICE, BOB))
        assert second["status"] == "created"
        assert said(first["items"]) == said(second["items"])
        assert not set(ids(first["items"])) & set(ids(second["items"]))

    def test_a_conversation_goes_on(self, memory: SyncService, alice: Database) -> None:
        first = memory.memorize(talk(FACTS[:5]), user=ALICE)
        second = memory.memorize(talk(FACTS[:8]), user=ALICE)
        assert second["status"] == "extended"
        assert second["resource"]["id"] == first["resource"]["id"]
        assert said(second["items"]) == list(FACTS[5:8])
        assert list(alice.items) == ids(first["items"]) + ids(second["items"])
        text = memory.get_resource_text(first["resource"]["id"], user=ALICE)
        for item in alice.items.values():
            assert text[item.source_start : item.source_end] == item.summary

    def test_the_beginning_of_a_conversation_that_went_on_is_known(self, memory: SyncService, alice: Database) -> None:
        first = memory.memorize(talk(FACTS[:1]), user=ALICE)
        memory.memorize(talk(FACTS[:3]), user=ALICE)
        again = memory.memorize(talk(FACTS[:1]), user=ALICE)
        assert (again["status"], again["items"]) == ("unchanged", [])
        assert again["resource"]["id"] == first["resource"]["id"]
        assert len(alice.items) == 3

    def test_a_file_goes_on(self, backend: Backend, memory: SyncService, alice: Database) -> None:
        path = _written(backend.folder, talk(FACTS[:3]))
        first = memory.memorize(resource_url=path, user=ALICE)
        _written(backend.folder, talk(FACTS[:6]))
        second = memory.memorize(resource_url=path, user=ALICE)
        assert second["status"] == "extended"
        assert said(second["items"]) == list(FACTS[3:6])
        assert list(alice.items)[:3] == ids(first["items"])
        assert len(alice.resources) == 1

    def test_an_overlap_replaces_with_history(self, backend: Backend, memory: SyncService, alice: Database) -> None:
        path = _written(backend.folder, talk(FACTS[:4]))
        first = memory.memorize(resource_url=path, user=ALICE)
        kept, gone = ids(first["items"])[1:], ids(first["items"])[0]
        _written(backend.folder, [talk(FACTS[8:9])[0], *talk(FACTS[:4])[1:]])
        second = memory.memorize(resource_url=path, user=ALICE)
        assert second["status"] == "replaced"
        assert said(second["items"]) == [FACTS[8]]
        assert second["resource"]["version"] == 2
        assert set(alice.items) == {*kept, *ids(second["items"])}
        everything = memory.list_memory_items(ALICE, include_superseded=True)["items"]
        old = next(item for item in everything if item["id"] == gone)
        assert old["valid_to"] is not None
        assert [entry["event"] for entry in alice.memory_item_repo.history(gone)] == ["supersede"]
        assert alice.memory_item_repo.history(gone)[0]["before"]["summary"] == FACTS[0]
        assert gone not in ids(memory.retrieve(FACTS[0], ALICE, top_k=50)["items"])
        self._offsets_hold(memory, alice)

    @staticmethod
    def _offsets_hold(memory: SyncService, alice: Database) -> None:
        for item in alice.items.values():
            text = memory.get_resource_text(item.resource_id, user=ALICE)
            assert text[item.source_start : item.source_end] == item.summary

    def test_no_overlap_is_a_new_version_beside_the_old(
        self, backend: Backend, memory: SyncService, alice: Database
    ) -> None:
        path = _written(backend.folder, talk(FACTS[:3]))
        first = memory.memorize(resource_url=path, user=ALICE)
        _written(backend.folder, talk(FACTS[6:9]))
        second = memory.memorize(resource_url=path, user=ALICE)
        assert second["status"] == "new_version"
        assert second["resource"]["id"] != first["resource"]["id"]
        assert second["resource"]["version"] == 2
        assert list(alice.items) == ids(first["items"]) + ids(second["items"])
        assert FACTS[0] in memory.get_resource_text(first["resource"]["id"], user=ALICE)
        self._offsets_hold(memory, alice)

    def test_equal_content_under_another_name_is_known(self, backend: Backend, memory: SyncService) -> None:
        first = memory.memorize(resource_url=_written(backend.folder, talk(FACTS[:3]), "a.json"), user=ALICE)
        second = memory.memorize(resource_url=_written(backend.folder, talk(FACTS[:3]), "b.json"), user=ALICE)
        assert second["status"] == "unchanged"
        assert second["resource"]["id"] == first["resource"]["id"]

    def test_going_back_to_an_earlier_version_is_a_version_again(self, backend: Backend, memory: SyncService) -> None:
        path = _written(backend.folder, talk(FACTS[:4]))
        memory.memorize(resource_url=path, user=ALICE)
        _written(backend.folder, talk(FACTS[:5])[1:])
        assert memory.memorize(resource_url=path, user=ALICE)["status"] == "replaced"
        _written(backend.folder, talk(FACTS[:4]))
        result = memory.memorize(resource_url=path, user=ALICE)
        assert result["status"] == "replaced"
        assert sorted(said(memory.list_memory_items(ALICE)["items"])) == sorted(FACTS[:4])

    def test_what_was_deleted_can_be_memorized_again(self, memory: SyncService) -> None:
        first = memory.memorize(talk(FACTS[:3]), user=ALICE)
        memory.delete_resource(first["resource"]["id"], user=ALICE)
        second = memory.memorize(talk(FACTS[:3]), user=ALICE)
        assert second["status"] == "created"
        assert said(second["items"]) == list(FACTS[:3])

    def test_metadata_is_kept_with_every_item(self, memory: SyncService) -> None:
        given = {"channel": "mail", "rank": 3, "deep": {"list": [1, None, "ü"]}}
        result = memory.memorize(talk(FACTS[:2]), user=ALICE, metadata=given)
        assert [item["metadata"] for item in result["items"]] == [given, given]
        assert result["resource"]["metadata"] == given

    def test_small_talk_is_kept_in_the_words_only(self, memory: SyncService) -> None:
        messages = [{"role": "user", "content": "Hi!"}, *talk(FACTS[:1]), {"role": "user", "content": "Thanks, bye!"}]
        result = memory.memorize(messages, user=ALICE)
        assert said(result["items"]) == [FACTS[0]]
        text = memory.get_resource_text(result["resource"]["id"], user=ALICE)
        assert "Hi!" in text
        assert "Thanks, bye!" in text

    @pytest.mark.parametrize(
        "words",
        [
            "Grüße aus München: Jürgen wohnt seit 1999 in der Straße.",
            "我去年搬到了东京，现在在一家医院工作。",
            "أعمل مهندسًا في القاهرة منذ عشر سنوات.",
            "My cafe\u0301 is called 👩‍🚀 Rocket and opened in 2021.",
            "The rare sign 𠜎 is on the door of my house in Kyoto.",
        ],
        ids=["german", "chinese", "arabic", "combining", "four bytes"],
    )
    def test_other_scripts_survive(self, memory: SyncService, words: str) -> None:
        result = memory.memorize([{"role": "user", "content": words}], user=ALICE)
        text = memory.get_resource_text(result["resource"]["id"], user=ALICE)
        assert words in text
        for item in result["items"]:
            assert text[item["source"]["start"] : item["source"]["end"]] == item["summary"]
        assert memory.memorize([{"role": "user", "content": words}], user=ALICE)["status"] == "unchanged"

    def test_a_megabyte_in_one_message(self, memory: SyncService) -> None:
        words = "wörd😀 " * 170_000
        result = memory.memorize([{"role": "user", "content": words}], user=ALICE)
        assert words in memory.get_resource_text(result["resource"]["id"], user=ALICE)

    @pytest.mark.parametrize(
        ("args", "options", "error"),
        [
            ((), {}, InputError),
            (("text",), {"resource_url": "x.md"}, InputError),
            ((" \n",), {}, InputError),
            (("a\x00b",), {}, InputError),
            (([],), {}, SourceInvalid),
            (([{"role": "user", "content": 5}],), {}, SourceInvalid),
            (("x",), {"modality": "telepathy"}, InputError),
            ((), {"resource_url": "missing.md"}, SourceNotFound),
            (("x y z",), {"metadata": {"a": object()}}, InputError),
            (("x y z",), {"metadata": {"a": float("nan")}}, InputError),
            (("x y z",), {"metadata": {"a.b": 1}}, InputError),
        ],
    )
    def test_a_bad_source_leaves_the_store_as_it_was(
        self, backend: Backend, memory: SyncService, args: Any, options: Any, error: type[MemuError]
    ) -> None:
        memory.memorize(talk(FACTS[:2]), user=ALICE)
        before = backend.dump(memory.parts.database)
        with pytest.raises(error):
            memory.memorize(*args, user=ALICE, **options)
        assert backend.dump(memory.parts.database) == before

    def test_a_bad_line_in_a_file_names_the_file(self, backend: Backend, memory: SyncService) -> None:
        path = backend.folder / "torn.json"
        path.write_text('[{"role": "user", "content": "x"}', encoding="utf-8")
        with pytest.raises(SourceError, match=r"torn\.json"):
            memory.memorize(resource_url=path, modality="conversation", user=ALICE)

    def test_a_failing_step_keeps_nothing(
        self, backend: Backend, service: MemoryService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        service.sync.memorize(talk(FACTS[:2]), user=ALICE)
        before = backend.dump(service.parts.database)
        with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="midway"):
            patch.setattr("memu.app.write.Writing._write_summaries", _fail)
            service.sync.memorize(talk(FACTS[3:6]), user=ALICE)
        assert backend.dump(service.parts.database) == before
        assert service.sync.memorize(talk(FACTS[3:6]), user=ALICE)["status"] == "created"


def _fail(*_: Any) -> None:
    raise RuntimeError("midway")


def _written(folder: Path, messages: list[dict[str, Any]], name: str = "talk.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(messages), encoding="utf-8")
    return path


def _source(folder: Path, form: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a `memorize` call that gives the first facts in one of its forms."""
    notes = folder / "notes.md"
    notes.write_text(f"# About me\n\n{FACTS[0]}\n\n- {FACTS[1]}\n- {FACTS[2]}\n", encoding="utf-8")
    talked = _written(folder, talk(FACTS[:3]))
    forms: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
        "text": ((f"{FACTS[0]} {FACTS[1]}",), {}),
        "one message": ((talk(FACTS[:1])[0],), {}),
        "file": ((), {"resource_url": str(talked), "modality": "conversation"}),
        "path": ((), {"resource_url": talked}),
        "document": ((), {"resource_url": notes, "modality": "document"}),
        "text file": ((), {"resource_url": str(notes), "modality": "text"}),
    }
    return forms[form]
