"""The English expressions of time that are read by own rules.

General purpose date parsers get most of these wrong, or take words for dates that are none.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from memu.extract import datereaders as read
from memu.extract.dateterms import FULL_WEEKDAY, HOLIDAY, MONTH, NUMBER, ORDINAL, SEASON, UNIT, WEEKDAY, Moment
from memu.extract.patterns import LazyPattern, lazy, words
from memu.extract.periods import Period


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern and what its matches mean; `absolute` rules need no time of saying."""

    pattern: LazyPattern
    read: Callable[[re.Match[str], Moment], Period | None]
    absolute: bool = False


def _rule(
    pattern: str,
    reader: Callable[[re.Match[str], Moment], Period | None],
    *,
    absolute: bool = False,
    exact: bool = False,
) -> Rule:
    return Rule(lazy(pattern, re.NOFLAG if exact else re.IGNORECASE), reader, absolute)


_NOT_ONE_DAY = "".join(
    rf"(?<!\b{word} )"
    for word in sorted(words("every each most any other a one the my our your his her their happy merry"))
)
_YEAR = r"(?:19|20)\d\d"
_NO_DAY_FOLLOWS = rf"(?!\.?\s+\d|,?\s+(?:of\s+)?{_YEAR}|['’]s)"
_CLEAR_MONTH = r"(?:January|February|July|September|October|November|December)"
_HALF = r"\s+and\s+a\s+half"

