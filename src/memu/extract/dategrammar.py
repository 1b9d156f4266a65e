"""The English expressions of time that are read by own rules, each with what it means.

A rule is a pattern and a reader; the reader is given the match and a `Moment` and answers with a period of days, or
None when the words only look like a date. General purpose date parsers get most of these wrong.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from memu.extract.patterns import LazyPattern, any_of, lazy
from memu.extract.periods import (
    DAY,
    HOLIDAYS,
    UNITS,
    Period,
    day,
    decade,
    month,
    months_later,
    nearest_weekday,
    season,
    week,
    weekend,
    year,
)
from memu.extract.tense import Tense, tense_near

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
).split()

WEEKDAY = (
    r"(?:mon(?:day)?|tue(?:s(?:day)?)?|wed(?:nesday)?|thu(?:r(?:s(?:day)?)?)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)"
)
MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
_SEASON = r"(?:spring|summer|autumn|fall|winter)"
_HOLIDAY = any_of(name.replace("'", "['’]").replace(" ", r"\s+") for name in HOLIDAYS)
NUMBER = (
    rf"(?:an?\s+couple(?:\s+of)?|couple(?:\s+of)?|an?\s+few|few|several|half\s+an?|an?|{any_of(_NUMBERS[1:])}|thirty|forty|fifty"
    r"|(?<![\d.,:])\d{1,3})"
)
_UNIT = r"(?:day|week|fortnight|weekend|month|quarter|year|decade)"
_HABITUAL = lazy(r"\b(?:always|usually|every|each|often|normally|generally|tends?\s+to)\b")
_SINCE = lazy(r"since\b")
_PREPOSITION = lazy(r"(?:in|on|at|over|for|since|before|after|until|till|by|during|early|late|mid|the|this)\b")
_PART_OF_DAY = r"(?:\s+(?:morning|afternoon|evening|night|noon))?"


@dataclass(frozen=True, slots=True)
class Moment:
    """When the words were said, and the text around them."""

    at: datetime
    text: str

    @property
    def today(self) -> date:
        """The day on which the words were said."""
        return self.at.date()

    def tense(self, match: re.Match[str]) -> Tense | None:
        """The tense near the words that matched."""
        return tense_near(self.text, match.start())

    def habitual(self, match: re.Match[str]) -> bool:
        """Whether the words near those that matched speak of what is done again and again."""
        return bool(_HABITUAL().search(self.text, max(0, match.start() - 100), match.end() + 60))


Reader = Callable[[re.Match[str], Moment], Period | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern and what its matches mean; `absolute` rules need no time of saying."""

    pattern: LazyPattern
    read: Reader
    absolute: bool = False


def weekday_number(name: str) -> int:
    """0 for Monday to 6 for Sunday, by the first three letters."""
    return next(i for i, full in enumerate(WEEKDAYS) if full.startswith(name.casefold()[:3]))


def month_number(name: str) -> int:
    """1 to 12, by the first three letters."""
    return next(i for i, full in enumerate(MONTHS, 1) if full.startswith(name.casefold()[:3]))


def number(words: str) -> float:
    """The value of a number word: a couple is two, a few and several are three."""
    plain = " ".join(words.casefold().split()).removesuffix(" of")
    if plain.isdigit():
        return int(plain)
    if plain.startswith("half"):
        return 0.5
    special = {"a": 1, "an": 1, "several": 3, "thirty": 30, "forty": 40, "fifty": 50}
    if plain.endswith("couple"):
        return 2
    if plain.endswith("few"):
        return 3
    return special[plain] if plain in special else _NUMBERS.index(plain)


def _ago(match: re.Match[str], moment: Moment) -> Period | None:
    count = number(match["n"]) + (0.5 if match["half"] or match["half2"] else 0)
    return _distant(moment.today, match["unit"], -count)


def _ahead(match: re.Match[str], moment: Moment) -> Period | None:
    if not match["sure"] and moment.tense(match) != "future":
        return None
    return _distant(moment.today, match["unit"], number(match["n"]))


def _distant(today: date, unit: str, count: float) -> Period | None:
    """So many units away: a day for days, weeks and months, the whole year for years."""
    unit = unit.casefold()
    if unit == "weekend":
        return weekend(today + int(7 * count) * DAY)
    if unit in ("year", "decade"):
        months = int(count * (12 if unit == "year" else 120))
        return year(months_later(today, months)) if months % 12 == 0 else month(months_later(today, months))
    if unit == "month":
        return month(months_later(today, int(count))) if count % 1 == 0 else day(today + int(count * 30) * DAY)
    return day(
        UNITS[unit][1](today, 0) + int(count * {"day": 1, "week": 7, "fortnight": 14, "quarter": 91}[unit]) * DAY
    )


