"""The English words for numbers, days and months, and the moment at which they are said."""

import re
from dataclasses import dataclass
from datetime import date, datetime

from memu.extract.patterns import any_of, lazy
from memu.extract.periods import HOLIDAYS
from memu.extract.tense import Tense, tense_near

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_NUMBERS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
_TENS = {"thirty": 30, "forty": 40, "fifty": 50}
_ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth",
    "twentieth", "twenty-first", "twenty-second", "twenty-third", "twenty-fourth", "twenty-fifth", "twenty-sixth",
    "twenty-seventh", "twenty-eighth", "twenty-ninth", "thirtieth", "thirty-first",
)  # fmt: skip

WEEKDAY = (
    r"(?:mon(?:day)?|tue(?:s(?:day)?)?|wed(?:nesday)?|thu(?:r(?:s(?:day)?)?)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)"
)
FULL_WEEKDAY = any_of(WEEKDAYS)
MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
SEASON = r"(?:spring|summer|autumn|fall|winter)"
HOLIDAY = any_of(" ".join(name.replace(" ", "_") for name in HOLIDAYS))
ORDINAL = any_of(_ORDINALS)
NUMBER = (
    r"(?:an?\s+couple(?:\s+of)?|couple(?:\s+of)?|an?\s+few|few|several|half\s+an?|an?"
    rf"|{any_of([*_NUMBERS[1:], *_TENS])}|(?<![\d.,:])\d{{1,3}})"
)
UNIT = r"(?:day|week|fortnight|weekend|month|quarter|year|decade)"

_HABITUAL = lazy(r"\b(?:always|usually|every|each|often|normally|generally|tends?\s+to)\b")


@dataclass(frozen=True, slots=True)
class Moment:
    """When the words were said, and the text around them."""

    at: datetime
    text: str

    @property
    def today(self) -> date:
        """The day on which the words were said."""
        return self.at.date()

    def tense(self, match: re.Match[str], *, sure: bool = False) -> Tense | None:
        """The tense near the words that matched; see `tense_near`."""
        return tense_near(self.text, match.start(), sure=sure)

    def habitual(self, match: re.Match[str]) -> bool:
        """Whether the words near those that matched speak of what is done again and again."""
        return bool(_HABITUAL().search(self.text, max(0, match.start() - 100), match.end() + 60))


def weekday_number(name: str) -> int:
    """0 for Monday to 6 for Sunday, by the first three letters."""
    return next(i for i, full in enumerate(WEEKDAYS) if full.startswith(name.casefold()[:3]))


def month_number(name: str) -> int:
    """1 to 12, by the first three letters."""
    return next(i for i, full in enumerate(MONTHS, 1) if full.startswith(name.casefold()[:3]))


def ordinal(words: str) -> int:
    """The value of "1st", "22" or "twenty-second"."""
    plain = words.casefold()
    return _ORDINALS.index(plain) + 1 if plain in _ORDINALS else int(plain.rstrip("stndrh"))


def number(words: str) -> float:
    """The value of a number word: a couple is two, a few and several are three."""
    plain = " ".join(words.casefold().split()).removesuffix(" of")
    if plain.isdigit():
        return int(plain)
    if plain.startswith("half"):
        return 0.5
    if plain.endswith(("couple", "few", "several")):
        return 2 if plain.endswith("couple") else 3
    return 1 if plain in ("a", "an") else _TENS.get(plain) or _NUMBERS.index(plain)
