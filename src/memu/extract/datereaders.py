"""What each English expression of time means: a match and the moment of saying give a period of days.

A reader answers None when the words only look like a date.
"""

import re
from collections.abc import Callable
from datetime import date, timedelta

from memu.extract.dateterms import MONTH, WEEKDAY, Moment, month_number, number, ordinal, weekday_number
from memu.extract.patterns import lazy
from memu.extract.periods import (
    DAY,
    HOLIDAYS,
    SEASON_MONTHS,
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
from memu.extract.tense import Tense

_UNIT_DAYS = {"day": 1, "week": 7, "fortnight": 14}
_UNIT_MONTHS = {"month": 1, "quarter": 3, "year": 12, "decade": 120}
_TIMES_OF_DAY = ("night", "morning", "evening")
_SINCE = lazy(r"since\b")
_PREPOSITION = lazy(r"(?:in|on|at|over|for|since|before|after|until|till|by|during|early|late|mid|the|this)\b")


def read_ago(match: re.Match[str], moment: Moment) -> Period:
    """So many units ago."""
    return _distant(moment.today, match["unit"], -number(match["n"]) - (0.5 if match["half"] or match["half2"] else 0))


def read_ahead(match: re.Match[str], moment: Moment) -> Period | None:
    """So many units ahead; "I read it in two days" is no date."""
    if not match["sure"] and moment.tense(match) != "future":
        return None
    return _distant(moment.today, match["unit"], number(match["n"]))


def _distant(today: date, unit: str, count: float) -> Period:
    """So many units away: a day when counted in days and weeks, else the calendar month, year or weekend."""
    unit = unit.casefold()
    if unit == "weekend":
        return weekend(today + int(7 * count) * DAY)
    if unit in _UNIT_MONTHS:
        months = int(count * _UNIT_MONTHS[unit])
        return (year if unit != "month" and months % 12 == 0 else month)(months_later(today, months))
    return day(today + int(count * _UNIT_DAYS[unit]) * DAY)


def read_hours_ago(match: re.Match[str], moment: Moment) -> Period:
    """So many hours ago: the day then."""
    return day((moment.at - timedelta(hours=number(match["n"]))).date())


def read_day_word(match: re.Match[str], moment: Moment) -> Period | None:
    """Yesterday, today, tomorrow and their like."""
    word = match["word"].casefold()
    if word.startswith("day"):
        return day(moment.today + (2 if "after" in word else -2) * DAY)
    return day(moment.today + {"yesterday": -1, "last": -1, "tomorrow": 1}.get(word.split()[0], 0) * DAY)


def read_relative(match: re.Match[str], moment: Moment) -> Period | None:
    """Last, this or next weekday, week, weekend, month, season, year or holiday."""
    which, what = match["which"].casefold(), " ".join(match["what"].casefold().replace("’", "'").split())
    step = -1 if which.split()[-1] in ("last", "past") else 1 if which == "next" else 0
    today = moment.today
    if re.fullmatch(WEEKDAY, what):
        return day(_weekday(today, weekday_number(what), which, moment.tense(match)))
    if re.fullmatch(MONTH, what):
        return _by_year(today, step, lambda y: month(date(y, month_number(what), 1)))
    if what in SEASON_MONTHS:
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


def read_weekday_of_week(match: re.Match[str], moment: Moment) -> Period | None:
    """A weekday of last, this or next week."""
    which = match["which"].casefold()
    step = -1 if which in ("last", "this past") else 1 if which == "next" else 0
    return day(week(moment.today).first + (7 * step + weekday_number(match["wd"])) * DAY)


def read_before_last(match: re.Match[str], moment: Moment) -> Period | None:
    """The week before last, the Friday after next."""
    what, step = match["what"].casefold(), -1 if match["rel"].casefold().endswith("last") else 1
    if re.fullmatch(WEEKDAY, what):
        first = nearest_weekday(moment.today, weekday_number(what), step)
        return day(first + 7 * step * DAY)
    if what == "weekend":
        return _weekend(moment.today, step, None).moved(7 * step)
    if what in SEASON_MONTHS:
        nearest = _by_year(moment.today, step, lambda y: season(what, y))
        return season(what, nearest.first.year + step)
    period, shift = UNITS["day" if what == "night" else what]
    return period(shift(moment.today, 2 * step))


def read_week_from(match: re.Match[str], moment: Moment) -> Period | None:
    """A week from Friday, a week tomorrow."""
    word = match["word"].casefold()
    start = {"today": moment.today, "tomorrow": moment.today + DAY}.get(word)
    return day((start or nearest_weekday(moment.today, weekday_number(word), 1)) + 7 * DAY)


def read_bare_weekday(match: re.Match[str], moment: Moment) -> Period | None:
    """On Friday: the last or the next one, as the tense has it."""
    if moment.habitual(match):
        return None
    past = moment.tense(match) == "past" or bool(_SINCE().match(match[0]))
    return day(nearest_weekday(moment.today, weekday_number(match["wd"]), -1 if past else 1))


def read_bare_weekend(match: re.Match[str], moment: Moment) -> Period | None:
    """Over the weekend: the last one or this one, as the tense has it."""
    tense = moment.tense(match)
    return _weekend(moment.today, -1 if tense == "past" else 0, tense) if tense and not moment.habitual(match) else None


def read_bare_month(match: re.Match[str], moment: Moment) -> Period | None:
    """In March."""
    number_of_month = month_number(match["mon"])
    return _bare(match, moment, lambda y: month(date(y, number_of_month, 1)))


def read_bare_season(match: re.Match[str], moment: Moment) -> Period | None:
    """In spring."""
    name = match["season"].casefold()
    return _bare(match, moment, lambda y: season(name, y))


def read_bare_holiday(match: re.Match[str], moment: Moment) -> Period | None:
    """At Christmas."""
    name = " ".join(match["holiday"].casefold().replace("’", "'").split())
    return _bare(match, moment, HOLIDAYS[name])


def _bare(match: re.Match[str], moment: Moment, period: Callable[[int], Period]) -> Period | None:
    """What comes once a year and is named without a year: by the tense; the next one where there is none.

    Without a preposition it is more often a topic than a date, so there the tense must be plain.
    """
    if moment.habitual(match):
        return None
    plain = _PREPOSITION().match(match[0])
    tense = moment.tense(match, sure=not plain)
    if _SINCE().match(match[0]):
        tense = "past"
    return _by_tense(moment.today, tense or ("future" if plain else None), period)


def read_day_of_month(match: re.Match[str], moment: Moment) -> Period | None:
    """On the 22nd: the last or the next such day, as the tense has it."""
    wanted, today = ordinal(match["d"]), moment.today
    past = moment.tense(match) == "past"
    for step in range(4):
        month_of = month(months_later(today.replace(day=1), -step if past else step))
        if wanted <= month_of.last.day:
            found = month_of.first + (wanted - 1) * DAY
            if (found <= today) if past else (found >= today):
                return day(found)
    return None


def read_part_of(match: re.Match[str], moment: Moment) -> Period | None:
    """The beginning or end of a month or year that is named relatively: the period itself, or its last day."""
    which, what = match["which"].casefold(), match["what"].casefold()
    step = -1 if which == "last" else 1 if which == "next" else 0
    period, shift = UNITS[what]
    whole = period(shift(moment.today, step))
    return day(whole.last) if match["part"].casefold() == "end" else whole


def read_weekday_of_month(match: re.Match[str], moment: Moment) -> Period | None:
    """The first Monday of July, of the July that the tense means."""
    wanted, which, in_month = weekday_number(match["wd"]), match["nth"].casefold(), month_number(match["mon"])
    month_of = _by_tense(moment.today, moment.tense(match) or "future", lambda y: month(date(y, in_month, 1)))
    if month_of is None:
        return None
    if which == "last":
        return day(nearest_weekday(month_of.last + DAY, wanted, -1))
    return day(nearest_weekday(month_of.first - DAY, wanted, 1) + 7 * (ordinal(which) - 1) * DAY)


def read_no_date(_match: re.Match[str], _moment: Moment) -> Period | None:
    """For what would else be read as a date."""
    return None


def read_year(match: re.Match[str], _moment: Moment) -> Period | None:
    """In 2019."""
    return year(date(int(match["y"]), 1, 1))


def read_decade(match: re.Match[str], _moment: Moment) -> Period | None:
    """In the 1990s."""
    digits = match["y"]
    return decade(date(int(digits if len(digits) == 4 else "19" + digits), 1, 1))


def read_season_of_year(match: re.Match[str], _moment: Moment) -> Period | None:
    """The summer of 2019."""
    return season(match["season"].casefold(), int(match["y"]))


def read_month_of_year(match: re.Match[str], _moment: Moment) -> Period | None:
    """June 2019."""
    return month(date(int(match["y"]), month_number(match["mon"]), 1))


def count_from(anchor: Period, unit: str, step: int, count: int | None) -> Period | None:
    """A unit before (`step` -1), after (1) or around (0) another period: the week before 9 June, two days after it."""
    if step == 0:
        return None if count else _around(anchor, unit)
    edge = anchor.last if step > 0 else anchor.first
    if unit == "week" and count is None:
        return Period(min(edge + step * DAY, edge + 7 * step * DAY), max(edge + step * DAY, edge + 7 * step * DAY))
    if unit == "weekend":
        return weekend(nearest_weekday(edge, 5, step))
    if unit not in UNITS and unit not in _TIMES_OF_DAY:
        return day(nearest_weekday(edge, weekday_number(unit), step))
    period, shift = UNITS["day" if unit in _TIMES_OF_DAY else unit]
    moved = shift(edge, step * (count or 1))
    return period(moved) if count is None else day(moved)


def _around(anchor: Period, unit: str) -> Period | None:
    """The week of 9 June, the Monday of next week, the night of 3 May."""
    if unit in ("week", "weekend"):
        return (week if unit == "week" else weekend)(anchor.first)
    if unit in UNITS or unit in _TIMES_OF_DAY:
        return anchor
    found = nearest_weekday(anchor.first - DAY, weekday_number(unit), 1)
    return day(found) if found <= anchor.last <= anchor.first + 6 * DAY else None
