"""PDF, DOCX and HTML as documents: what is read of them, where it stands, and what is said where nothing can be."""

import io
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest

from memu.errors import MissingExtra, SourceError, SourceInvalid
from memu.settings import BlobConfig
from memu.sources.base import Source
from memu.sources.docx import read_docx
from memu.sources.load import load
from papers import docx, pdf, png, rewritten, saved

for package in ("pypdf", "docx", "lxml"):
    pytest.importorskip(package, reason="the extra memu[documents] is not installed")

LIMITS = BlobConfig()


def read(path: Path, data: bytes, modality: str | None = None, limits: BlobConfig = LIMITS) -> Source:
    path.write_bytes(data)
    return load(resource_url=path, modality=modality, settings=limits)


def told(source: Source) -> list[tuple[str | None, str]]:
    return [(block.heading, source.content(block)) for block in source.messages]


def fault(tmp_path: Path, name: str, data: bytes, match: str, **limits: Any) -> None:
    """That a file is refused, by name, with these words; `kind` is the class of the error."""
    kind = limits.pop("kind", SourceInvalid)
    with pytest.raises(kind, match=match) as raised:
        read(tmp_path / name, data, limits=BlobConfig(**limits))
    assert isinstance(raised.value, SourceError)
    if kind is SourceInvalid:
        assert name in str(raised.value)


class TestPdf:
    def test_pages_are_headings(self, tmp_path: Path) -> None:
        source = read(tmp_path / "a.pdf", pdf("We fly to Oslo.\nIt is cold.", "Bring a coat."))
        assert told(source) == [("Page 1", "We fly to Oslo.\nIt is cold."), ("Page 2", "Bring a coat.")]
        assert (source.modality, source.suffix, source.origin) == ("document", ".pdf", tmp_path / "a.pdf")
        assert source.data == (tmp_path / "a.pdf").read_bytes()
        assert [block.id for block in source.messages] == ["0", "1"]

    def test_the_outline_is_over_the_pages(self, tmp_path: Path) -> None:
        data = rewritten(pdf("First.", "Second.", "Third."), outline=[("Trip", 0), ("Oslo", 1)])
        assert told(read(tmp_path / "a.pdf", data)) == [
            ("Trip > Page 1", "First."),
            ("Trip > Oslo > Page 2", "Second."),
            ("Trip > Oslo > Page 3", "Third."),
        ]

    def test_a_password(self, tmp_path: Path) -> None:
        fault(tmp_path, "a.pdf", rewritten(pdf("Secret."), password="x"), "is encrypted: save it without a password")
        open_to_all = rewritten(pdf("Not to be printed."), password="")
        assert told(read(tmp_path / "b.pdf", open_to_all)) == [("Page 1", "Not to be printed.")]

    def test_no_text(self, tmp_path: Path) -> None:
        fault(tmp_path, "a.pdf", pdf("", ""), "has no text in it.*language model that sees")
        assert told(read(tmp_path / "b.pdf", pdf("", "Words."))) == [("Page 2", "Words.")]

    def test_what_is_none(self, tmp_path: Path) -> None:
        fault(tmp_path, "a.pdf", b"<html>", "is no PDF")
        fault(tmp_path, "b.pdf", png(), "is no PDF")

    def test_damage(self, tmp_path: Path) -> None:
        whole = pdf("We fly to Oslo.")
        fault(tmp_path, "a.pdf", whole[:60], "is damaged|no text")
        fault(tmp_path, "b.pdf", b"%PDF-1.4\n" + b"\xff" * 1000, "is damaged|no text")
        for cut in range(20, len(whole), 40):  # any error but a typed one fails
            try:
                read(tmp_path / "c.pdf", whole[:cut] + whole[cut + 7 :])
            except SourceError:
                continue

    def test_limits(self, tmp_path: Path) -> None:
        many = pdf(*["Words."] * 5)
        fault(tmp_path, "a.pdf", many, "has 5 pages: at most 4", kind=SourceError, max_pages=4)
        fault(tmp_path, "a.pdf", many, "more than 20 characters of text", kind=SourceError, max_characters=20)
        fault(tmp_path, "a.pdf", pdf("x" * 11_000_000), "page 1 of this PDF unpacks to more", kind=SourceError)

    def test_as_a_conversation(self, tmp_path: Path) -> None:
        source = read(tmp_path / "a.pdf", pdf("Ann: hi\nBob: hello"), "conversation")
        assert [one.speaker for one in source.messages] == ["Ann", "Bob"]


