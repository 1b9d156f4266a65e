"""Splits text into sentences with exact character offsets.

The rules know English abbreviations; full stops of other scripts (。！？ ؟ ।) end a sentence as well, and text without
any stays one sentence per line or paragraph. Code in fences and table rows are never taken apart.
"""

from collections.abc import Iterator
from typing import NamedTuple

from memu.extract.patterns import lazy, words

LONGEST = 1000  # characters; beyond it a sentence is cut at a comma or a space
WRAPPED_LINE = 50  # characters; a shorter line ends because its writer ended it

EMOJI = "[\u2600-\u27bf\u2b50\u2b55\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff\ufe0f\u200d]"
_CLOSERS = "[\"'”’»)\\]}*_]"
_BOUNDARY = lazy(
    rf"(?<![.!?…؟।۔])[.!?…؟।۔]++{_CLOSERS}*+(?: ?{EMOJI})*+(?=\s|$)"
    r"|[。！？｡]++[」』”’）】》]*+(?![とっ])"
    rf"|(?<!{EMOJI}){EMOJI}++(?=\s)|(?<=\s)[:;]-?[()DP](?=\s)"
)
_SHIELDED = lazy(r'"[^"\n]{1,200}"|“[^“”\n]{1,200}”|\([^()\n]{1,200}\)')
_NEXT_WORD = lazy(r"[\s\"'“‘«(\[{*_¿¡–—-]*+(\w+(?:[’']\w+)?)?")
_LAST_WORD = lazy(r"(?:[^\W_]\.)*[^\W_]+$")
_FENCE = lazy(r"\s{0,3}(```+|~~~+)")
_LIST_MARK = lazy(r"[ \t]*(?:[-*+•‣–]|\(?\d{1,3}[.)]|[a-z][)])[ \t]+(?:\[[ x]\][ \t]+)?")
_QUOTE_MARK = lazy(r"[ \t]*(?:>[ \t]?)+")
_HEADING = lazy(r"\s{0,3}#{1,6}\s")
_SOFT_CUT = lazy(r"[,;:、，；][ \t]?|\s")

_LINE_ENDS = (".", "!", "?", "…", ":", "。", "！", "？")

_NEVER_LAST = words(
    "dr mr mrs ms mx prof gen col capt lt sgt rep sen gov hon rev fr st mt e.g eg i.e ie vs cf viz approx ca dept est "
    "ext tel messrs mme mlle resp incl excl"
)
_LAST_BEFORE_CAPITAL = words(
    "a.m p.m etc inc ltd co corp llc jr sr al ave blvd rd ft hr hrs min max lb lbs oz ph.d b.a m.a m.d b.sc m.sc "
    "b.c a.d"
)
_LAST_BEFORE_NUMBER = words("no nos fig figs eq art sec ch vol p pp v")
_LAST_BEFORE_STARTER = words(
    "u.s u.k u.n e.u d.c l.a n.y u.s.a jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur "
    "thurs fri sat sun"
)
_STARTERS = words(
    "i i'm i've i'll i'd it it's its he he's she she's we we're we've we'll they they're you you're my our his her "
    "their your the a an this that that's these those there there's here and but so or because then now also when "
    "while after before since if as in on at for with from by to of what who where why how which is are was were do "
    "does did have has had can could will would should not no yes yeah ok okay well oh wow thanks thank please just "
    "maybe perhaps another some all every each both most many last next today tomorrow yesterday once let's let still "
    "even everyone"
)


_AUXILIARIES = words("is are was were do does did have has had can could will would should")


class Span(NamedTuple):
    """Where a sentence stands: `text[start:end]`."""

    start: int
    end: int


def split_sentences(text: str) -> list[Span]:
    """The sentences of a message or block, in order, without outer white space, list marks and quote marks.

    Every sentence is `text[span.start:span.end]`; together they hold every character of the text but white space and
    marks. A fenced block of code, a heading and a table row is one sentence each.
    """
    spans: list[Span] = []
    for start, end, whole in _chunks(text):
        pieces = [Span(start, end)] if whole else _split_prose(text, start, end)
        spans.extend(span for span in (_strip(text, piece) for piece in pieces) if span.end > span.start)
    return spans


