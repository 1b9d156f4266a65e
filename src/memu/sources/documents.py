"""Plain text and Markdown become blocks with exact offsets, each under the path of its headings."""

import re
from dataclasses import dataclass, field

from memu.errors import SourceInvalid
from memu.sources.base import Message, Source
from memu.sources.text import check_text, lines, trimmed

# One pass over the lines, because a full Markdown parser takes a hundred times the text's size in memory and leaves
# out what is nested deeply. Every pattern below takes linear time.
_QUOTE = re.compile(r"(?:[ \t]*>)+ ?")
_ITEM = re.compile(r"[ \t]*(?:[-*+•‣◦]|(\d{1,9})[.)])(?:[ \t]+|\Z)")
_HEADING = re.compile(r" {0,3}(#{1,6})(?=[ \t]|\Z)")
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")
_FRONT_MATTER = re.compile(
    r"---[ \t]*(?:\r\n?|\n)(?=[^\r\n]*:)(.*?)(?:\r\n?|\n)(?:---|\.\.\.)[ \t]*(?=[\r\n]|\Z)", re.S
)
_LINK = re.compile(r"!?\[([^\]\[]{0,200})\]\([^()\s]{0,500}\)")
_TAG = re.compile(r"[/!?]?[A-Za-z][\w-]*(?=[\s/>])[^>]*>\s*")
_LONGEST_TITLE = 200


def from_text(text: str, *, markdown: bool, modality: str = "document") -> Source:
    """Make a document of blocks out of text.

    Blocks are paragraphs and list items; in Markdown also quoted paragraphs, code blocks, table rows (under their
    header: "Cities > City | Population") and front matter. A Markdown block's `heading` is the path of headings that
    it stands under; headings are blocks themselves only where there is nothing else. The source's text is `text`.

    Example:
        >>> source = from_text("# Trip\\n\\nWe fly to Oslo.", markdown=True)
        >>> [(block.heading, source.content(block)) for block in source.messages]
        [('Trip', 'We fly to Oslo.')]

    Raises:
        SourceInvalid: no words, a NUL or a lone surrogate.
    """
    check_text(text, "the text")
    blocks = _Scanner(text, markdown).scan()
    if not blocks:
        raise SourceInvalid("the text has no words: it is empty or only white space and markup. Expected text.")
    messages = tuple(
        Message(str(position), start, end, heading=heading) for position, (start, end, heading) in enumerate(blocks)
    )
    return Source(url=None, modality=modality, text=text, messages=messages)


def paragraphs(text: str) -> list[tuple[int, int]]:
    """The spans of the paragraphs and list items of a plain text."""
    return [(start, end) for start, end, _ in _Scanner(text, markdown=False).scan()]


Block = tuple[int, int, str | None]


@dataclass(frozen=True, slots=True)
class _Place:
    """One line: where it begins after quote marks (`line`), and the span of its words after list marks."""

    line: int
    start: int
    end: int
    item: bool
    quoted: bool


@dataclass(slots=True)
class _Open:
    """The paragraph, list item or quoted paragraph that the next line may continue."""

    start: int
    end: int
    last_line: int
    item: bool
    quoted: bool


@dataclass(slots=True)
class _Fence:
    """The code block or comment that is read until its closing line; a comment is kept from becoming a block."""

    close: str
    quoted: bool
    comment: bool = False
    start: int = -1
    end: int = -1


@dataclass(slots=True)
class _Table:
    """The table that is read: its header is a block only when no row follows."""

    header: tuple[int, int]
    path: str
    rows: int = 0


