"""Which of the memory types a sentence belongs to: profile, event, knowledge or behavior.

Each type gathers points from the forms that speak for it; the rules are English. A sentence in another language is
knowledge in a document and when an assistant says it; of a person it is an event when it names a date, else profile.
"""

from collections.abc import Sequence
from typing import Literal

from memu.extract.patterns import any_of, lazy
from memu.extract.reading import Reading

Voice = Literal["person", "assistant", "document"]
"""Who speaks: a person in a conversation, an assistant, or a document."""

_UNIT = r"(?:day|night|morning|afternoon|evening|week|weekend|weekday|month|year|summer|winter|spring|autumn|season|hour|minute|time)"
_WEEKDAYS = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_HABIT = lazy(
    rf"\b(?:every|each)\s+(?:other\s+|second\s+|single\s+|\w+\s+)?(?:{_UNIT}|{_WEEKDAYS}|\d+|january|february|march|april|may|june|july"
    rf"|august|september|october|november|december)s?\b|\b{_WEEKDAYS}s\b|\bmost\s+{_UNIT}s\b|\b(?:once|twice|(?:\w+\s+)?times)\s+(?:an?|per|every)\s+{_UNIT}\b"
    rf"|\b(?:daily|weekly|monthly|nightly|yearly|regularly|routinely|usually|normally|typically|tends?\s+to|whenever|in\s+the\s+habit"
    r"|routine|make\s+a\s+point\s+of)\b|\b(?:in|on)\s+the\s+(?:mornings|evenings|afternoons|weekends)\b|\bat\s+weekends\b|\bon\s+weekends\b"
)
_OFTEN = lazy(r"\b(?:always|often|never|keeps?\s+\w+ing|first\s+thing|before\s+(?:bed|breakfast|work)|after\s+work)\b")
_STEADY = lazy(
    r"\b(?:eats?|drinks?|sleeps?|walks?|swims?|runs|cycles?|rides?|reads?|writes?|cooks?|bakes?|plays?|sings?|wakes?|gets?\s+up"
    r"|keeps?\s+a|meets?|rehearses?|practi[sc]es?|trains?|goes|gives?|brings?|steals?|hides?|checks?|waters?|leaves?|starts?|takes?)\b"
)
_PAST_FORMS = (
    "was were had did didn't wasn't weren't hadn't went got saw met took made came bought ate ran won lost gave told said "
    "found felt left began drove flew spent broke brought caught chose fell forgot grew heard held kept knew led learnt "
    "paid rode sang sat sent slept sold spoke stood swam taught thought threw understood woke wore wrote became built drew "
    "fed fought hid hung laid lay lent lit meant rang rose shook shot shut stole struck stuck swore swept tore wept bit "
    "blew dug drank fled froze"
)
_AFTER_BE = "".join(rf"(?<!{word} )" for word in ("is", "are", "am", "be", "'m", "'re", "'s", "’m", "’re", "n't", "not", "so"))
_PAST = lazy(rf"\b{any_of(_PAST_FORMS)}\b|{_AFTER_BE}\b(?!\w*eed\b)[a-z]{{2,}}ed\b")
_PERFECT = lazy(
    r"(?:\b(?:have|has)|['’]ve|['’]s|haven['’]t|hasn['’]t)\s+(?:\w+ly\s+|just\s+|also\s+|even\s+|now\s+|already\s+|finally\s+|never\s+)*"
    rf"(?:{any_of('been done gone seen taken given got written driven eaten begun broken chosen fallen forgotten grown known')}|"
    r"\w{2,}ed|bought|brought|caught|come|found|had|heard|held|kept|left|lost|made|met|moved|paid|put|read|run|sent|set|sold|started"
    r"|told|won|gone|decided)\b"
)
_ONGOING = lazy(r"\b(?:have|has|['’]ve|['’]s)\s*been\s+\w+ing\b|['’](?:ve|s)\s+been\s+\w+ing\b|\bfor\s+(?:the\s+past\s+)?(?:\w+\s+)?years\b")
_COMING = lazy(
    r"['’]ll\b|\b(?:will|won['’]t|shall|gonna|going\s+to|let['’]?s|planning|plans?\s+to|hope\s+to|hoping\s+to|about\s+to|intend|aim\s+to"
    r"|want\s+to|need\s+to|have\s+to|has\s+to|must|i['’]d\s+(?:like|love)\s+to|we['’]d\s+(?:like|love)\s+to|tomorrow|tonight|next\s+\w+|due"
    r"|booked|signed\s+up|deadline|appointment|upcoming|until|by\s+the\s+end)\b"
)
_PROGRESSIVE = lazy(r"(?:\b(?:am|is|are)|['’](?:m|re|s))\s+(?:\w+ly\s+|still\s+|just\s+|also\s+|now\s+)*(?!being)[a-z]{2,}ing\b")
_EVENT_NOUN = lazy(
    r"\b(?:birthday|wedding|party|concert|gig|exam|interview|appointment|meeting|trip|holiday|vacation|flight|race|match|tournament"
    r"|conference|festival|funeral|surgery|operation|accident|graduation|anniversary|dinner|picnic|hike|visit)\b"
)
_STATE = lazy(
    r"(?:^|\b(?:and|but|that|who|which|because)\s+)(?:(?:i|we|he|she|they|it|you|my\s+\w+|our\s+\w+|his\s+\w+|her\s+\w+|their\s+\w+)\s*"
    r"(?:['’](?:m|re|s)|\b(?:am|is|are|isn['’]t|aren['’]t|have|has|own|live|lives|work|works|love|loves|like|likes|prefer|prefers|hate"
    r"|hates|enjoy|enjoys|need|needs|want|wants|know|knows|can|can['’]t|could|speak|speaks|study|studies|teach|teaches|run|runs|use"
    r"|uses|don['’]t|doesn['’]t|play|plays|collect|collects|believe|think|thinks|feel|feels|mind|miss|wish|dream|even\s+\w+)\b))"
)
_SELF = lazy(
    r"\b(?:my\s+(?:name|age|birthday|favou?rite|job|hometown|allerg\w+|passion|hobby)|call\s+me|(?:i|he|she)(?:['’]m|['’]s|\s+am|\s+is)\s+(?:an?|from|"
    r"allergic|vegan|vegetarian|married|single|divorced|engaged|\d+|scared|afraid|terrified|fond|obsessed|keen|into)\b|years\s+old|i\s+(?:prefer|live\s+in|work\s+(?:as|at|for|in)|studied|speak)|(?:my|our)\s+(?:own\s+)?\w+\s+(?:is|are)\b|used\s+to\b)"
)
_ORIGIN = lazy(
    r"\b(?:born\s+(?:in|on|near)|grew\s+up|raised\s+in|(?:did|got|have|has|finished|took)\s+(?:my|his|her|a|an)\s+(?:\w+\s+)?(?:master|bachelor"
    r"|degree|phd|doctorate|diploma|licen[cs]e))"
)
_ROLE = lazy(
    r"(?-i:^\W*(?!(?:In|On|At|For|If|When|The|To|By|With|As|And|But|So|After|Before|From)\s)[A-Z][\w’'-]+(?:\s+[A-Z][\w’'-]+)+\W*,)\s*(?:the\s+|our\s+|who\s+)?\w+|\b(?:preference|prefers?|please\s+(?:use|write|keep|call)|dark\s+mode)\b"
)
_GENERAL = lazy(
    r"^(?:the|a|an|most|some|all|any|no|people|there|this|that|these|those|if|when|in|only|never|always|do|don['’]t|you|one|it)\b"
)
_ASKED = lazy(r"^(?:please\s+|and\s+|also\s+|just\s+)*(?:always|never|don['’]t|keep|use|write|call|address|answer|reply|remember|avoid|show|give)\b")
_OWNER = lazy(r"\b(?:i|we|my|our|me|us|mine|he|she|they|his|her|him|their|them)\b")