def _chunks(text: str) -> Iterator[tuple[int, int, bool]]:
    """Paragraphs, list items, rows, headings and code blocks: (start, end, whether it stays whole)."""
    begin: int | None = None
    fence: str | None = None
    before, position = "", 0
    for line in text.splitlines(keepends=True):
        start, position = position, position + len(line)
        mark = _FENCE().match(line)
        if fence is not None:
            if mark and mark[1].startswith(fence) and not line[mark.end() :].strip():
                yield begin or 0, position, True
                begin = fence = None
            continue
        whole = bool(mark) or _stays_whole(line)
        if begin is not None and (whole or not _continues(before, line)):
            yield begin, start, False
            begin = None
        if mark:
            fence, begin = mark[1], start
        elif whole:
            yield start, position, True
        elif begin is None and not line.isspace():
            begin = start + _lead(line)
        before = line
    if begin is not None:
        yield begin, position, fence is not None


def _lead(line: str) -> int:
    """The length of the list or quote mark that the line begins with."""
    mark = _LIST_MARK().match(line) or _QUOTE_MARK().match(line)
    return mark.end() if mark and line[mark.end() :].strip() else 0


def _stays_whole(line: str) -> bool:
    row = line.strip()
    return (row.startswith("|") and len(row) > 1) or row.count(" | ") > 1 or bool(_HEADING().match(line))


def _continues(before: str, line: str) -> bool:
    """Whether a line goes on with the sentence of the line before, because that was wrapped and not ended."""
    quoted = _QUOTE_MARK().match(before) and _QUOTE_MARK().match(line)
    body = line[_lead(line) :] if quoted else line
    if not body.strip() or (_lead(line) and not quoted):
        return False
    before = before.rstrip()
    if before.endswith(_LINE_ENDS):
        return len(before) >= WRAPPED_LINE
    return len(before) >= WRAPPED_LINE or body.lstrip()[0].islower()


def _split_prose(text: str, start: int, end: int) -> Iterator[Span]:
    shields = [(match.start(), match.end()) for match in _SHIELDED().finditer(text, start, end)]
    lowercase = not any(character.isupper() for character in text[start : min(end, start + 2000)])
    begin, shield = start, 0
    for match in _BOUNDARY().finditer(text, start, end):
        while shield < len(shields) and shields[shield][1] <= match.start():
            shield += 1
        if shield < len(shields) and shields[shield][0] < match.start() and match.end() < shields[shield][1]:
            continue
        if _ends(text, begin, match.start(), match.end(), end, lowercase):
            yield from _cut(text, begin, match.end())
            begin = match.end()
    yield from _cut(text, begin, end)


def _ends(text: str, begin: int, mark: int, after: int, end: int, lowercase: bool) -> bool:
    """Whether the mark at text[mark:after] ends a sentence that began at `begin`."""
    following = _NEXT_WORD().match(text, after, end)
    word = following[1] if following else None
    signs = text[mark:after]
    if word is None or signs[0] in "。！？｡؟।۔":
        return True
    starter = word.casefold().replace("’", "'") in _STARTERS
    if signs[0] not in ".!?…":
        return starter and word[0].isupper()
    if signs == "." and not _full_stop(text, begin, mark, word, starter):
        return False
    if not word[0].islower():
        return True
    if signs.startswith(("..", "…")) or signs[-1] in "\"'”’»)]":
        return False
    return lowercase or (starter and word not in _AUXILIARIES)


def _full_stop(text: str, begin: int, mark: int, word: str, starter: bool) -> bool:
    """Whether the single dot at `mark` can be more than that of an abbreviation or initial."""
    found = _LAST_WORD().search(text, max(begin, mark - 24), mark)
    if found is None:
        return True
    last, capital = found[0].casefold(), word[0].isupper()
    if last in _NEVER_LAST:
        return False
    if last in _LAST_BEFORE_NUMBER:
        return not word[0].isdigit()
    if last in _LAST_BEFORE_CAPITAL:
        return capital
    if last in _LAST_BEFORE_STARTER or (len(last) == 1 and last.isalpha() and found[0].isupper()):
        return capital and starter
    return True


def _cut(text: str, start: int, end: int) -> Iterator[Span]:
    """One sentence, or, where it is longer than anybody reads in one go, pieces of it."""
    while end - start > LONGEST:
        cuts = [match.end() for match in _SOFT_CUT().finditer(text, start + LONGEST // 2, start + LONGEST)]
        middle = cuts[-1] if cuts else start + LONGEST
        yield Span(start, middle)
        start = middle
    yield Span(start, end)


def _strip(text: str, span: Span) -> Span:
    words_of = text[span.start : span.end]
    return Span(span.start + len(words_of) - len(words_of.lstrip()), span.start + len(words_of.rstrip()))