def _hours_ago(match: re.Match[str], moment: Moment) -> Period | None:
    return day((moment.at - timedelta(hours=number(match["n"]))).date())


def _day_word(match: re.Match[str], moment: Moment) -> Period | None:
    word = match["word"].casefold()
    if word.startswith("day"):
        return day(moment.today + (2 if "after" in word else -2) * DAY)
    return day(moment.today + {"yesterday": -1, "last": -1, "tomorrow": 1}.get(word.split()[0], 0) * DAY)


def _relative(match: re.Match[str], moment: Moment) -> Period | None:
    which, what = match["which"].casefold(), " ".join(match["what"].casefold().replace("’", "'").split())
    step = -1 if which.split()[-1] in ("last", "past") else 1 if which == "next" else 0
    today = moment.today
    if re.fullmatch(WEEKDAY, what):
        return day(_weekday(today, weekday_number(what), which, moment.tense(match)))
    if re.fullmatch(MONTH, what):
        return _by_year(today, step, lambda y: month(date(y, month_number(what), 1)))
    if what in ("spring", "summer", "autumn", "fall", "winter"):
        return _by_year(today, step, lambda y: season(what, y))
    if what in HOLIDAYS:
        return _by_year(today, step, HOLIDAYS[what])
    if what == "weekend":
        return _weekend(today, step, moment.tense(match))
    if which.endswith("coming"):
        step = 1
    period, shift = UNITS[what]
    return period(shift(today, step))


def _weekday(today: date, wanted: int, which: str, tense: Tense | None) -> date:
    if which.endswith(("last", "past")):
        return nearest_weekday(today, wanted, -1)
    if which == "this" and tense == "past":
        return nearest_weekday(today + DAY, wanted, -1)
    if which == "this" and today.weekday() == wanted:
        return today
    if which == "next":
        return week(today).last + (1 + wanted) * DAY
    return nearest_weekday(today, wanted, 1)


def _weekend(today: date, step: int, tense: Tense | None) -> Period:
    """The weekend of last, this or next week; looking back from a weekday, "this weekend" is the one that is over."""
    this = weekend(today)
    return this.moved(-7 if step == 0 and tense == "past" and today < this.first else 7 * step)


def _by_year(today: date, step: int, period: Callable[[int], Period]) -> Period:
    """The last such period that is over, the next that has not begun, or this year's."""
    years = [period(today.year + n) for n in (-1, 0, 1)]
    if step < 0:
        over = [p for p in (period(today.year - 2), *years) if p.last < today]
        return over[-1]
    if step > 0:
        return next(p for p in (*years, period(today.year + 2)) if p.first > today)
    running = [p for p in years if p.first <= today <= p.last]
    return running[0] if running else years[1]


def _by_tense(today: date, tense: Tense | None, period: Callable[[int], Period]) -> Period | None:
    """The latest such period that has begun, or the next that is not over, as the tense has it."""
    if tense is None:
        return None
    years = [period(today.year + n) for n in (-1, 0, 1)]
    if tense == "past":
        return [p for p in years if p.first <= today][-1]
    return next(p for p in years if p.last >= today)


def _weekday_of_week(match: re.Match[str], moment: Moment) -> Period | None:
    which = match["which"].casefold()
    step = -1 if which in ("last", "this past") else 1 if which == "next" else 0
    return day(week(moment.today).first + (7 * step + weekday_number(match["wd"])) * DAY)


def _before_last(match: re.Match[str], moment: Moment) -> Period | None:
    what, step = match["what"].casefold(), -1 if match["rel"].casefold().endswith("last") else 1
    if re.fullmatch(WEEKDAY, what):
        first = nearest_weekday(moment.today, weekday_number(what), step)
        return day(first + 7 * step * DAY)
    if what == "weekend":
        return _weekend(moment.today, step, None).moved(7 * step)
    period, shift = UNITS[what]
    return period(shift(moment.today, 2 * step))


def _week_from(match: re.Match[str], moment: Moment) -> Period | None:
    return day(nearest_weekday(moment.today, weekday_number(match["wd"]), 1) + 7 * DAY)


def _bare_weekday(match: re.Match[str], moment: Moment) -> Period | None:
    if moment.habitual(match):
        return None
    past = moment.tense(match) == "past" or bool(_SINCE().match(match[0]))
    return day(nearest_weekday(moment.today, weekday_number(match["wd"]), -1 if past else 1))


def _bare_weekend(match: re.Match[str], moment: Moment) -> Period | None:
    tense = moment.tense(match)
    return _weekend(moment.today, -1 if tense == "past" else 0, tense) if tense and not moment.habitual(match) else None