@dataclass(slots=True)
class _Scanner:
    text: str
    markdown: bool
    blocks: list[Block] = field(default_factory=list)
    headings: list[Block] = field(default_factory=list)
    titles: list[tuple[int, str]] = field(default_factory=list)
    path: str | None = None
    open: _Open | None = None
    fence: _Fence | None = None
    table: _Table | None = None
    last_comment_end: int = -1

    def scan(self) -> list[Block]:
        begin = self._front_matter() if self.markdown else 0
        self.last_comment_end = self.text.rfind("-->")
        for start, end in lines(self.text):
            if start >= begin:
                self._line(start, end)
        self._close_fence()
        self._flush()
        self._end_table()
        return self.blocks or self.headings

    def _front_matter(self) -> int:
        match = _FRONT_MATTER.match(self.text)
        if match is None:
            return 0
        self._emit(*trimmed(self.text, *match.span(1)))
        return match.end()

    def _line(self, start: int, end: int) -> None:
        quote = _QUOTE.match(self.text, start, end) if self.markdown else None
        if self.fence and (quote or not self.fence.quoted):
            self._inside_fence(self.fence, quote.end() if quote and self.fence.quoted else start, end)
            return
        self._close_fence()
        if quote and self.open and not self.open.quoted:
            self._flush()
        at = quote.end() if quote else start
        item_at = self._enter_items(at, end)
        start, end = trimmed(self.text, item_at, end)
        place = _Place(at, start, end, item=item_at != at, quoted=bool(quote))
        if start == end:
            self._flush()
            self._end_table()
        elif not (self.markdown and self._markup(place)) and not self._rule(self.text[start:end]):
            self._extend(place)

    def _enter_items(self, at: int, end: int) -> int:
        """Where the words of a list item begin, nested ones too; `at` when the line begins none."""
        while match := _ITEM.match(self.text, at, end):
            paragraph = self.open is not None and not self.open.item
            # As in CommonMark: "1986. A great year" or a lone "-" inside a paragraph begins no list.
            if paragraph and (match.end() == end or match[1] not in (None, "1")):
                break
            self._flush()
            self._end_table()
            at = match.end()
        return at

    def _markup(self, place: _Place) -> bool:
        """Take a Markdown line that is not words, or not only words; False leaves it to be one of a paragraph."""
        return self._fence_opens(place) or self._comment(place) or self._headed(place) or self._table_line(place)

    def _fence_opens(self, place: _Place) -> bool:
        fence = _FENCE.match(self.text, place.start, place.end)
        if fence is None or (fence[1][0] == "`" and "`" in self.text[fence.end() : place.end]):
            return False
        self._flush()
        self._end_table()
        self.fence = _Fence(fence[1], place.quoted)
        return True

    def _comment(self, place: _Place) -> bool:
        if not self.text.startswith("<!--", place.start) or place.start >= self.last_comment_end:
            return False
        closing = self.text.find("-->", place.start)
        self._flush()
        if closing >= place.end:
            self.fence = _Fence("-->", quoted=False, comment=True)
        elif closing + 3 < place.end:
            start, end = trimmed(self.text, closing + 3, place.end)
            self._extend(_Place(place.line, start, end, place.item, place.quoted))
        return True

    def _inside_fence(self, fence: _Fence, start: int, end: int) -> None:
        words = self.text[start:end]
        if fence.comment:
            if fence.close in words:
                self.fence = None
            return
        bare = words.strip()
        if len(bare) >= len(fence.close) and set(bare) == {fence.close[0]}:
            self._close_fence()
        elif bare:
            fence.start = start if fence.start < 0 else fence.start
            fence.end = start + len(words.rstrip())

    def _close_fence(self) -> None:
        fence, self.fence = self.fence, None
        if fence and fence.start >= 0:
            self._emit(fence.start, fence.end)

    def _headed(self, place: _Place) -> bool:
        """A heading: a line with leading marks, or the underline of a one-line paragraph.

        A longer paragraph above a rule stays a paragraph: its words are not given up for a heading.
        """
        if place.item or place.quoted:
            return False
        if heading := _HEADING.match(self.text, place.line, place.end):
            self._flush()
            self._end_table()
            self._heading(len(heading[1]), place.start, place.end)
            return True
        above, words = self.open, self.text[place.start : place.end]
        level = {"=": 1, "-": 2}.get(words[0]) if len(words) > 1 and len(set(words)) == 1 else None
        if level is None or above is None or above.item or above.quoted or above.last_line != above.start:
            return False
        self.open = None
        self._heading(level, above.start, above.end)
        return True

    def _rule(self, words: str) -> bool:
        """A line of one repeated mark, which only parts what stands above and below it."""
        marks = set(words) - {" ", "\t"}
        if len(words) < 3 or len(marks) != 1 or not marks <= set("-*_="):
            return False
        self._flush()
        self._end_table()
        return True

    def _heading(self, level: int, start: int, end: int) -> None:
        self.headings.append((start, end, self.path))
        title = _title(self.text[start:end])
        self.titles = [entry for entry in self.titles if entry[0] < level]
        if title:
            self.titles.append((level, title))
        self.path = " > ".join(title for _, title in self.titles) or None

    def _table_line(self, place: _Place) -> bool:
        """A table's separator under its header, or one of its rows."""
        words = self.text[place.start : place.end]
        if self.table:
            if "|" in words:
                self._row(self.table, *_cells(self.text, place.start, place.end))
                return True
            self._end_table()
        above = self.open
        if above is None or set(words) - set("|-: \t") or "|" not in words or "-" not in words:
            return False
        header = _cells(self.text, above.last_line, above.end)
        if header[0] == header[1] or "|" not in self.text[above.last_line : above.end]:
            return False
        above.end = trimmed(self.text, above.start, above.last_line)[1]
        self._flush()
        title = _title(self.text[slice(*header)])
        self.table = _Table(header, f"{self.path} > {title}" if self.path else title)
        return True

    def _row(self, table: _Table, start: int, end: int) -> None:
        if start < end:
            table.rows += 1
            self._emit(start, end, table.path)

    def _end_table(self) -> None:
        table, self.table = self.table, None
        if table and not table.rows:
            self._emit(*table.header)

    def _extend(self, place: _Place) -> None:
        if self.open is None:
            self.open = _Open(place.start, place.end, place.start, place.item, place.quoted)
        else:
            self.open.end, self.open.last_line = place.end, place.start

    def _flush(self) -> None:
        block, self.open = self.open, None
        if block and block.start < block.end and not self._only_tags(block):
            self._emit(block.start, block.end)

    def _only_tags(self, block: _Open) -> bool:
        if not self.markdown or self.text[block.start] != "<":
            return False
        return all(_TAG.fullmatch(part) for part in self.text[block.start + 1 : block.end].split("<"))

    def _emit(self, start: int, end: int, heading: str | None = None) -> None:
        self.blocks.append((start, end, heading or self.path))


def _cells(text: str, start: int, end: int) -> tuple[int, int]:
    """The span of a table row without its outer bars."""
    row = text[start:end]
    left = len(row) - len(row.lstrip("| \t"))
    return start + left, start + max(left, len(row.rstrip("| \t")))


def _title(words: str) -> str:
    """A heading as it reads: no marks around it, no markup in it."""
    words = words.strip().lstrip("#").strip()
    bare = words.rstrip("#")
    words = bare if bare != words and bare[-1:] in ("", " ", "\t") else words
    words = _LINK.sub(r"\1", words).replace("**", "").replace("`", "")
    return " ".join(words.split())[:_LONGEST_TITLE].rstrip()
