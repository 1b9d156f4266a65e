"""When the thing a sentence tells of happened, from its words and the time at which they were said.

A cheap pattern decides whether a sentence can hold a date at all; most sentences stop there. Expressions with a fixed
English meaning are read by the rules of `dategrammar`; written dates ("9 June 2023", "06/09/2023", and in other
languages those with a year) are read by dateparser.
"""

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache, partial
from itertools import islice

from memu.extract.dategrammar import RULES
from memu.extract.datereaders import count_from
from memu.extract.dateterms import MONTH, NUMBER, ORDINAL, WEEKDAY, Moment, number, ordinal
from memu.extract.patterns import lazy
from memu.extract.periods import DAY, Period, day

logger = logging.getLogger("memu.extract.dates")

_MOST_EXPRESSIONS = 8
_LANGUAGES = ["en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "fi", "pl", "ru", "uk", "tr", "zh", "ja", "ko"]

_HINT = lazy(
    rf"\b(?:ago|back|yesterday|today|tonight|tomorrow|last|next|this|past|coming|{WEEKDAY}|{MONTH}|weeks?"
    rf"|weekends?|fortnight|months?|decades?"
    r"|years?|days?|spring|summer|autumn|fall|winter|christmas|xmas|easter|thanksgiving|halloween|eve|new\s+year"
    r"|midsummer"
    r"|valentine|boxing|(?:the|on)\s+\d{1,2}(?:st|nd|rd|th)|[2-9]0s|(?:19|20)\d\d(?:s|\b))|\d{1,4}[-./]\d{1,2}[-./]\d"
    r"|\d年|\d년"
)
_DAY = r"(?:3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?"
_RANGE = rf"(?:\s*(?:-|–|to|until|till|and|or)\s*(?:the\s+)?(?P<last>{_DAY}))?"
_WRITTEN = lazy(
    rf"(?<![\d.,:/-])(?:\bon\s+)?(?:\b{WEEKDAY}\.?,?\s+)?(?:the\s+)?\b"
    rf"(?P<day>{_DAY}|{ORDINAL}(?=\s+of\s)){_RANGE}\s+(?:of\s+)?(?P<month>{MONTH})\b"
    r"(?:\.?,?\s+(?P<year>(?:19|20)\d\d)\b)?"
)
_WRITTEN_US = lazy(
    rf"(?:\bon\s+)?(?:\b{WEEKDAY}\.?,?\s+)?\b(?P<month>{MONTH})\.?\s+(?:the\s+)?(?P<day>{_DAY})(?![\d:%]|\.\d"
    rf"|,\d{{3}}){_RANGE}(?!\d)"
    r"(?:,?\s+(?P<year>(?:19|20)\d\d)\b)?"
)
_NUMERIC = lazy(
    r"(?<![\w./-])(?:(?P<iso>(?:19|20)\d\d([-/.])(?:1[0-2]|0?\d)\2(?:3[01]|[12]\d|0?\d))"
    r"|(?P<dots>(?:3[01]|[12]\d|0?\d)\.(?:1[0-2]|0?\d)\.(?:19|20)\d\d)"
    r"|(?P<slashes>(?:3[01]|[12]\d|0?\d)/(?:3[01]|[12]\d|0?\d)/(?:(?:19|20)\d\d|\d\d)))(?![\d/]|[.-]\d)"
)
_FOREIGN = lazy(
    r"(?<!\d)(?:19|20)\d\d\s?[年년]\s?\d{1,2}\s?[月월]\s?\d{1,2}\s?[日일]"
    r"|\b\d{1,2}\.?º?\s+(?:de\s+)?(?!people\b)[^\W\d_]{3,10}\.?\s+(?:de\s+)?(?:19|20)\d\d\b"
)
_ANCHORED = lazy(
    rf"\b(?:the\s+)?(?:(?P<n>{NUMBER})\s+)?(?P<unit>day|night|morning|evening|week|weekend|month|year|{WEEKDAY})s?\s+"
    r"(?P<side>before|after|of)\s+(?:the\s+)?"
)


@dataclass(frozen=True, slots=True)
class When:
    """A time that a sentence names, in UTC.

    Attributes:
        start: the first moment of the day or period.
        end: the first moment after it.
        words: the expression, as it stands in the sentence.
    """

    start: datetime
    end: datetime
    words: str


@dataclass(frozen=True, slots=True)
class _Found:
    start: int
    end: int
    period: Period


def resolve_date(text: str, said_at: datetime | None) -> When | None:
    """The day or period that a sentence names, or None when it names none.

    Relative expressions count from `said_at` (a naive time is taken as UTC) and need one; days begin at midnight in its
    time zone. Of several expressions the first counts, or a narrower one inside it ("last week on Tuesday"). What is
    repeated ("every Friday") or vague ("recently") is left alone. Rules are English. Never raises.
    """
    if not _HINT().search(text):
        return None
    moment = Moment(said_at or datetime(1, 1, 1, tzinfo=UTC), text)
    best: _Found | None = None
    for found in islice(_expressions(moment, known=said_at is not None), _MOST_EXPRESSIONS):
        if best is None or _holds(best.period, found.period):
            best = found
    return _when(best, moment) if best else None


def _holds(outer: Period, inner: Period) -> bool:
    return outer.first <= inner.first and inner.last <= outer.last


def _when(found: _Found, moment: Moment) -> When | None:
    zone = moment.at.tzinfo or UTC
    try:
        start = datetime.combine(found.period.first, time(), zone).astimezone(UTC)
        end = datetime.combine(found.period.last + DAY, time(), zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return When(start, end, moment.text[found.start : found.end].strip())


Candidate = tuple[int, int, Callable[[], Period | None]]


def _expressions(moment: Moment, *, known: bool) -> Iterator[_Found]:
    """All expressions of the text that can be resolved, in order; none inside another or a rejected one."""
    candidates = list(_candidates(moment, known))
    if known:
        candidates += _anchored_candidates(moment, candidates)
    after = -1
    for start, end, read in sorted(candidates, key=lambda found: (found[0], -found[1])):
        if start >= after:
            after = end
            if period := _safely(read):
                yield _Found(start, end, period)


def _safely(read: Callable[[], Period | None]) -> Period | None:
    try:
        return read()
    except (ValueError, OverflowError):  # a day that no calendar has, or a year beyond 9999
        return None


def _candidates(moment: Moment, known: bool) -> Iterator[Candidate]:
    text = moment.text
    for pattern in (_WRITTEN, _WRITTEN_US):
        for match in pattern().finditer(text):
            if (known or match["year"]) and _means_month(match):
                yield match.start(), match.end(), partial(_read_written, match, moment)
    for match in _NUMERIC().finditer(text):
        yield match.start(), match.end(), partial(_read_numeric, match)
    for match in _FOREIGN().finditer(text):
        yield match.start(), match.end(), partial(_read_foreign, match)
    for rule in RULES:
        if known or rule.absolute:
            for match in rule.pattern().finditer(text):
                yield match.start(), match.end(), partial(rule.read, match, moment)


def _anchored_candidates(moment: Moment, others: list[Candidate]) -> Iterator[Candidate]:
    """ "The week before 9 June": a unit counted from another expression, which follows at once."""
    longest: dict[int, Candidate] = {}
    for other in others:
        if other[0] not in longest or longest[other[0]][1] < other[1]:
            longest[other[0]] = other
    for match in _ANCHORED().finditer(moment.text):
        starts = (match.start("side"), match.end("side") + 1, match.end())
        anchor = next((longest[start] for start in starts if start in longest), None)
        if anchor:
            yield match.start(), anchor[1], partial(_from_anchor, match, anchor[2])


def _means_month(match: re.Match[str]) -> bool:
    """Whether "may 5" and "march 12" are dates and not verbs: they have a capital, a year, or an ordinal."""
    name = match["month"]
    return name not in ("may", "march", "mar") or bool(match["year"]) or not match["day"].isdigit()


def _read_written(match: re.Match[str], moment: Moment) -> Period | None:
    words = f"{ordinal(match['day'])} {match['month']} {match['year'] or ''}".strip()
    first = _library(words, moment.today, moment.tense(match) or "future", "DMY")
    if first is None or not match["last"]:
        return day(first) if first else None
    last = first.replace(day=ordinal(match["last"]))
    return Period(first, last) if last >= first else day(first)


def _read_numeric(match: re.Match[str]) -> Period | None:
    order = "YMD" if match["iso"] else "DMY" if match["dots"] else "MDY"
    found = _library(match[0], date(2000, 1, 1), "current_period", order)
    return day(found) if found else None


def _read_foreign(match: re.Match[str]) -> Period | None:
    found = _library(match[0], date(2000, 1, 1), "current_period", "DMY", english=False)
    return day(found) if found else None


@lru_cache(maxsize=4096)
def _library(words: str, today: date, prefer: str, order: str, *, english: bool = True) -> date | None:
    """What dateparser makes of a written date; None when it makes nothing of it."""
    import dateparser

    settings = {
        "RELATIVE_BASE": datetime.combine(today, time()),
        "PREFER_DATES_FROM": prefer,
        "DATE_ORDER": order,
        "REQUIRE_PARTS": ["day", "month"] if english else ["day", "month", "year"],
        "RETURN_AS_TIMEZONE_AWARE": False,
    }
    languages = ["en"] if english else _LANGUAGES
    try:
        found = dateparser.parse(words, languages=languages, settings=settings)
    except Exception:  # a parser of free text fails in ways that it does not name; no date is lost that was there
        logger.debug("dateparser failed on %r", words, exc_info=True)
        return None
    return found.date() if found else None


def _from_anchor(match: re.Match[str], read: Callable[[], Period | None]) -> Period | None:
    anchor = _safely(read)
    if anchor is None:
        return None
    step = {"before": -1, "after": 1, "of": 0}[match["side"].casefold()]
    return count_from(anchor, match["unit"].casefold(), step, int(number(match["n"])) if match["n"] else None)
