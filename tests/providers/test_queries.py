"""Queries: their forms, what filters mean, whose documents are seen, and that no key or value is ever a statement."""

import logging
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from memorizz.enums import MemoryType
from memorizz.memory_provider.provider import RecordProvider
from memorizz.memory_provider.results import Results
from memu.errors import FilterError, InputError, InputTypeError

from .places import TYPES, Place, embed

LONG, TALK = MemoryType.LONG_TERM_MEMORY, MemoryType.CONVERSATION_MEMORY


def store(provider: RecordProvider, kind: MemoryType = LONG, **document: Any) -> str:
    """Keep a document whose embedding is that of its content."""
    if "content" in document:
        document = {"embedding": embed(document["content"]), **document}
    return provider.store(document, kind)


def ids(results: list[dict[str, Any]]) -> list[str]:
    return [one["_id"] for one in results]


# --- shapes and forms (rows 1 and 2) ----------------------------------------------------------------------------------


def test_row_01_the_result_reads_like_one_document_and_like_many(provider: RecordProvider) -> None:
    nothing = provider.retrieve_by_query({"embedding": embed("x")}, LONG)
    assert isinstance(nothing, list)
    assert not nothing
    assert nothing == []
    assert nothing.get("distance") is None
    store(provider, content="apples and pears")
    store(provider, content="zebra")
    for limit in (1, 5):
        found = provider.retrieve_by_query({"embedding": embed("apples and pears")}, LONG, limit=limit)
        assert isinstance(found, Results)
        assert len(found) == min(limit, 2)
        assert found["content"] == found[0]["content"] == "apples and pears"
        assert found.get("distance") == found[0]["distance"]
        assert found.get("nothing", 5) == 5
        assert ("content" in found, found[0] in found, "nothing" in found) == (True, True, False)
        assert dict(found) == found[0]
        assert dict(found.items()) == found[0]
        assert isinstance(found[:1], Results)
    with pytest.raises(KeyError):
        nothing["content"]


@pytest.mark.parametrize("kind", TYPES)
def test_row_02_every_type_takes_every_form(provider: RecordProvider, kind: MemoryType) -> None:
    near = store(provider, kind, content="green tea", memory_id="m", flavour="mild")
    far = store(provider, kind, content="QQQQQQQQQQQQQQ", memory_id="m")
    other = store(provider, kind, content="green tea!", memory_id="other")
    vector = embed("green tea")
    ask = provider.retrieve_by_query
    for form in ("green tea", vector, tuple(vector), np.array(vector, np.float32), {"embedding": vector},
                 {"query": "green tea"}, {"text": "green tea"}):  # fmt: skip
        assert ids(ask(form, kind)) == [near]
        assert ids(ask(form, kind, limit=3)) == [near, other, far]
    assert ids(ask({"embedding": vector, "limit": 3}, kind)) == [near, other, far]
    assert ids(ask({"embedding": vector, "limit": 3}, kind, 2)) == [near, other]
    assert ids(ask({"embedding": vector, "memory_id": "m"}, kind, limit=5)) == [near, far]
    assert ids(ask({"text": "green tea", "memory_id": "other"}, kind, limit=5)) == [other]
    assert ids(ask({"memory_id": "m"}, kind, limit=5)) == [far, near]
    assert ids(ask({"flavour": "mild"}, kind.value, limit=5)) == [near]
    assert ids(ask(None, kind, limit=5)) == ids(ask({}, kind, limit=5)) == [other, far, near]
    assert ids(ask("green tea", "personas", limit=5, memory_type=kind)) == [near, other, far]
    assert len(ask(None, kind)) == 1


def test_row_02_what_is_no_query(provider: RecordProvider) -> None:
    ask: Any = provider.retrieve_by_query
    with pytest.raises(InputError, match="both an embedding and a text"):
        ask({"embedding": embed("x"), "query": "x"}, LONG)
    with pytest.raises(InputError, match="both `query` and `text`"):
        ask({"text": "x", "query": "x"}, LONG)
    with pytest.raises(InputTypeError, match="text is a int"):
        ask({"text": 5}, LONG)
    store(provider, content="x", memory_id="m")
    for key in ("embedding", "query", "text"):
        for more in ({}, {"memory_id": "m"}, {"limit": 5}):
            with pytest.raises(InputError, match=f"the query's {key} is None: leave the key out"):
                ask({key: None, **more}, LONG)
    for bad in (5, b"x", object(), {1, 2}):
        with pytest.raises(InputTypeError, match="the query is a"):
            ask(bad, LONG)
    for bad in (-1, "2", 1.5, True):
        with pytest.raises(InputError, match="limit is"):
            ask(None, LONG, bad)
    with pytest.raises(TypeError, match="tenant"):
        ask(None, LONG, tenant="x")
    for kind in ("nothing", 5, None, ["personas"]):
        with pytest.raises(InputError, match="memory type"):
            ask(None, kind)
    assert ask("x", LONG, limit=0) == []