class TestDocx:
    def test_headings_paragraphs_and_tables(self, tmp_path: Path) -> None:
        source = read(tmp_path / "a.docx", docx())
        assert told(source) == [
            ("House rules", "Everybody has a key."),
            ("House rules > Kitchen", "The oven is cleaned on Fridays."),
            ("House rules > Kitchen", "Cups go to the left."),
            ("House rules > Kitchen > Waste > Day | What", "Monday | Paper and glass"),
            ("House rules > Garden", "Closed in winter."),
        ]
        assert (source.modality, source.suffix) == ("document", ".docx")

    def test_what_is_none(self, tmp_path: Path) -> None:
        fault(tmp_path, "a.docx", b"words", "is no Word document")
        fault(tmp_path, "b.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "is encrypted, or an old Word file")
        other = io.BytesIO()
        with zipfile.ZipFile(other, "w") as archive:
            archive.writestr("a.txt", "words")
        fault(tmp_path, "c.docx", other.getvalue(), "is damaged")
        fault(tmp_path, "d.docx", docx()[:-200], "is no Word document.*torn")

    def test_no_words(self, tmp_path: Path) -> None:
        from docx import Document

        fault(tmp_path, "a.docx", saved(Document()), "has no words")
        only = Document()
        only.add_heading("Only a heading", level=1)
        assert told(read(tmp_path / "b.docx", saved(only))) == [(None, "Only a heading")]

    def test_what_unpacks_to_too_much(self, tmp_path: Path) -> None:
        made = io.BytesIO(docx())
        with zipfile.ZipFile(made, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("word/more.xml", bytes(100_000_001))
        assert len(made.getvalue()) < 200_000
        fault(tmp_path, "a.docx", made.getvalue(), "unpacks to more than", kind=SourceError)
        fault(tmp_path, "b.docx", docx(), "more than 30 characters", kind=SourceError, max_characters=30)

    def test_pictures_are_not_unpacked(self) -> None:
        from docx import Document

        pictured = Document()
        pictured.add_paragraph("The picture shows a heron.")
        pictured.add_picture(io.BytesIO(png()))
        made = io.BytesIO()
        with (
            zipfile.ZipFile(io.BytesIO(saved(pictured))) as old,
            zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new,
        ):
            for one in old.namelist():
                new.writestr(one, bytes(64_000_000) if one.startswith("word/media/") else old.read(one))
        read_docx(docx(), LIMITS)  # what is loaded once
        tracemalloc.start()
        try:
            assert told(read_docx(made.getvalue(), LIMITS)) == [(None, "The picture shows a heron.")]
            assert tracemalloc.get_traced_memory()[1] < 32_000_000
        finally:
            tracemalloc.stop()

    def test_entities_are_not_expanded(self, tmp_path: Path) -> None:
        """A document that names itself a thousandfold, or a file of this machine, gives neither."""
        (tmp_path / "secret.txt").write_text("CANARY")
        nested = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
        head = f'<!DOCTYPE x [<!ENTITY e0 "lol"><!ENTITY f SYSTEM "file://{tmp_path}/secret.txt">{nested}]>'
        changed = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(docx())) as old, zipfile.ZipFile(changed, "w") as new:
            for one in old.namelist():
                data = old.read(one)
                if one == "word/document.xml":
                    first, _, rest = data.partition(b"?>")
                    data = first + b"?>" + head.encode() + rest.replace(b"Cups", b"&e9;&f;Cups")
                new.writestr(one, data)
        try:
            text = read(tmp_path / "a.docx", changed.getvalue()).text
        except SourceError:
            return
        assert "CANARY" not in text
        assert "lollol" not in text


PAGE = """<!doctype html><html><head><title>Trip notes</title><style>p {color: red}</style>
<script>var hidden = "<p>script</p>";</script></head>
<body><h1>Trip</h1><p>We fly to <b>Oslo</b>
 in&nbsp;May.<br>It is cold.</p><!-- not shown -->
<h2>Packing</h2><ul><li>A coat</li><li>Two <i>warm</i> socks<ul><li>of wool</li></ul></li></ul>
<table><tr><th>Day</th><th>Place</th></tr><tr><td>Monday</td><td><p>Oslo</p><p>harbour</p></td></tr></table>
<h2>Costs</h2><pre>a  b
 c</pre><div>Not <div>much</div> at all.</div></body></html>"""


class TestHtml:
    def test_what_is_read(self, tmp_path: Path) -> None:
        source = read(tmp_path / "a.html", PAGE.encode())
        assert told(source) == [
            ("Trip", "We fly to Oslo in May.\nIt is cold."),
            ("Trip > Packing", "A coat"),
            ("Trip > Packing", "Two warm socks"),
            ("Trip > Packing", "of wool"),
            ("Trip > Packing > Day | Place", "Monday | Oslo harbour"),
            ("Trip > Costs", "a  b\n c"),
            ("Trip > Costs", "Not"),
            ("Trip > Costs", "much"),
            ("Trip > Costs", "at all."),
        ]
        assert all(word not in source.text for word in ("script", "color", "not shown"))

    def test_another_title_stays_above(self, tmp_path: Path) -> None:
        source = read(tmp_path / "a.htm", b"<title>My site</title><h1>Trip</h1><p>Oslo.")
        assert told(source) == [("My site > Trip", "Oslo.")]

    def test_the_charset_is_the_page_s_own(self, tmp_path: Path) -> None:
        page = '<meta charset="iso-8859-1"><p>Café'
        assert told(read(tmp_path / "a.html", page.encode("latin-1"))) == [(None, "Café")]
        assert told(read(tmp_path / "b.html", "<p>Café".encode())) == [(None, "Café")]
        fault(tmp_path, "c.html", "<p>Café".encode("latin-1"), "is not valid UTF-8")

    def test_no_words(self, tmp_path: Path) -> None:
        fault(tmp_path, "a.html", b"<html><script>draw()</script></html>", "has no words")
        fault(tmp_path, "b.html", b"<p>words", "more than 4 characters", kind=SourceError, max_characters=4)

    def test_odd_markup(self, tmp_path: Path) -> None:
        assert told(read(tmp_path / "a.html", b"just words & more <b>bold")) == [(None, "just words & more bold")]
        assert read(tmp_path / "b.html", b"<td>a<tr>b</table></tr></pre></script>c").text
        assert "word" in read(tmp_path / "c.html", b"<div>" * 100_000 + b"word").text

    @pytest.mark.parametrize(
        "piece", ["<!", "<!--", "<a ", "<a b='", "</", "<?", "&#", "<![CDATA[", '<a b="x" ', "<p>"]
    )
    def test_no_markup_takes_more_than_its_length(self, tmp_path: Path, piece: str) -> None:
        """What takes time by the square of its length would take hours for this; the test's time limit is the judge."""
        try:
            read(tmp_path / "a.html", (piece * 200_000 + "word").encode())
        except SourceInvalid:
            return


@pytest.mark.parametrize(
    ("name", "data", "package"),
    [("a.pdf", b"%PDF-1.4", "pypdf"), ("a.docx", None, "docx"), ("a.html", b"<p>words", "lxml")],
)
def test_a_missing_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, data: bytes | None, package: str
) -> None:
    data = data or docx()
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(MissingExtra, match=r"pip install 'memu\[documents\]'"):
        read(tmp_path / name, data)


def test_what_no_database_stores_is_replaced(tmp_path: Path) -> None:
    source = read(tmp_path / "a.html", b"<p>a&#xD800;b&#0;c")
    source.text.encode()
    assert "\x00" not in source.text
