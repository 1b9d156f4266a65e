"""Whatever was given becomes one source, or a clear error."""

import json
from pathlib import Path
from typing import Any

import pytest
from loopback import WebServer

from memu.errors import (
    InputError,
    MemuError,
    SourceForbidden,
    SourceInvalid,
    SourceIsDirectory,
    SourceNotFound,
)
from memu.models import MODALITIES
from memu.settings import BlobConfig
from memu.sources.base import Media, Source
from memu.sources.load import load, refuse_path
from memu.sources.load import read as read_any

LIMITS = BlobConfig()
MESSAGES = [{"role": "user", "content": "I moved to Oslo."}, {"name": "Ann", "content": "When?"}]


def told(source: Source) -> list[str]:
    return [source.content(message) for message in source.messages]


def read(path: Path, content: str, modality: str | None = None) -> Source:
    path.write_text(content, encoding="utf-8")
    return load(resource_url=path, modality=modality, settings=LIMITS)


class TestWhatIsGiven:
    @pytest.mark.parametrize(
        "given", [{}, {"text": "a", "messages": MESSAGES}, {"text": "a", "resource_url": "b"}, {"text": None}]
    )
    def test_exactly_one(self, given: dict[str, Any]) -> None:
        with pytest.raises(InputError, match="expected one of resource_url, text, messages"):
            load(**given, settings=LIMITS)

    @pytest.mark.parametrize("given", [{"text": "a"}, {"messages": MESSAGES}, {"resource_url": "a"}])
    def test_an_unknown_modality_names_the_known(self, given: dict[str, Any]) -> None:
        with pytest.raises(InputError, match="unknown modality 'prose'") as raised:
            load(**given, modality="prose", settings=LIMITS)
        assert all(name in str(raised.value) for name in MODALITIES)

    @pytest.mark.parametrize("modality", ["image", "video", "audio"])
    def test_a_modality_that_needs_more(self, modality: str, tmp_path: Path) -> None:
        (tmp_path / "file.bin").write_bytes(b"\x89PNG")
        with pytest.raises(SourceInvalid, match="cannot be read offline: configure a language model that"):
            load(resource_url=tmp_path / "file.bin", modality=modality, settings=LIMITS)
        found = read_any(resource_url=tmp_path / "file.bin", modality=modality, settings=LIMITS)
        assert isinstance(found, Media)
        assert (found.modality, found.data, found.suffix) == (modality, b"\x89PNG", ".bin")
        assert (found.url, found.origin) == (str(tmp_path / "file.bin"), tmp_path / "file.bin")
        with pytest.raises(SourceNotFound):
            load(resource_url=tmp_path / "none.png", modality=modality, settings=LIMITS)
        with pytest.raises(InputError, match="name one with resource_url="):
            load(text="words", modality=modality, settings=LIMITS)


class TestMessages:
    @pytest.mark.parametrize("modality", [None, "conversation"])
    def test_they_are_a_conversation(self, modality: str | None) -> None:
        source = load(messages=MESSAGES, modality=modality, settings=LIMITS)
        assert (source.modality, source.url, told(source)) == ("conversation", None, ["I moved to Oslo.", "When?"])

    def test_they_are_no_document(self) -> None:
        with pytest.raises(InputError, match='expected "conversation"'):
            load(messages=MESSAGES, modality="document", settings=LIMITS)


class TestText:
    def test_a_message_for_each_paragraph(self) -> None:
        source = load(text="I moved to Oslo.\n\nIt rains.", settings=LIMITS)
        assert (source.modality, source.url, source.data) == ("text", None, None)
        assert told(source) == ["I moved to Oslo.", "It rains."]
        assert [message.speaker for message in source.messages] == [None, None]

    def test_as_a_document_it_is_markdown(self) -> None:
        source = load(text="# Trip\nto Oslo", modality="document", settings=LIMITS)
        assert (source.modality, source.messages[0].heading) == ("document", "Trip")

    def test_as_a_conversation_it_is_read_like_a_file(self) -> None:
        source = load(text="Ann: hi\nBob: hello", modality="conversation", settings=LIMITS)
        assert [message.speaker for message in source.messages] == ["Ann", "Bob"]
        assert told(load(text=json.dumps(MESSAGES), modality="conversation", settings=LIMITS))[1] == "When?"

    @pytest.mark.parametrize(
        ("text", "wrong"),
        [("", "empty"), (" \n\t", "empty"), ("a\x00b", "NUL"), ("a\ud800", "surrogate"), (7, "int"), (b"a", "bytes")],
    )
    def test_what_is_no_text(self, text: Any, wrong: str) -> None:
        with pytest.raises(InputError, match=wrong):
            load(text=text, settings=LIMITS)