RULES: tuple[Rule, ...] = (
    _rule(
        rf"\b(?P<n>{NUMBER})(?P<half>{_HALF})?\s+(?P<unit>{UNIT})s?(?P<half2>{_HALF})?\s+(?:ago|back)\b", read.read_ago
    ),
    _rule(rf"\b(?P<n>{NUMBER})\s+hours?\s+ago\b", read.read_hours_ago),
    _rule(
        rf"\bin\s+(?:about\s+|around\s+)?(?P<n>{NUMBER})\s+(?P<unit>{UNIT})s?(?P<sure>['’]?s?['’]?\s+time)?\b(?!\s+of)",
        read.read_ahead,
    ),
    _rule(rf"\b(?P<n>{NUMBER})\s+(?P<unit>{UNIT})s?\s+(?P<sure>from\s+(?:now|today)\b)", read.read_ahead),
    _rule(
        r"\b(?:the\s+)?(?P<word>day\s+before\s+yesterday|day\s+after\s+tomorrow|yesterday|tomorrow|tonight|last\s+night"
        r"|this\s+(?:morning|afternoon|evening)|today)\b(?!['’]s\s+(?:world|society|youth|kids|age|standards))",
        read.read_day_word,
    ),
    _rule(
        r"\b(?P<which>(?<!the )last|(?<!the )next|this\s+past|this\s+last|this\s+coming|this|(?<!the )past|coming)\s+"
        rf"(?P<what>{WEEKDAY}|{MONTH}|{SEASON}|{HOLIDAY}|week|weekend|month|quarter|year|decade)\b(?!-|\s+of\s)",
        read.read_relative,
    ),
    _rule(
        rf"\b(?P<wd>{WEEKDAY})(?:\s+(?:morning|afternoon|evening|night))?,?\s+(?:of\s+|in\s+)?"
        r"(?P<which>last|next|this\s+past|this)\s+week\b",
        read.read_weekday_of_week,
    ),
    _rule(rf"\b(?P<which>last|next|this)\s+week,?\s+(?:on\s+)?(?P<wd>{WEEKDAY})\b", read.read_weekday_of_week),
    _rule(
        rf"\b(?:the\s+)?(?P<what>{WEEKDAY}|{SEASON}|night|week|weekend|month|year)\s+(?P<rel>before\s+last"
        rf"|after\s+next)\b",
        read.read_before_last,
    ),
    _rule(rf"\ba\s+week\s+(?:from\s+|on\s+)?(?P<word>{FULL_WEEKDAY}|today|tomorrow)\b", read.read_week_from),
    _rule(rf"\b(?P<word>{FULL_WEEKDAY})\s+week\b", read.read_week_from),
    _rule(
        r"\b(?:(?:at|by|before|until|from)\s+)?(?:the\s+)?(?P<part>beginning|start|end|middle)\s+of\s+"
        r"(?P<which>last|next|this|the)\s+(?P<what>week|month|quarter|year)\b",
        read.read_part_of,
    ),
    _rule(
        rf"\b(?:the\s+)?(?P<nth>first|second|third|fourth|last)\s+(?P<wd>{FULL_WEEKDAY})\s+(?:of"
        rf"|in)\s+(?P<mon>{MONTH})\b",
        read.read_weekday_of_month,
    ),
    _rule(
        rf"{_NOT_ONE_DAY}\b(?:(?:on|by|until|till|since|from|before|after)\s+)?(?P<wd>{FULL_WEEKDAY})\b"
        rf"(?!,?\s+(?:the\s+)?\d|\s+(?:to|through|blues|best|roast|mornings|nights|evenings|afternoons)\b"
        rf"|\s*[-–]\s*{WEEKDAY})"
        r"(?<!god it['’]s \w{6})(?<!god it['’]s \w{7})",
        read.read_bare_weekday,
    ),
    _rule(rf"\b(?:on|by|until|till|since)\s+(?P<wd>{WEEKDAY})\b(?!\.?,?\s+(?:the\s+)?\d)", read.read_bare_weekday),
    _rule(rf"\b{WEEKDAY}\s*(?:to|through|-|–)\s*{WEEKDAY}\b", read.read_no_date),
    _rule(r"\b(?:over|on|at|during|for|all)\s+the\s+weekend\b", read.read_bare_weekend),
    _rule(
        rf"\b(?:in|since|until|till|by|during)\s+(?:early\s+|late\s+|mid-?\s?)?(?P<mon>{MONTH})\b{_NO_DAY_FOLLOWS}",
        read.read_bare_month,
    ),
    _rule(
        rf"\b(?:(?:at\s+)?(?:the\s+)?(?:beginning|start|end|middle)\s+of|early|late"
        rf"|mid)[\s-]+(?P<mon>{MONTH})\b{_NO_DAY_FOLLOWS}",
        read.read_bare_month,
    ),
    _rule(rf"{_NOT_ONE_DAY}\b(?:for\s+)?(?P<mon>{_CLEAR_MONTH})\b{_NO_DAY_FOLLOWS}", read.read_bare_month, exact=True),
    _rule(
        rf"\b(?:in|over|during|for)\s+(?:the\s+)?(?P<season>{SEASON})\b(?!\s+(?:of\s+)?\d|\s+of)", read.read_bare_season
    ),
    _rule(
        rf"{_NOT_ONE_DAY}\b(?:(?:on|at|over|for|since|before|after|until|by)\s+)?(?P<holiday>{HOLIDAY})\b",
        read.read_bare_holiday,
    ),
    _rule(
        rf"\b(?:(?:on|by|until|till|before|since|from|after)\s+(?:{WEEKDAY},?\s+)?(?:the\s+)?|{WEEKDAY},?\s+the\s+)"
        rf"(?P<d>(?:3[01]|[12]?\d)(?:st|nd|rd|th)|(?<=the ){ORDINAL})\b"
        r"(?!\s+(?!and|at|we|i|with|so|for|in|to|because|when|if|but|or|he|she|they|it|my|our|of\s+this|this)\w|-)",
        read.read_day_of_month,
    ),
    _rule(
        rf"\b(?:in|since|during|until|till|by|around|from|between|before|after|year|early|late|mid"
        rf"|(?:beginning|start|end|middle)\s+of)[\s-]+(?P<y>{_YEAR})\b"
        r"(?![-/.,]\d|\s*(?:people|m|km|meters?|metres?|miles|dollars|euros|pounds|kg|grams?|words|times|steps"
        r"|calories|%))",
        read.read_year,
        absolute=True,
    ),
    _rule(r"\bthe\s+(?:early\s+|late\s+)?['’]?(?P<y>(?:19|20)[1-9]0|[2-9]0)['’]?s\b", read.read_decade, absolute=True),
    _rule(rf"\b(?P<season>{SEASON})\s+(?:of\s+)?(?P<y>{_YEAR})\b", read.read_season_of_year, absolute=True),
    _rule(rf"\b(?P<mon>{MONTH})\.?,?\s+(?:of\s+)?(?P<y>{_YEAR})\b", read.read_month_of_year, absolute=True),
)
