"""Days, weeks, months, seasons and holidays as periods of whole days."""

from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

DAY = timedelta(days=1)
SEASON_MONTHS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days from `first` to `last`, both included."""

    first: date
    last: date

    def moved(self, days: int) -> "Period":
        """The period so many days later."""
        return Period(self.first + days * DAY, self.last + days * DAY)


def day(first: date) -> Period:
    """One day."""
    return Period(first, first)


def week(of: date) -> Period:
    """The week of a day, from Monday to Sunday."""
    monday = of - of.weekday() * DAY
    return Period(monday, monday + 6 * DAY)


def weekend(of: date) -> Period:
    """Saturday and Sunday of the week of a day."""
    return Period(week(of).last - DAY, week(of).last)


def month(of: date) -> Period:
    """The month of a day."""
    return Period(of.replace(day=1), of.replace(day=monthrange(of.year, of.month)[1]))


def quarter(of: date) -> Period:
    """The quarter of a day."""
    first = of.replace(month=(of.month - 1) // 3 * 3 + 1, day=1)
    return Period(first, month(months_later(first, 2)).last)


def year(of: date) -> Period:
    """The year of a day."""
    return Period(date(of.year, 1, 1), date(of.year, 12, 31))


def decade(of: date) -> Period:
    """The ten years of a day, from the year that ends in 0."""
    first = of.year // 10 * 10
    return Period(date(first, 1, 1), date(first + 9, 12, 31))


def season(name: str, in_year: int) -> Period:
    """A season of the northern half of the world, by whole months; a winter begins in December of its year."""
    first = date(in_year, SEASON_MONTHS[name], 1)
    return Period(first, month(months_later(first, 2)).last)


def months_later(of: date, months: int) -> date:
    """The same day of another month, or that month's last day when it has no such day."""
    total = of.year * 12 + of.month - 1 + months
    in_year, in_month = divmod(total, 12)
    return date(in_year, in_month + 1, min(of.day, monthrange(in_year, in_month + 1)[1]))


UNITS: dict[str, tuple[Callable[[date], Period], Callable[[date, int], date]]] = {
    "day": (day, lambda of, n: of + n * DAY),
    "week": (week, lambda of, n: of + 7 * n * DAY),
    "fortnight": (week, lambda of, n: of + 14 * n * DAY),
    "weekend": (weekend, lambda of, n: of + 7 * n * DAY),
    "month": (month, months_later),
    "quarter": (quarter, lambda of, n: months_later(of, 3 * n)),
    "year": (year, lambda of, n: months_later(of, 12 * n)),
    "decade": (decade, lambda of, n: months_later(of, 120 * n)),
}


def nearest_weekday(of: date, weekday: int, direction: int) -> date:
    """The next (`direction` 1) or last (-1) such weekday, never the day itself; Monday is 0."""
    distance = (weekday - of.weekday()) * direction % 7 or 7
    return of + direction * distance * DAY


def easter(in_year: int) -> date:
    """Easter Sunday of the western churches."""
    golden, century = in_year % 19, in_year // 100
    epact = (century - century // 4 - (8 * century + 13) // 25 + 19 * golden + 15) % 30
    epact -= epact // 28 * (1 - epact // 28 * (29 // (epact + 1)) * ((21 - golden) // 11))
    weekday = (in_year + in_year // 4 + epact + 2 - century + century // 4) % 7
    offset = epact - weekday
    in_month = 3 + (offset + 40) // 44
    return date(in_year, in_month, offset + 28 - 31 * (in_month // 4))


def thanksgiving(in_year: int) -> date:
    """The fourth Thursday of November."""
    first = date(in_year, 11, 1)
    return first + ((3 - first.weekday()) % 7 + 21) * DAY


HOLIDAYS: dict[str, Callable[[int], Period]] = {
    "christmas": lambda y: day(date(y, 12, 25)),
    "christmas day": lambda y: day(date(y, 12, 25)),
    "xmas": lambda y: day(date(y, 12, 25)),
    "christmas eve": lambda y: day(date(y, 12, 24)),
    "boxing day": lambda y: day(date(y, 12, 26)),
    "new year": lambda y: day(date(y, 1, 1)),
    "new year's": lambda y: day(date(y, 1, 1)),
    "new year's day": lambda y: day(date(y, 1, 1)),
    "new year's eve": lambda y: day(date(y, 12, 31)),
    "valentine's day": lambda y: day(date(y, 2, 14)),
    "st patrick's day": lambda y: day(date(y, 3, 17)),
    "halloween": lambda y: day(date(y, 10, 31)),
    "thanksgiving": lambda y: day(thanksgiving(y)),
    "thanksgiving day": lambda y: day(thanksgiving(y)),
    "good friday": lambda y: day(easter(y) - 2 * DAY),
    "easter": lambda y: day(easter(y)),
    "easter sunday": lambda y: day(easter(y)),
    "easter monday": lambda y: day(easter(y) + DAY),
    "midsummer": lambda y: day(date(y, 6, 24)),
}