def test_row_02_components_by_text_or_vector(provider: RecordProvider) -> None:
    near = store(provider, TALK, content="green tea", memory_id="m")
    store(provider, TALK, content="zzzz", memory_id="n")
    for ask in (provider.retrieve_memory_components_by_query, provider.retrieve_memory_units_by_query):
        assert ids(ask("green tea"))[0] == near
        assert ids(ask("ignored", embed("green tea"), "m")) == [near]
        assert ids(ask(query_embedding=embed("green tea"), memory_type=TALK, limit=1)) == [near]
        assert len(ask()) == 2


# --- filters (rows 3 and 4) -------------------------------------------------------------------------------------------

VALUES: dict[str, Any] = {
    "string": "x", "empty": "", "quote": "'; DROP TABLE toolbox; --", "percent": "%", "umlaut": "ä🦊", "one": 1,
    "half": 0.5, "true": True, "false": False, "zero": 0,
    "text one": "1", "text true": "true", "minus": -7, "big": 2**53, "null": None,
}  # fmt: skip


@pytest.mark.parametrize("key", ["flavour", "metadata.flavour", "content", "thread_id", "a b", "Ünï", "1=1", "role"])
def test_row_03_filters_compare_for_equality_and_type(provider: RecordProvider, key: str) -> None:
    def document(value: Any) -> dict[str, Any]:
        return {"metadata": {"flavour": value}} if key.startswith("metadata.") else {key: value}

    for name, value in VALUES.items():
        provider.store({"_id": name, **document(value)}, TALK)
    provider.store({"_id": "missing", "metadata": {}}, TALK)
    for name, value in VALUES.items():
        wanted = {"null", "missing"} if value is None else {name}
        assert set(ids(provider.retrieve_by_query({key: value}, TALK, limit=99))) == wanted, name
    assert set(ids(provider.retrieve_by_query({key: ["x", "%", "nothing"]}, TALK, limit=99))) == {"string", "percent"}
    assert set(ids(provider.retrieve_by_query({key: (1, False)}, TALK, limit=99))) == {"one", "false"}
    assert provider.retrieve_by_query({key: []}, TALK, limit=99) == []
    assert provider.retrieve_by_query({key: ["nothing"]}, TALK, limit=99) == []


def test_row_03_more_filters(provider: RecordProvider) -> None:
    long = "x" * 300
    store(
        provider, _id="a", content="x", agent_id=long, metadata={"deep": {"er": 1}}, created_at="2024-01-01T00:00:00Z"
    )
    store(provider, _id="b", content="y", agent_id=5, user_id="u", **{"a.b": 1})
    ask = provider.retrieve_by_query
    for filters, wanted in (
        ({"agent_id": long}, ["a"]),
        ({"agent_id": 5}, ["b"]),
        ({"agent_id": None}, []),
        ({"metadata.deep.er": 1}, ["a"]),
        ({"a.b": 1}, ["b"]),
        ({"_id": "a"}, ["a"]),
        ({"id": ["a", "b", "c"]}, ["b", "a"]),
        ({"_id": "nobody's"}, []),
        ({"user_id": "u", "content": "y"}, ["b"]),
        ({"user_id": None}, ["a"]),
        ({"user_id": ["u", None]}, ["b", "a"]),
        ({"user_id": 5}, []),
        ({"created_at": datetime(2024, 1, 1, tzinfo=UTC)}, ["a"]),
        ({"created_at": "2024-01-01T01:00:00+01:00"}, ["a"]),
        ({"created_at": datetime(2024, 1, 1)}, ["a"]),
        ({"created_at": 1704067200}, ["a"]),
        ({"created_at": None}, []),
        ({"created_at": [None, "2024-01-01"]}, ["a"]),
        ({"timestamp": None}, ["b", "a"]),
        ({"name": None}, ["b", "a"]),
    ):  # fmt: skip
        assert ids(ask(filters, LONG, limit=9)) == wanted, filters
        assert set(ids(ask({**filters, "embedding": embed("x")}, LONG, limit=9))) == set(wanted), filters
    for bad in (
        {"a": {"$ne": None}}, {"memory_id": {"$ne": None}}, {"user_id": {}}, {"_id": {"$gt": ""}},
        {"metadata.k": {"$gt": 1}},
        {"a": [{"$ne": 1}]}, {"a": [["x"]]}, {"a": b"x"}, {"a": object()}, {"a": float("nan")}, {"a": 2**64},
        {"a": "\x00"},
        {"a": datetime(2024, 1, 1)}, {"created_at": "yesterday"}, {"created_at": 1704067200000},
        {"": 1}, {5: 1}, {"metadata.": 1}, {"metadata..a": 1},
        {'a"b': 1}, {"a\\b": 1}, {"a\x00": 1}, {"agent_id": ["x", 5]}, {"metadata": {}},
    ):  # fmt: skip
        with pytest.raises(FilterError, match="filter"):
            ask(bad, LONG, limit=9)