def _bare_month(match: re.Match[str], moment: Moment) -> Period | None:
    number_of_month = month_number(match["mon"])
    return _bare(match, moment, lambda y: month(date(y, number_of_month, 1)))


def _bare_season(match: re.Match[str], moment: Moment) -> Period | None:
    name = match["season"].casefold()
    return _bare(match, moment, lambda y: season(name, y))


def _bare_holiday(match: re.Match[str], moment: Moment) -> Period | None:
    name = " ".join(match["holiday"].casefold().replace("’", "'").split())
    return _bare(match, moment, HOLIDAYS[name])


def _bare(match: re.Match[str], moment: Moment, period: Callable[[int], Period]) -> Period | None:
    """What comes once a year and is named without a year: by the tense; the next one where there is none.

    Without a preposition it is more often a topic than a date, so there the tense must be plain.
    """
    if moment.habitual(match):
        return None
    plain = _PREPOSITION().match(match[0])
    tense = tense_near(moment.text, match.start(), sure=not plain)
    if _SINCE().match(match[0]):
        tense = "past"
    return _by_tense(moment.today, tense or ("future" if plain else None), period)


def _day_of_month(match: re.Match[str], moment: Moment) -> Period | None:
    wanted, today = int(match["d"]), moment.today
    past = moment.tense(match) == "past"
    for step in range(4):
        month_of = month(months_later(today.replace(day=1), -step if past else step))
        if wanted <= month_of.last.day:
            found = month_of.first + (wanted - 1) * DAY
            if (found <= today) if past else (found >= today):
                return day(found)
    return None


def _part_of(match: re.Match[str], moment: Moment) -> Period | None:
    """The beginning or end of a month or year that is named relatively: the period itself, or its last day."""
    which, what = match["which"].casefold(), match["what"].casefold()
    step = -1 if which == "last" else 1 if which == "next" else 0
    period, shift = UNITS[what]
    whole = period(shift(moment.today, step))
    return day(whole.last) if match["part"].casefold() == "end" else whole


def _no_date(_match: re.Match[str], _moment: Moment) -> Period | None:
    """For what would else be read as a date."""
    return None


def _year(match: re.Match[str], _moment: Moment) -> Period | None:
    return year(date(int(match["y"]), 1, 1))


def _decade(match: re.Match[str], _moment: Moment) -> Period | None:
    digits = match["y"]
    return decade(date(int(digits if len(digits) == 4 else "19" + digits), 1, 1))


def _season_of_year(match: re.Match[str], _moment: Moment) -> Period | None:
    return season(match["season"].casefold(), int(match["y"]))


def _month_of_year(match: re.Match[str], _moment: Moment) -> Period | None:
    return month(date(int(match["y"]), month_number(match["mon"]), 1))


_NOT_ONE_DAY = "".join(
    rf"(?<!\b{word} )" for word in "every each most any other a one the my our your his her their".split()
)

