"""Web pages (HTML) become documents: paragraphs, list items and rows of tables, under the path of their headings."""

import re
from dataclasses import dataclass, field
from typing import Any

from memu.errors import SourceInvalid
from memu.settings import BlobConfig
from memu.sources.base import Source
from memu.sources.blocks import Blocks
from memu.sources.extras import needs

UNSEEN = frozenset({"script", "style", "template", "noscript", "svg", "iframe", "object", "select", "textarea"})
"""What is no text of the page."""

INLINE = frozenset(
    word
    for line in (
        "a abbr b bdi bdo big cite code data del dfn em font i img input ins kbd label mark q ruby rp rt s samp small",
        "span strike strong sub sup time tt u var wbr",
    )
    for word in line.split()
)
"""What stands within a paragraph; every other tag begins and ends one."""

NO_WORDS = "this page has no words: what a script would put into it in a browser is not read. Expected text."

_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)


def declared_charset(data: bytes) -> str | None:
    """The charset that a page names near its beginning."""
    found = _CHARSET.search(data[:2048])
    return found[1].decode("ascii", "replace") if found else None


def read_html(text: str, limits: BlobConfig) -> Source:
    """Read a page's text.

    Raises:
        SourceInvalid: it has no words.
        SourceError: it has more characters than the limits allow.
        MissingExtra: lxml is not installed.
    """
    with needs("lxml", "documents", "HTML"):
        from lxml import etree
    page = _Page(Blocks("the page", limits.max_characters))
    parser = etree.HTMLParser(target=page, encoding="utf-8")
    try:
        parser.feed(text.encode("utf-8"))
        parser.close()
    except (etree.LxmlError, AssertionError) as error:
        raise SourceInvalid(f"this page is damaged ({type(error).__name__}): expected HTML.") from None
    return page.blocks.source(NO_WORDS)


@dataclass(slots=True)
class _Page:
    """What a parser tells of a page, in its order; nothing here goes deeper with the page's nesting."""

    blocks: Blocks
    words: list[str] = field(default_factory=list)
    cells: list[str] | None = None
    header: str | None = None
    only_headers: bool = True
    unseen: int = 0
    verbatim: int = 0

    def start(self, tag: str, attributes: Any) -> None:
        """A tag that opens."""
        if tag in UNSEEN:
            self.unseen += 1
        elif tag == "br":
            self.words.append("\n")
        elif tag not in INLINE:
            self._flush()
            self._open(tag)

    def _open(self, tag: str) -> None:
        if tag == "pre":
            self.verbatim += 1
        elif tag == "table":
            self._row()
            self.header = None
        elif tag == "tr":
            self._row()
            self.cells, self.only_headers = [], True
        elif tag in ("td", "th") and self.cells is not None:
            self.cells.append("")
            self.only_headers = self.only_headers and tag == "th"

    def end(self, tag: str) -> None:
        """A tag that closes."""
        if tag in UNSEEN:
            self.unseen = max(0, self.unseen - 1)
        elif len(tag) == 2 and tag[0] == "h" and tag[1] in "123456":
            self._heading(int(tag[1]))
        elif tag == "title":
            self._heading(0)
        elif tag not in INLINE and tag != "br":
            self._flush()
            self._close(tag)

    def _close(self, tag: str) -> None:
        if tag == "pre":
            self.verbatim = max(0, self.verbatim - 1)
        elif tag in ("tr", "table"):
            self._row()
            if tag == "table":
                self.header = None

    def data(self, text: str) -> None:
        """Words."""
        if not self.unseen:
            self.words.append(text if self.verbatim else " ".join(f"_{text}_".split())[1:-1])

    def comment(self, text: str) -> None:
        """What is not shown."""

    def close(self) -> None:
        """The page has ended."""
        self._flush()
        self._row()

    def _heading(self, level: int) -> None:
        words, self.words = "".join(self.words), []
        if self.cells:  # in a table it is words like others
            self.words = [words]
            self._flush()
            return
        title = self.blocks.titles[0] if self.blocks.titles else None
        if level == 1 and title and title[0] == 0 and " ".join(words.split()) in title[1]:
            self.blocks.titles = []  # the page is called by its first heading
        self.blocks.heading(level, words)

    def _flush(self) -> None:
        words, self.words = "".join(self.words), []
        if not self.verbatim:
            words = "\n".join(" ".join(line.split()) for line in words.split("\n"))
        if not words.strip():
            return
        if self.cells:
            self.cells[-1] = f"{self.cells[-1]} {' '.join(words.split())}".strip()
        else:
            self.blocks.add(words)

    def _row(self) -> None:
        cells, self.cells = self.cells, None
        row = " | ".join(cells or ())
        if not cells or not any(cells):
            return
        if self.only_headers and len(cells) > 1 and self.header is None:
            self.header = row[:200]
            self.blocks.headings.append(self.header)
        else:
            self.blocks.add(row, *([self.header] if self.header else []))