def test_row_03_a_dot_is_a_path_in_metadata_only(provider: RecordProvider) -> None:
    for kind in (LONG, TALK):
        store(provider, kind, _id="literal", content="x", **{"address.city": "Rome", "content.x": 1})
        store(
            provider, kind, _id="below", content="x", address={"city": "Rome"}, metadata={"address": {"city": "Rome"}}
        )
        for asked, wanted in (
            ({"address.city": "Rome"}, ["literal"]),
            ({"content.x": 1}, ["literal"]),
            ({"metadata.address.city": "Rome"}, ["below"]),
        ):
            assert ids(provider.retrieve_by_query(asked, kind, limit=9)) == wanted
            assert ids(provider.retrieve_by_query({**asked, "embedding": embed("x")}, kind, limit=9)) == wanted


def test_row_03_metadata_that_are_a_dict_are_not_missing(provider: RecordProvider) -> None:
    several: dict[str, Any] = {
        "dict": {"a": 1}, "empty": {}, "other order": {"bb": 1, "a": 2}, "text": "x", "list": ["x"], "null": None,
    }  # fmt: skip
    for name, metadata in several.items():
        store(provider, _id=name, content="x", metadata=metadata)
    store(provider, _id="missing", content="x")
    for wanted, found in (
        (None, {"null", "missing"}),
        ([None], {"null", "missing"}),
        ("x", {"text"}),
        (["x", None], {"text", "null", "missing"}),
        ("y", set()),
    ):
        for asked in ({"metadata": wanted}, {"metadata": wanted, "embedding": embed("x")}):
            assert set(ids(provider.retrieve_by_query(asked, LONG, limit=9))) == found, asked


INJECTIONS = (
    "1=1; DROP TABLE toolbox; SELECT 1",
    "x' OR '1'='1",
    "name = 'x', user_id",
    "id); DELETE FROM long_term_memory; --",
    "$where",
    "%(name)s",
    ":name",
    "?",
    "{0}",
    "embedding <=> '[1]'",
)


def test_statements_in_keys_names_and_values_are_only_text(provider: RecordProvider) -> None:
    provider.store({"_id": "victim", "name": "victim", "user_id": "u", "embedding": embed("x")}, LONG)
    provider.store({"_id": "tool"}, MemoryType.TOOLBOX)
    for text in INJECTIONS:
        document = {"name": text, "content": text, "memory_id": text, "metadata": {text: text}, text: text}
        document["embedding"] = embed(text)
        stored = provider.store({"_id": text, **document}, LONG)
        assert stored == text
        for filters in (
            {text: text},
            {"content": text},
            {f"metadata.{text}": text},
            {"memory_id": text},
            {"_id": text},
        ):
            for asked in (filters, {**filters, "embedding": embed("x")}):
                assert ids(provider.retrieve_by_query(asked, LONG, limit=9)) == [text]
            assert provider.retrieve_by_query({**dict.fromkeys(filters, "other"), "embedding": embed("x")}, LONG) == []
        assert len(provider.retrieve_by_query(embed("x"), LONG, limit=9)) == 2
        assert provider.retrieve_by_name(text, LONG) is not None
        assert provider.update_by_id(text, {text: "changed", f"{text} more": 1}, LONG) is True
        found = provider.retrieve_by_id(text, LONG)
        assert found is not None
        assert found[text] == "changed"
        assert provider.list_all(TALK, text) == []
        assert provider.retrieve_conversation_history_ordered_by_timestamp(text) == []
        assert provider.delete_by_name(text, LONG) is True
    assert ids(provider.list_all(LONG)) == ["victim"]
    assert ids(provider.list_all(MemoryType.TOOLBOX)) == ["tool"]