RULES: tuple[Rule, ...] = (
    Rule(
        lazy(
            rf"\b(?P<n>{NUMBER})(?P<half>\s+and\s+a\s+half)?\s+(?P<unit>{_UNIT})s?(?P<half2>\s+and\s+a\s+half)?\s+(?:ago|back)\b"
        ),
        _ago,
    ),
    Rule(lazy(rf"\b(?P<n>{NUMBER})\s+hours?\s+ago\b"), _hours_ago),
    Rule(
        lazy(
            rf"\bin\s+(?:about\s+|around\s+)?(?P<n>{NUMBER})\s+(?P<unit>{_UNIT})s?(?P<sure>['’]?s?['’]?\s+time)?\b(?!\s+of)"
        ),
        _ahead,
    ),
    Rule(lazy(rf"\b(?P<n>{NUMBER})\s+(?P<unit>{_UNIT})s?\s+(?P<sure>from\s+(?:now|today)\b)"), _ahead),
    Rule(
        lazy(
            r"\b(?:the\s+)?(?P<word>day\s+before\s+yesterday|day\s+after\s+tomorrow|yesterday|tomorrow|tonight|last\s+night"
            r"|this\s+(?:morning|afternoon|evening)|today)\b(?!['’]s\s+(?:world|society|youth|kids|age|standards))"
        ),
        _day_word,
    ),
    Rule(
        lazy(
            r"(?<!the )\b(?P<which>last|next|this\s+past|this\s+last|this\s+coming|this|past|coming)\s+"
            rf"(?P<what>{WEEKDAY}|{MONTH}|{_SEASON}|{_HOLIDAY}|week|weekend|month|quarter|year|decade)\b(?!-|\s+of\s)"
        ),
        _relative,
    ),
    Rule(
        lazy(rf"\b(?P<wd>{WEEKDAY}){_PART_OF_DAY},?\s+(?:of\s+|in\s+)?(?P<which>last|next|this\s+past|this)\s+week\b"),
        _weekday_of_week,
    ),
    Rule(
        lazy(rf"\b(?P<which>last|next|this)\s+week,?\s+(?:on\s+)?(?P<wd>{WEEKDAY})\b"),
        _weekday_of_week,
    ),
    Rule(
        lazy(rf"\b(?:the\s+)?(?P<what>{WEEKDAY}|week|weekend|month|year)\s+(?P<rel>before\s+last|after\s+next)\b"),
        _before_last,
    ),
    Rule(lazy(rf"\ba\s+week\s+(?:from|on)\s+(?P<wd>{WEEKDAY})\b|\b(?P<wd2>{WEEKDAY})\s+week\b"), _week_from),
    Rule(
        lazy(
            r"\b(?:(?:at|by|before|until|from)\s+)?(?:the\s+)?(?P<part>beginning|start|end|middle)\s+of\s+"
            r"(?P<which>last|next|this|the)\s+(?P<what>week|month|quarter|year)\b"
        ),
        _part_of,
    ),
    Rule(
        lazy(
            rf"{_NOT_ONE_DAY}\b(?:(?:on|by|until|till|since|from|before|after)\s+)?(?P<wd>monday|tuesday|wednesday|thursday|friday"
            rf"|saturday|sunday)\b(?!\s+(?:to|through|blues|best|roast|mornings|nights|evenings|afternoons)\b|\s*[-–]\s*{WEEKDAY})"
        ),
        _bare_weekday,
    ),
    Rule(lazy(rf"\b(?:on|by|until|till|since)\s+(?P<wd>{WEEKDAY})\b"), _bare_weekday),
    Rule(lazy(rf"\b{WEEKDAY}\s*(?:to|through|-|–)\s*{WEEKDAY}\b"), _no_date),
    Rule(lazy(r"\b(?:over|on|at|during|for|all)\s+the\s+weekend\b"), _bare_weekend),
    Rule(
        lazy(
            rf"\b(?:in|since|until|till|by|during)\s+(?:early\s+|late\s+|mid-?\s?)?(?P<mon>{MONTH})\b(?!\s+\d|['’]s|,?\s+\d{{4}})"
        ),
        _bare_month,
    ),
    Rule(
        lazy(
            rf"\b(?:(?:the\s+)?(?:beginning|start|end|middle)\s+of|early|late|mid)[\s-]+(?P<mon>{MONTH})\b(?!\s+\d|,?\s+\d{{4}})"
        ),
        _bare_month,
    ),
    Rule(
        lazy(
            rf"{_NOT_ONE_DAY}\b(?P<mon>January|February|July|September|October|November|December)\b(?!\s+\d|,?\s+\d{{4}}|['’]s)",
            0,
        ),
        _bare_month,
    ),
    Rule(
        lazy(rf"\b(?:in|over|during|for)\s+(?:the\s+)?(?P<season>{_SEASON})\b(?!\s+(?:of\s+)?\d|\s+of)"), _bare_season
    ),
    Rule(
        lazy(rf"{_NOT_ONE_DAY}\b(?:(?:on|at|over|for|since|before|after|until|by)\s+)?(?P<holiday>{_HOLIDAY})\b"),
        _bare_holiday,
    ),
    Rule(
        lazy(
            r"\b(?:on|by|until|till|before|since|from|after)\s+(?:the\s+)?(?P<d>3[01]|[12]?\d)(?:st|nd|rd|th)\b"
            r"(?!\s+(?!and|at|we|i|with|so|for|in|to|because|when|if|but|or|he|she|they|it|my|our|of\s+this|this)\w)"
        ),
        _day_of_month,
    ),
    Rule(
        lazy(
            r"\b(?:in|since|during|until|till|by|around|from|before|after|year|early|late|mid)[\s-]+(?P<y>(?:19|20)\d\d)\b"
            r"(?![-/.,]\d|\s*(?:people|m|km|meters?|metres?|miles|dollars|euros|pounds|kg|grams?|words|times|steps|calories|%))"
        ),
        _year,
        absolute=True,
    ),
    Rule(lazy(r"\bthe\s+(?:early\s+|late\s+)?['’]?(?P<y>(?:19|20)[1-9]0|[2-9]0)['’]?s\b"), _decade, absolute=True),
    Rule(lazy(rf"\b(?P<season>{_SEASON})\s+(?:of\s+)?(?P<y>(?:19|20)\d\d)\b"), _season_of_year, absolute=True),
    Rule(lazy(rf"\b(?P<mon>{MONTH})\.?,?\s+(?:of\s+)?(?P<y>(?:19|20)\d\d)\b"), _month_of_year, absolute=True),
)