class TestFiles:
    def test_what_is_kept_of_a_file(self, tmp_path: Path) -> None:
        path = tmp_path.resolve() / "Trip.MD"
        source = read(path, "# Trip\nto Oslo\n")
        assert (source.url, source.origin, source.suffix) == (str(path), path, ".md")
        assert (source.data, source.text) == (path.read_bytes(), "# Trip\nto Oslo\n")

    def test_all_names_of_a_file_are_one_url(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path.resolve() / "a.txt"
        first = read(path, "words")
        (tmp_path / "link.txt").symlink_to(path)
        monkeypatch.chdir(tmp_path)
        for name in ("a.txt", "./link.txt", f"file://{path}", Path("a.txt")):
            assert load(resource_url=name, settings=LIMITS).url == first.url

    @pytest.mark.parametrize(
        ("name", "content", "modality", "heading"),
        [
            ("a.json", json.dumps(MESSAGES), "conversation", None),
            ("a.jsonl", "\n".join(json.dumps(message) for message in MESSAGES), "conversation", None),
            ("a.JSON", json.dumps({"content": MESSAGES}), "conversation", None),
            ("a.json", '{"name": "memu", "version": 1}', "document", None),
            ("a.md", "# Trip\n\nto Oslo", "document", "Trip"),
            ("a.markdown", "# Trip\n\nto Oslo", "document", "Trip"),
            ("a.txt", "# Trip\n\nto Oslo", "document", None),
            ("a.log", "to Oslo", "document", None),
            ("README", "to Oslo", "document", None),
            ("chat.txt", "Ann: hi\nBob: hello", "document", None),
        ],
    )
    def test_the_modality_is_inferred(
        self, tmp_path: Path, name: str, content: str, modality: str, heading: str | None
    ) -> None:
        source = read(tmp_path / name, content)
        assert (source.modality, source.messages[-1].heading) == (modality, heading)

    @pytest.mark.parametrize(
        ("name", "content", "modality", "first"),
        [
            ("chat.txt", "Ann: hi\nBob: hello", "conversation", "hi"),
            ("chat", json.dumps(MESSAGES), "conversation", "I moved to Oslo."),
            ("a.json", '[{"content": "hi"}]', "document", '[{"content": "hi"}]'),
            ("a.md", "# Trip", "text", "# Trip"),
            ("a.html", "<p>Trip</p>", "text", "<p>Trip</p>"),
        ],
    )
    def test_the_modality_is_given(self, tmp_path: Path, name: str, content: str, modality: str, first: str) -> None:
        source = read(tmp_path / name, content, modality)
        assert (source.modality, told(source)[0]) == (modality, first)

    @pytest.mark.parametrize(
        ("content", "wrong"),
        [
            ('[{"content": "a"}', r"malformed JSON at line 1, column 18"),
            ('[{"content": "a"}, {"content": 7}]', "message 1 has content of type int"),
            ('[{"content": "a", "id": 1}, {"content": "b", "id": 1}]', "message 1 has the id '1' of message 0"),
        ],
    )
    @pytest.mark.parametrize("modality", [None, "conversation"])
    def test_a_faulty_conversation_names_the_file(
        self, tmp_path: Path, content: str, wrong: str, modality: str | None
    ) -> None:
        with pytest.raises(SourceInvalid, match=wrong) as raised:
            read(tmp_path / "chat.json", content, modality)
        assert "chat.json" in str(raised.value)

    @pytest.mark.parametrize("name", ["a.doc", "a.xlsx", "a.tiff", "a.SVG", "a.zip", "a.tar.gz"])
    @pytest.mark.parametrize("modality", [None, "document", "conversation"])
    def test_formats_that_are_not_read(self, tmp_path: Path, name: str, modality: str | None) -> None:
        with pytest.raises(SourceInvalid, match=r"cannot be read; supported are plain text, .*PDF") as raised:
            read(tmp_path / name, "words", modality)
        assert name in str(raised.value)

    @pytest.mark.parametrize("name", ["a.png", "a.MP3", "a.mp4"])
    def test_formats_that_a_model_reads(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(SourceInvalid, match=r"a\.\w+ is a .*cannot be read offline: .*language model"):
            read(tmp_path / name, "words")
        for modality in ("document", "conversation"):
            with pytest.raises(SourceInvalid, match=f"is no {modality}: leave the modality out"):
                read(tmp_path / name, "words", modality)
        assert told(read(tmp_path / name, "words", "text")) == ["words"]

    @pytest.mark.parametrize(
        ("content", "error"), [("", "is empty"), (" \n", "no words"), ("a\x00", "NUL"), ("---\n", "no words")]
    )
    @pytest.mark.parametrize("name", ["a.txt", "a.md"])
    def test_nothing_to_read(self, tmp_path: Path, name: str, content: str, error: str) -> None:
        with pytest.raises(SourceInvalid, match=error) as raised:
            read(tmp_path / name, content)
        assert name in str(raised.value)

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(SourceNotFound):
            load(resource_url=tmp_path / "none.txt", settings=LIMITS)
        with pytest.raises(SourceIsDirectory):
            load(resource_url=str(tmp_path), settings=LIMITS)
        with pytest.raises(InputError):
            load(resource_url="", settings=LIMITS)


class TestUrls:
    @pytest.mark.parametrize(
        ("query", "modality", "suffix"),
        [
            ("/page?type=text/markdown&body=%23%20Trip%0Ato%20Oslo", "document", ".md"),
            ("/page.md?type=text/plain&body=%23%20Trip%0Ato%20Oslo", "document", ".md"),
            ("/page?type=text/plain&body=to%20Oslo", "document", ".txt"),
            ("/page?type=&body=to%20Oslo", "document", ".txt"),
            ("/page.json?type=application/json&body=[{%22content%22:%22hi%22}]", "conversation", ".json"),
            ("/page?type=application/vnd.chat%2Bjson&body=[{%22content%22:%22hi%22}]", "conversation", ".json"),
            ("/page?type=application/json&body={%22a%22:1}", "document", ".json"),
            (
                "/page?type=application/x-ndjson&body={%22text%22:%22a%22}%0A{%22text%22:%22b%22}",
                "conversation",
                ".jsonl",
            ),
            ("/page?type=text/csv&body=a,b", "document", ".txt"),
        ],
    )
    def test_the_content_type_says_what_it_is(
        self, server: WebServer, private: BlobConfig, query: str, modality: str, suffix: str
    ) -> None:
        url = server.url(query)
        source = load(resource_url=url, settings=private)
        assert (source.url, source.modality, source.suffix, source.origin) == (url, modality, suffix, None)
        assert source.data is not None

    def test_the_given_modality_stands(self, server: WebServer, private: BlobConfig) -> None:
        url = server.url("/page?type=text/plain&body=Ann:%20hi")
        assert load(resource_url=url, modality="conversation", settings=private).messages[0].speaker == "Ann"
        page = server.url("/page?type=text/html&body=%3Cp%3Ehi")
        assert told(load(resource_url=page, modality="text", settings=private)) == ["<p>hi"]

    @pytest.mark.parametrize(
        "kind", ["application/pdf", "image/png", "image/svg%2Bxml", "video/mp4", "application/zip"]
    )
    def test_types_that_need_more(self, server: WebServer, private: BlobConfig, kind: str) -> None:
        with pytest.raises(SourceInvalid, match=r"cannot be read|is no PDF|is damaged") as raised:
            load(resource_url=server.url(f"/page?type={kind}&token=s3cret"), settings=private)
        assert "s3cret" not in str(raised.value)
        assert "/page" in str(raised.value)

    def test_a_fault_in_the_content_names_the_address_without_its_query(
        self, server: WebServer, private: BlobConfig
    ) -> None:
        for query in ("type=application/json&body=[", "type=text/plain&body=%20", "type=text/plain&hex=ff"):
            with pytest.raises(SourceInvalid, match=r"http://127\.0\.0\.1:\d+/page") as raised:
                load(resource_url=server.url(f"/page?{query}&token=s3cret"), settings=private)
            assert "s3cret" not in str(raised.value)

    @pytest.mark.parametrize("url", ["ftp://example.com/a", "s3://bucket/a", "data://x", "gopher://x"])
    def test_other_schemes(self, url: str) -> None:
        with pytest.raises(SourceForbidden, match="expected http, https, file, or a path"):
            load(resource_url=url, settings=LIMITS)

    def test_private_addresses_are_refused_by_default(self, server: WebServer) -> None:
        with pytest.raises(SourceForbidden, match="allow_private_urls"):
            load(resource_url=server.url("/page"), settings=LIMITS)
        assert server.seen == []


class TestRefusePath:
    def test_a_string_that_names_a_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "note.txt").write_text("words")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HOME", str(tmp_path))
        for name in ("note.txt", "./note.txt", str(tmp_path / "note.txt"), "~/note.txt"):
            with pytest.raises(InputError, match="resource_url="):
                refuse_path(name)

    @pytest.mark.parametrize(
        "text",
        [
            *("", "I moved to Oslo.", "x" * 300, "x/" * 3000, "x" * 10**6, "a\x00b", "\ud800", "\udcff", "a\nb"),
            *("~", "~nobody-of-this-name/x", "/", ".", "https://example.com/a", "*"),
        ],
    )
    def test_any_other_string(self, text: str) -> None:
        refuse_path(text)


def test_every_error_is_one_of_ours(tmp_path: Path) -> None:
    odd: list[Any] = [7, 1.5, ["a"], object(), b"note.txt", b"\xff"]
    for value in odd:
        with pytest.raises(MemuError):
            load(resource_url=value, settings=LIMITS)
