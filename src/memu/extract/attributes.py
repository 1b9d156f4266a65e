"""What a sentence says of a functional attribute: one that has one value at a time, such as where somebody lives.

Only a sentence that matches a written form from its first word to its last says anything; a condition, a negation, a
second value or a time long past anywhere in it makes it say nothing. English, in the present tense.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from memu.extract.base import ExtractedItem, Fact
from memu.extract.patterns import any_of, lazy, words
from memu.extract.places import CAPITAL_ONLY, places
from memu.sources.base import Message, Source
from memu.sources.hashing import normalized

LONGEST = 160
"""Characters of a sentence beyond which it says more than one thing."""

OWNER = ""
"""The subject that is the user whose memory it is."""

_OWNERS = words("user human")
_ASSISTANTS = words("assistant system tool function developer ai bot chatbot")
_SAME = {"mum": "mother", "mom": "mother", "dad": "father"}
_MONTH = any_of("January February March April May June July August September October November December")

_LEAD = r"(?:(?:so|well|oh|hey|hi|actually|by the way|update|good news|yes|currently|now|today)[,!]?\s+)*"
_ADVERBS = r"(?:(?:now|currently|just|recently|finally|already|still|actually)\s+)*"
_NAME = r"(?-i:[A-ZÀ-ÖØ-Þ][\w'&.-]*(?:\s+(?:(?:of|de|la|&)\s+)*[A-ZÀ-ÖØ-Þ][\w'&-]*){0,3})"
_WHEN = (
    r"(?:now|again|today|yesterday|recently|these\s+days|nowadays|at\s+present"
    rf"|(?:last|this)\s+(?:week|month|year|weekend|spring|summer|autumn|fall|winter|{_MONTH})"
    rf"|(?:in|since)\s+{_MONTH}|since\s+(?:last\s+)?\w+|(?:two|three|four|a|a\s+few|\d)\s+(?:days?|weeks?|months?)\s+ago)"
)
_WITH = r"with\s+my\s+[\w' ]+?"
_OTHERWISE = r"(?:study|love|like|enjoy|have|am|really)"
_NOBODY = (
    r"(?!(?:i|he|she|it|who|we|you|they|this|that|nobody|no\s+one|everyone|everybody|someone|somebody|anyone|anybody"
    r"|one|my|our|his|her|their|your|now|currently|still|actually|just|already|recently|finally|today|yesterday|so|well"
    r"|oh|hey|hi|yes|also)\b)"
)
_RELATIVE = r"my\s+(?:mother|mum|mom|father|dad|wife|husband)"
_I, _I_AM = r"(?P<subject>i|we)", r"(?P<subject>i)(?:'m|\s+am)"
_MY = r"(?P<subject>my|(?:the\s+)?user's)"
_THEY = rf"(?P<subject>(?:the\s+)?user|{_RELATIVE}|{_NOBODY}{_NAME})"
_END = r"\s*[.!]*"

_FAVOURITES = any_of(
    "colou?r food dish meal drink animal band singer composer author writer poet book film movie song sport team "
    "season number city country game restaurant subject flower fruit dessert painter artist actor actress"
)

_DOUBT = lazy(
    r"\b(?:not|never|no|nor|if|unless|would|could|should|might|(?-i:may)|maybe|perhaps|probably|wish|hope|wants?|plans?"
    r"|used\s+to|when|until|till|before|during|sometimes|also|too|either|both|part[- ]time|half|temporarily|but|or|"
    r"because|although|says?|said|told|thinks?|pretend\w*|imagine|jok\w+|kidding|anything|everything)\b|n't\b|[?;:\"“”]"
)
_HINT = lazy(
    r"\b(?:live|lives|living|moved|works?|working|job|name|called|number|e-?mail|address|birthday|years|single|married"
    r"|engaged|divorced|widowed|separated|favou?rite)\b"
)
"""A word of each form: most sentences have none and are passed over at once."""

_PASSING = lazy(
    r"\b(?:today|tonight|yesterday|in\s+"
    + _MONTH
    + r"|(?:this|next)\s+(?:morning|afternoon|evening|week|month|year|weekend|spring|summer|autumn|fall|winter"
    rf"|term|semester|season|{_MONTH}))\b"
)
"""What makes "I live in …" and "I'm working at …" true of a short time only."""

_SECOND_HOME = lazy(r"\b(?:second|another|other|homes?|houses?|flats?|apartments?|rooms?|places?|jobs?)\b")
_SECOND_JOB = lazy(r"\b(?:second|another|other|jobs?|gigs?|positions?|shifts?|for|at(?!\s+present\b))\b")
_OCCASION = lazy(
    r"\b(?:in|on|at|with|without|for|from|by|after|as|to|than|of\s+all|today|tonight|lately|this|these|those|every"
    r"|usually|always|mostly|what|which|that|where|gone|over|here|there|back|ready|out|great|good|bad|open|closed|cold"
    r"|late|hard|easy|cheap|expensive|available|unknown|undecided|different|\w+ing)\b"
)
"""Words that make a favourite one of an occasion, or that tell something of it instead of naming it."""

_TITLED = words(
    "band singer composer author writer poet book film movie song team city country game restaurant painter"
)
_TITLE = lazy(r"(?-i:(?:(?:the|an?)\s+)?[A-ZÀ-ÖØ-Þ0-9])")

_TWO = lazy(r"\band\b|,|/|&")
_NO_EMPLOYER = words("christmas easter thanksgiving night nights home fun")


@dataclass(frozen=True, slots=True)
class _Form:
    """A way of stating an attribute; `value` makes the value of the match, or None where it is none."""

    pattern: re.Pattern[str]
    attribute: Callable[[re.Match[str]], str]
    value: Callable[[re.Match[str]], str | None]


def read_fact(text: str, *, speaker: str | None = None) -> Fact | None:
    """The fact that a sentence states as a whole; None when it states none that is clear.

    Args:
        text: one sentence.
        speaker: who says "I" in it; None is the user.
    """
    sentence = normalized(text).replace("’", "'")
    if len(sentence) > LONGEST or not _HINT().search(sentence):
        return None
    for form in _forms():
        match = form.pattern.fullmatch(sentence)
        if match is None:
            continue
        value = form.value(match)
        around = f"{sentence[: match.start('value')]} {sentence[match.end('value') :]}"
        if value is not None and not _DOUBT().search(around):
            return Fact(_subject(match["subject"], speaker), form.attribute(match), value)
    return None


def add_facts(source: Source, items: Sequence[ExtractedItem]) -> None:
    """Give each item the fact that it states; a message or text that states two values of an attribute states neither.

    Items of documents have none: who says "I" there is not known. Nor have list items and quotations, nor what an
    assistant says.
    """
    if source.modality not in ("conversation", "text"):
        return
    messages = {message.id: message for message in source.messages}
    found: dict[tuple[object, str, str], list[ExtractedItem]] = {}
    for item in items:
        message = messages[item.message_ids[-1]]
        talk = source.modality == "conversation"
        if item.heading or item.note or _is_assistant(message):
            continue
        if _set_apart(source.text, message.start if talk else 0, item.start):
            continue
        if fact := read_fact(item.summary, speaker=item.speaker):
            item.fact = fact
            found.setdefault((talk and message.id, fact.subject, fact.attribute), []).append(item)
    for key, group in found.items():
        values = {item.fact.value for item in group if item.fact}
        if any(differ(key[-1], one, other) for one in values for other in values):
            for item in group:
                item.fact = None


def differ(attribute: str, one: str, other: str) -> bool:
    """Whether two values of an attribute exclude each other; a name or a favourite said more fully does not."""
    if attribute.startswith("lives in"):
        return _apart(one, other)
    if attribute.startswith("phone"):
        return not _one_number(one, other)
    if attribute.startswith(("e-mail", "birthday", "age", "marital status")):
        return one.casefold() != other.casefold()
    first, second = set(_words(one)), set(_words(other))
    return not (first <= second or second <= first)


def _apart(one: str, other: str) -> bool:
    """Whether two places are not the same; what they lie in counts where both tell it of one level."""
    (first, _, around), (second, _, beyond) = one.partition(", "), other.partition(", ")
    if _words(first) != _words(second):
        return True
    levels = [places().get(name.casefold(), (None, name))[0] for name in (around, beyond)]
    return bool(around and beyond) and levels[0] == levels[1] and _words(around) != _words(beyond)


def _one_number(one: str, other: str) -> bool:
    """Whether two phone numbers are one, with the code of the country or without."""
    first, second = (re.sub(r"^00", "+", number) for number in (one, other))
    if first[:1] == second[:1] or "+" not in first[:1] + second[:1]:
        return first == second
    abroad, home = (first, second) if first.startswith("+") else (second, first)
    return len(home) > 6 and abroad.endswith(home.removeprefix("0"))


def _words(value: str) -> tuple[str, ...]:
    plain = unicodedata.normalize("NFD", value.casefold())
    return tuple(re.findall(r"[\w@+]+", "".join(one for one in plain if not unicodedata.combining(one))))


def _is_assistant(message: Message) -> bool:
    return (message.role or message.speaker or "").casefold() in _ASSISTANTS


def _set_apart(text: str, begin: int, start: int) -> bool:
    """Whether a list mark, a quotation mark or other words of no sentence stand before the words on their line."""
    lead = text[max(begin, text.rfind("\n", 0, start) + 1) : start].strip()
    return bool(lead) and (not lead.endswith((".", "!", "?", "…")) or bool(re.match(r"(?:\d{1,3}|[a-z])[.)]", lead)))


def _subject(named: str, speaker: str | None) -> str:
    """Who it is about: the speaker, the user, or somebody whom the speaker names."""
    own = OWNER if speaker is None or speaker.casefold() in _OWNERS else speaker
    plain = named.casefold().removeprefix("the ").removesuffix("'s")
    if plain in ("i", "we", "my"):
        return own
    if plain == "user":
        return OWNER
    relative = plain.removeprefix("my ")
    return f"{own} > {named if relative == plain else _SAME.get(relative, relative)}"


def _place(match: re.Match[str]) -> str | None:
    """A known place, with what it lies in; None when that is not known, since there is more than one London."""
    name, around = match["value"], match["around"]
    level_and_name = places().get(name.casefold())
    if level_and_name is None or (name.casefold() in CAPITAL_ONLY and name[0].islower()):
        return None
    if _SECOND_HOME().search(match.string, match.end("value")):
        return None
    if around is None:
        return level_and_name[1]
    beyond = around.casefold().rstrip(".")
    wider = places().get(beyond) or places().get(f"the {beyond}")
    return f"{level_and_name[1]}, {wider[1]}" if wider and wider[0] != "city" else None


def _lasting(value: Callable[[re.Match[str]], str | None]) -> Callable[[re.Match[str]], str | None]:
    """The value of a state that is told in the present tense; None when it is one of a short time."""

    def checked(match: re.Match[str]) -> str | None:
        start, end = match.span("value")
        passing = _PASSING().search(match.string, 0, start) or _PASSING().search(match.string, end)
        return None if passing else value(match)

    return checked


def _home(match: re.Match[str]) -> str:
    level = places()[match["value"].casefold()][0]
    return "lives in" if level == "city" else f"lives in ({level})"


def _employer(match: re.Match[str]) -> str | None:
    value = match["value"].rstrip(".")
    second = _SECOND_JOB().search(match.string, match.end("value"))
    return None if second or value.casefold() in _NO_EMPLOYER else value


def _day(match: re.Match[str]) -> str | None:
    number, month = re.search(r"\d+", match["value"]), re.search(_MONTH, match["value"], re.IGNORECASE)
    return f"{month[0].capitalize()} {number[0]}" if number and month else None


def _digits(match: re.Match[str]) -> str | None:
    return re.sub(r"[^\d+]", "", match["value"])


def _as_said(match: re.Match[str]) -> str | None:
    return match["value"].strip(" .!").casefold()


def _one_thing(match: re.Match[str]) -> str | None:
    """A value in free words; None when it may be two, or none at all."""
    value = match["value"].strip(" .!")
    if any(words_of().search(value) for words_of in (_TWO, _DOUBT, _OCCASION)):
        return None
    return value if match["kind"].casefold() not in _TITLED or _TITLE().match(value) else None


def _named(attribute: str) -> Callable[[re.Match[str]], str]:
    def name(match: re.Match[str]) -> str:
        groups = match.groupdict()
        kind = (groups.get("kind") or "").casefold().strip().replace("color", "colour")
        device = (groups.get("device") or "").casefold().replace("cell", "mobile")
        return " ".join(word for word in (attribute, kind, device) if word)

    return name


@cache
def _forms() -> tuple[_Form, ...]:
    return (*_home_forms(), *_work_forms(), *_person_forms(), *_number_forms(), *_favourite_forms())


def _form(
    start: str, attribute: Callable[[re.Match[str]], str] | str, value: Callable[[re.Match[str]], str | None]
) -> _Form:
    name = _named(attribute) if isinstance(attribute, str) else attribute
    return _Form(re.compile(f"{_LEAD}{start}", re.IGNORECASE), name, value)


def _tail(*verbs: str) -> str:
    others = "|".join((_OTHERWISE, *verbs))
    return rf"(?:,?\s+(?:{_WHEN}|{_WITH}|and\s+(?:i\s+)?(?:{others})\b[\w', -]*?))*{_END}"


def _home_forms() -> list[_Form]:
    names = any_of(re.escape(name) for name in places())
    place = (
        rf"(?P<value>{names})(?:,\s+(?P<around>(?:the\s+)?{_NAME}))?{_tail('works?', 'live (?:near|by|close|next)')}"
    )
    states = (
        rf"{_I}\s+{_ADVERBS}live\s+in",
        rf"{_I_AM}\s+{_ADVERBS}living\s+in",
        rf"{_THEY}\s+{_ADVERBS}lives\s+in",
    )
    moves = (
        rf"{_I}(?:\s+have|'ve)?\s+{_ADVERBS}moved\s+(?:back\s+)?to",
        rf"{_THEY}(?:\s+has)?\s+{_ADVERBS}moved\s+(?:back\s+)?to",
    )
    return [
        *(_form(rf"{start}\s+{place}", _home, _lasting(_place)) for start in states),
        *(_form(rf"{start}\s+{place}", _home, _place) for start in moves),
    ]


def _work_forms() -> list[_Form]:
    employer = rf"(?P<value>(?:the\s+)?{_NAME})(?:\s+as\s+an?\s+[\w -]+?)?{_tail('live')}"
    states = (
        rf"(?P<subject>i)\s+{_ADVERBS}work\s+(?:at|for)",
        rf"{_I_AM}\s+{_ADVERBS}working\s+(?:at|for)",
        rf"{_THEY}\s+{_ADVERBS}works\s+(?:at|for)",
    )
    doing = r"(?:working|work|a\s+(?:new\s+)?job)"
    started = rf"(?P<subject>i)(?:\s+have|'ve)?\s+{_ADVERBS}(?:started|got)\s+{doing}\s+(?:at|for)"
    return [
        *(_form(rf"{start}\s+{employer}", "works at", _lasting(_employer)) for start in states),
        _form(rf"{started}\s+{employer}", "works at", _employer),
    ]


def _person_forms() -> list[_Form]:
    status = r"(?:single|married|engaged|divorced|widowed|separated)"
    partner = rf"(?:\s+(?:to|with)\s+{_NAME})?"
    return [
        _form(rf"{_MY}\s+(?:full\s+)?name\s+is\s+(?:now\s+)?(?P<value>{_NAME}){_END}", "name", _as_said),
        _form(
            rf"{_MY}\s+(?P<kind>first|middle|last|family)\s+name\s+is\s+(?:now\s+)?(?P<value>{_NAME}){_END}",
            "name:",
            _as_said,
        ),
        _form(rf"{_I_AM}\s+(?:now\s+)?called\s+(?P<value>{_NAME}){_END}", "is called", _as_said),
        _form(rf"{_I_AM}\s+(?:now\s+)?(?P<value>\d{{1,3}})\s+years\s+old{_tail()}", "age", _as_said),
        _form(rf"{_THEY}\s+is\s+(?:now\s+)?(?P<value>\d{{1,3}})\s+years\s+old{_tail()}", "age", _as_said),
        _form(rf"{_I_AM}\s+{_ADVERBS}(?P<value>{status}){partner}{_tail()}", "marital status", _as_said),
        _form(
            rf"(?P<subject>i)\s+{_ADVERBS}got\s+(?P<value>married|engaged|divorced){partner}{_tail()}",
            "marital status",
            _as_said,
        ),
    ]


def _number_forms() -> list[_Form]:
    kind = r"(?:(?P<kind>work|office|home|private|personal|business)\s+)?"
    date = rf"(?P<value>{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?|\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH})"
    phone = r"(?:(?P<device>mobile|cell|landline|telephone)\s+)?(?:phone\s+)?number"
    is_now = r"\s+is\s+(?:now\s+)?"
    return [
        _form(rf"{_MY}\s+(?:new\s+)?{kind}{phone}{is_now}(?P<value>\+?[\d ()/.-]{{5,}}\d){_END}", "phone", _digits),
        _form(
            rf"{_MY}\s+(?:new\s+)?{kind}e-?mail(?:\s+address)?{is_now}(?P<value>\S+@\S+\.\w+){_END}",
            "e-mail",
            _as_said,
        ),
        _form(
            rf"{_MY}\s+(?:new\s+|current\s+)?{kind}address{is_now}(?P<value>(?=[^.!]*\d)[\w ,./'-]{{5,100}}?){_END}",
            "address",
            _as_said,
        ),
        _form(rf"{_MY}\s+birthday\s+is\s+(?:on\s+)?(?:the\s+)?{date}{_END}", "birthday", _day),
    ]


def _favourite_forms() -> list[_Form]:
    value = rf"(?P<value>[\w'-]+(?:\s+[\w'-]+){{0,5}}?)(?:\s+now)?{_END}"
    start = rf"{_MY}\s+(?:new\s+)?favou?rite\s+(?P<kind>{_FAVOURITES})\s+is\s+(?:now\s+)?"
    return [_form(start + value, "favourite", _one_thing)]