def test_a_filter_of_an_empty_memory_matches_no_other(provider: RecordProvider) -> None:
    """The cross-tenant read of another provider: memory_id beside an embedding was dropped there."""
    for kind in (LONG, TALK, MemoryType.SUMMARIES, MemoryType.SHORT_TERM_MEMORY, MemoryType.WORKFLOW_MEMORY):
        store(provider, kind, content="private note of B", memory_id="B", user_id="b")
        vector = {"embedding": embed("private note of B")}
        assert provider.retrieve_by_query({**vector, "memory_id": "A"}, kind, limit=9) == []
        assert provider.retrieve_by_query(vector, kind, limit=9, memory_id="A") == []
        assert provider.retrieve_by_query("private note of B", kind, limit=9, user_id="a") == []
        assert provider.retrieve_by_query({"memory_id": "B"}, kind, limit=9)["memory_id"] == "B"


@pytest.mark.parametrize("share", [200, 50, 20, 5])
def test_row_04_filters_apply_before_the_cut(provider: RecordProvider, share: int) -> None:
    random = np.random.default_rng(share)
    vectors = random.standard_normal((6 * max(share, 50), 16))
    chosen = range(7, len(vectors), share)
    provider.store_many(
        (
            {"_id": str(n), "memory_id": "mine" if n in chosen else None, "metadata": {"n": n % 3}, "embedding": vector}
            for n, vector in enumerate(vectors)
        ),
        LONG,
    )
    for query in random.standard_normal((5, 16)):
        cosines = vectors @ query / np.linalg.norm(vectors, axis=1) / np.linalg.norm(query)
        nearest = sorted(chosen, key=lambda place: -cosines[place])[:5]
        found = provider.retrieve_by_query({"embedding": query, "memory_id": "mine"}, LONG, limit=5)
        assert ids(found) == [str(place) for place in nearest]
        np.testing.assert_allclose([one["score"] for one in found], cosines[nearest], atol=1e-5)
        nearest = sorted(range(1, len(vectors), 3), key=lambda place: -cosines[place])[:10]
        assert ids(provider.retrieve_by_query({"embedding": query, "metadata.n": 1}, LONG, limit=10)) == [
            str(place) for place in nearest
        ]


# --- scores, embeddings, owners (rows 11, 12, 22) ---------------------------------------------------------------------


def test_row_11_scores(provider: RecordProvider) -> None:
    for name, vector in {"same": [2, 0], "near": [1, 1], "across": [0, 3], "opposite": [-1, 0]}.items():
        provider.store({"_id": name, "embedding": vector}, LONG)
    provider.store({"_id": "no vector"}, LONG)
    found = provider.retrieve_by_query([5, 0], LONG, limit=9)
    assert ids(found) == ["same", "near", "across", "opposite"]
    assert [one["score"] for one in found] == pytest.approx([1, 0.5**0.5, 0, -1], abs=1e-6)
    for one in found:
        assert one["distance"] == 1 - one["score"]
    assert "score" not in provider.retrieve_by_query({"_id": "same"}, LONG)[0]
    for name in sorted(["b", "a", "c"]):
        provider.store({"_id": name, "embedding": [0, -1]}, LONG)
    assert ids(provider.retrieve_by_query([0, -2], LONG, limit=3)) == ["a", "b", "c"]


def test_row_12_embeddings_come_when_they_are_asked_for(provider: RecordProvider) -> None:
    vector = [0.5, 0.25, -1.0]
    bare = (
        MemoryType.PERSONAS,
        MemoryType.TOOLBOX,
        MemoryType.WORKFLOW_MEMORY,
        MemoryType.MEMAGENT,
        MemoryType.SKILLBOX,
    )
    for kind in TYPES:
        document = {"_id": "a", "name": "N", "memory_id": "m", "embedding": np.array(vector, np.float32)}
        provider.store(document, kind)
        read = provider.retrieve_conversation_history_ordered_by_timestamp
        for asked, wanted in (({}, False), ({"include_embedding": True}, True), ({"include_embedding": False}, False)):
            for found in (
                provider.retrieve_by_query(vector, kind, **asked)[0],
                provider.retrieve_by_query({"name": "N"}, kind, **asked)[0],
                provider.retrieve_by_name("N", kind, **asked),
                provider.list_all(kind, **asked)[0],
                read("m", kind, **asked)[0],
            ):
                assert found is not None
                assert found.get("embedding") == (vector if wanted else None)
                assert ("embedding" in found) == wanted
            by_id = provider.retrieve_by_id("a", kind, **asked)
            assert by_id is not None
            assert ("embedding" in by_id) == (wanted if asked else kind not in bare)
        assert all(type(one) is float for one in provider.list_all(kind, include_embedding=True)[0]["embedding"])