_ORDER = ("event", "profile", "knowledge", "behavior")


def memory_type(reading: Reading, *, voice: Voice, dated: bool = False, allowed: Sequence[str] = ()) -> str:
    """The memory type of a sentence, among `allowed` where that is given (else among the four).

    `dated` says that the sentence names a day or period. When the best type is not allowed, the next best is; when none
    of the four is, the first that is allowed.
    """
    points = _foreign_points(voice, dated) if reading.foreign else _points(reading, voice, dated)
    ranked = sorted(_ORDER, key=lambda kind: -points[kind])
    choices = [kind for kind in ranked if not allowed or kind in allowed]
    return choices[0] if choices else allowed[0]


def _foreign_points(voice: Voice, dated: bool) -> dict[str, float]:
    person = voice == "person"
    return {"knowledge": 0.0 if person else 2.0, "event": 2.0 if person and dated else 0.5, "profile": 1.0, "behavior": 0.0}


def _points(reading: Reading, voice: Voice, dated: bool) -> dict[str, float]:
    core = reading.core
    points = {"event": _event(core, dated), "profile": _profile(core), "behavior": _behavior(core), "knowledge": 3.0}
    if voice == "person":
        points["knowledge"] = _knowledge(core, dated)
        points["profile"] += 3.0 if _ASKED().match(core) else 0.0
    return points


def _event(core: str, dated: bool) -> float:
    points = 1.5 if dated else 0.0
    if _COMING().search(core):
        points += 2.0
    if _PAST().search(core):
        points += 2.5
    elif _PERFECT().search(core):
        points += 2.0
    if _PROGRESSIVE().search(core):
        points += 1.5
    if _EVENT_NOUN().search(core):
        points += 1.0
    return points


def _profile(core: str) -> float:
    points = 0.5
    if _STATE().search(core):
        points += 1.5 if _plain_state(core) else 0.5
    if _SELF().search(core):
        points += 2.0
    if _ORIGIN().search(core) or _ROLE().search(core):
        points += 4.0
    if _ONGOING().search(core):
        points += 3.0
    return points


def _plain_state(core: str) -> bool:
    """Whether a state is told that is not the beginning of "He's met …" or "I'm building …"."""
    begun = {match.start() for form in (_PERFECT, _PROGRESSIVE) for match in form().finditer(core)}
    return any(not begun & set(range(match.start(), match.end() + 1)) for match in _STATE().finditer(core))


def _behavior(core: str) -> float:
    points = 0.0
    if _HABIT().search(core):
        points += 4.0
    if _OFTEN().search(core):
        points += 1.0
    if _STEADY().search(core):
        points += 0.5
    return points


def _knowledge(core: str, dated: bool) -> float:
    points = -0.5 if _OWNER().search(core) else 0.5
    if _GENERAL().match(core):
        points += 1.0
    return points - 0.5 if dated else points


def is_past(core: str) -> bool:
    """Whether a sentence tells what happened."""
    return bool(_PAST().search(core) or _PERFECT().search(core))


def is_coming(core: str) -> bool:
    """Whether a sentence tells what is planned or wished."""
    return bool(_COMING().search(core))