def test_row_22_three_states_of_the_user_in_every_read(provider: RecordProvider) -> None:
    shared_types = (LONG, MemoryType.TOOLBOX, MemoryType.SKILLBOX)
    for kind in (TALK, *shared_types, MemoryType.PERSONAS):
        for owner in ("alice", "bob", None, ""):
            store(provider, kind, _id=f"{owner or repr(owner)}", content="tea", user_id=owner, memory_id="m")
        everybody, nobody = {"alice", "bob", "None", "''"}, {"None"}
        alice = {"alice", "None"} if kind in shared_types else {"alice"}
        reads: list[Any] = [
            lambda kind=kind, **user: provider.list_all(kind, **user),
            lambda kind=kind, **user: provider.list_all(kind, limit=9, offset=0, **user),
            lambda kind=kind, **user: provider.retrieve_by_query(None, kind, limit=9, **user),
            lambda kind=kind, **user: provider.retrieve_by_query("tea", kind, limit=9, **user),
            lambda kind=kind, **user: provider.retrieve_by_query(embed("tea"), kind, 9, "m", **user),
            lambda kind=kind, **user: provider.retrieve_memory_units_by_query("tea", None, "m", kind, 9, **user),
            lambda kind=kind, **user: provider.retrieve_conversation_history_ordered_by_timestamp("m", kind, **user),
        ]
        for read in reads:
            assert set(ids(read())) == everybody
            assert set(ids(read(user_id=None))) == nobody
            assert set(ids(read(user_id="alice"))) == alice
            assert set(ids(read(user_id="ALICE"))) == alice - {"alice"}
            with pytest.raises(InputTypeError):
                read(user_id=5)


def test_keyword_filters(provider: RecordProvider) -> None:
    wanted = {"thread_id": "t", "namespace": "n", "agent_id": "a", "knowledge_base_id": "kb", "status": "active"}
    for kind in (LONG, MemoryType.SKILLBOX, TALK):
        store(provider, kind, _id="yes", content="tea", **wanted)
        store(provider, kind, _id="no", content="tea")
        asked: Any
        for asked in (
            {"thread_id": "t"}, {"namespace": "n"}, {"agent_id": "a"}, {"knowledge_base_ids": ["kb", "other"]},
            {"statuses": ("active",)}, {"statuses": {"active", "stale"}, "namespace": "n"},
        ):  # fmt: skip
            for query in ("tea", None):
                assert ids(provider.retrieve_by_query(query, kind, limit=9, **asked)) == ["yes"], asked
        assert provider.retrieve_by_query("tea", kind, limit=9, knowledge_base_ids=[]) == []
    for bad in ({"statuses": "active"}, {"knowledge_base_ids": 5}):
        with pytest.raises(InputTypeError, match="expected a list"):
            provider.retrieve_by_query(None, LONG, **bad)  # type: ignore[arg-type]
    for bad in ({"namespace": {"$ne": 1}}, {"thread_id": ["t"]}, {"statuses": [{"$ne": 1}]}):
        with pytest.raises(FilterError):
            provider.retrieve_by_query(None, LONG, **bad)  # type: ignore[arg-type]


def test_a_text_where_nothing_has_an_embedding_is_told(
    provider: RecordProvider, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "memorizz"):
        assert provider.retrieve_by_query("tea", LONG, limit=5) == []
        assert caplog.records == []
        provider.store({"content": "tea"}, LONG)
        assert provider.retrieve_by_query("tea", LONG, limit=5) == []
    assert [one.getMessage() for one in caplog.records] == [
        "a text was searched in long_term_memory, none of whose 1 documents has an embedding: store them with one."
    ]


def test_logs_hold_no_contents(provider: RecordProvider, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "memorizz"):
        store(provider, content="a secret of mine", name="secret", user_id="secret")
        provider.retrieve_by_query("a secret of mine", LONG, user_id="secret")
    assert len(caplog.records) >= 2
    assert "secret" not in caplog.text


def test_drivers_log_no_contents_either(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), place.open() as provider:
        store(provider, content="a secret of mine", name="secret", user_id="secret")
        provider.retrieve_by_query("a secret of mine", LONG, user_id="secret")
    assert "secret" not in caplog.text.replace(":secret@", "")
    assert caplog.records
