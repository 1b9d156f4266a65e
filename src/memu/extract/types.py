"""Which of the memory types a sentence belongs to: profile, event, knowledge or behavior.

Each type gathers points from the forms that speak for it; the rules are English. A sentence in another language is
knowledge in a document and when an assistant says it; of a person it is an event when it names a date, else profile.
"""

from collections.abc import Sequence
from typing import Literal

from memu.extract.patterns import any_of, lazy, phrases, start, words
from memu.extract.reading import Reading
from memu.extract.vocabulary import NOT_VERBS, PAST_FORMS

Voice = Literal["person", "assistant", "document"]
"""Who speaks: a person in a conversation, an assistant, or a document."""

_UNIT = any_of(
    "day night morning afternoon evening week weekend weekday month year summer winter spring autumn season hour "
    "minute time"
)
_WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_MONTH = any_of("january february march april may june july august september october november december")
_HABIT = phrases(
    rf"(?:every|each)\s+(?:\w+\s+)?(?:{_UNIT}|{_WEEKDAY}|{_MONTH}|\d+)s?",
    rf"{_WEEKDAY}s|most\s+{_UNIT}s",
    rf"(?:once|twice|\w+\s+times)\s+(?:an?|per|every)\s+{_UNIT}",
    r"(?:in|on)\s+the\s+(?:mornings|evenings|afternoons|weekends)|(?:at|on)\s+weekends",
    any_of(
        "daily weekly monthly nightly yearly regularly routine(?:ly)? usually normally typically tends?_to whenever "
        "make_a_point_of"
    ),
)
_OFTEN = phrases(any_of("always often never keeps?_\\w+ing first_thing before_(?:bed|breakfast|work) after_work"))
_STEADY = phrases(
    any_of(
        "eats? drinks? sleeps? walks? swims? runs cycles? rides? reads? writes? cooks? bakes? plays? sings? wakes? "
        "gets?_up keeps?_a meets? rehearses? practi[sc]es? trains? goes gives? brings? steals? hides? checks? waters? "
        "leaves? starts? takes?"
    )
)
_PARTICIPLE = any_of(
    "been done gone seen taken given written driven eaten begun broken chosen fallen forgotten grown known bought "
    "brought caught come found had heard held kept left lost made met paid put read run sent set sold told won"
)
_AFTER_BE = "".join(
    rf"(?<!{word} )" for word in sorted(words("is are am be m re s n't not so very more most a an the my our his her"))
)
_PAST = phrases(any_of(PAST_FORMS), rf"(?<!-){_AFTER_BE}\b(?!\w*eed\b)[a-z]{{2,}}ed")
_PERFECT = phrases(
    r"(?:have|has|haven['’]t|hasn['’]t|['’]ve|['’]s)\s+(?:(?:\w+ly|just|also|even|now|already|never)\s+)*"
    rf"(?:{_PARTICIPLE}|\w{{2,}}ed)"
)
_ONGOING = phrases(
    r"(?:have|has|['’]ve|['’]s)\s+been\s+\w+ing\b.{0,60}\b(?:for|since)",
    r"for\s+(?:the\s+past\s+)?(?:\w+\s+)?years",
)
_FEELING = phrases(
    r"(?:am|is|are|['’](?:m|re|s)|feel|feels|feeling)\s+(?:(?:\w+ly|so|very|quite|a\s+bit|still|too)\s+)*"
    + any_of(
        "nervous tired exhausted sad angry cross furious happy excited thrilled worried anxious ill sick sore bored "
        "lonely upset embarrassed proud relieved stressed homesick jealous hungover better worse devastated"
    )
)
_FACT = phrases(any_of("fun_fact did_you_know it_turns_out apparently according_to in_general generally"))
_COMING = phrases(
    any_of(
        "'ll will won't shall gonna going_to let'?s planning plans?_to hope_to hoping_to about_to intend aim_to "
        "want_to need_to have_to has_to must(?!_(?:be|have)) i'd_(?:like|love)_to we'd_(?:like|love)_to tomorrow "
        "tonight next_\\w+ due booked signed_up deadline appointment upcoming until by_the_end"
    )
)
_PROGRESSIVE = phrases(
    r"(?:am|is|are|['’](?:m|re|s))\s+(?:(?:\w+ly|still|just|also|now)\s+)*"
    rf"(?!{any_of(NOT_VERBS)}\b)[a-z]{{2,}}ing"
)
_EVENT_NOUN = phrases(
    any_of(
        "birthday wedding party concert gig exam interview appointment meeting trip holiday vacation flight race match "
        "tournament conference festival funeral surgery operation accident graduation anniversary dinner picnic hike "
        "visit"
    )
)
_SUBJECT = r"(?:i|we|he|she|they|it|you|(?:my|our|his|her|their)\s+\w+)"
_STATE_VERB = any_of(
    "am is are isn't aren't has have owns? lives? works? loves? likes? prefers? hates? enjoys? needs? wants? knows? "
    "can can't could speaks? study studies teach(?:es)? runs? uses? don't doesn't plays? collects? believes? thinks? "
    "feels? minds? miss(?:es)? wish(?:es)? dreams? even_\\w+"
)
_STATE = lazy(rf"(?:^|\b(?:and|but|that|who|which|because)\s+){_SUBJECT}(?:['’](?:m|re|s)|\s+{_STATE_VERB})\b")
_SELF = phrases(
    r"my\s+(?:name|age|birthday|favou?rite|job|hometown|allerg\w+|passion|hobby)|call\s+me|years\s+old|used\s+to",
    r"(?:i|he|she)(?:['’]m|['’]s|\s+am|\s+is)\s+(?:an?|from|allergic|vegan|vegetarian|married|single|divorced|engaged|\d+"
    r"|scared|afraid|terrified|fond|obsessed|keen|into)",
    r"i\s+(?:prefer|live\s+in|work\s+(?:as|at|for|in)|studied|speak)|(?:my|our)\s+(?:own\s+)?\w+\s+(?:is|are)",
)
_ORIGIN = phrases(
    r"born\s+(?:in|on|near)|grew\s+up|raised\s+in",
    r"(?:did|got|have|has|finished|took)\s+(?:my|his|her|a|an)\s+(?:\w+\s+)?"
    r"(?:master|bachelor|degree|phd|doctorate|diploma|licen[cs]e)(?:['’]?s)?",
)
_ROLE = lazy(
    r"(?-i:^\W*(?!(?:In|On|At|For|If|When|The|To|By|With|As|And|But|So|After|Before|From)\s)"
    r"[A-Z][\w’'-]+(?:\s+[A-Z][\w’'-]+)+\W*,\s*\w)"
)
_SERVED = phrases(any_of("preferences? prefers? please_(?:use|write|keep|call) dark_mode"))
_GENERAL = start(
    any_of("the a an most some all any no people there these those if when in only never always do don't you")
)
_ASKED = start(
    r"(?:(?:please|and|also|just)\s+)*"
    + any_of("always never don't keep use write call address answer reply remember avoid show give")
)
_ADVICE = phrases(any_of("can can't could should would must may might always never if i'd"))
_IT = start("it")
_OWNER = phrases(any_of("i we my our me us mine he she they his her him their them"))

_ORDER = ("event", "profile", "knowledge", "behavior")


def memory_type(
    reading: Reading, *, voice: Voice, dated: bool = False, project: bool = False, allowed: Sequence[str] = ()
) -> str:
    """The memory type of a sentence, among `allowed` where that is given (else among the four).

    `dated` says that the sentence names a day or period; `project` that a person speaks with an assistant, where what
    is said in the present is mostly about a project. When the best type is not allowed, the next best is; when none
    of the four is, the first that is allowed.
    """
    points = _foreign_points(voice, dated) if reading.foreign else _points(reading, voice, dated, project)
    ranked = sorted(_ORDER, key=lambda kind: -points[kind])
    choices = [kind for kind in ranked if not allowed or kind in allowed]
    return choices[0] if choices else allowed[0]


def is_past(core: str) -> bool:
    """Whether a sentence tells what happened."""
    return bool(_PAST().search(core) or _PERFECT().search(core))


def is_coming(core: str) -> bool:
    """Whether a sentence tells what is planned or wished."""
    return bool(_COMING().search(core))


def _foreign_points(voice: Voice, dated: bool) -> dict[str, float]:
    person = voice == "person"
    event = 2.0 if person and dated else 0.5
    return {"knowledge": 0.0 if person else 2.0, "event": event, "profile": 1.0, "behavior": 0.0}


def _points(reading: Reading, voice: Voice, dated: bool, project: bool) -> dict[str, float]:
    if voice == "document":
        return _document_points(reading.core, dated)
    if voice == "assistant":
        return _assistant_points(reading.core, dated)
    core = reading.core
    points = {"event": _event(core, dated), "profile": _profile(core, dated), "behavior": _behavior(core)}
    points["knowledge"] = _knowledge(reading) if reading.finite else -1.0
    if _ASKED().match(core):
        points["profile"] += 3.0
    if project:
        points["profile"] += 1.0
    elif not reading.finite:
        points["event"] += 1.0
    return points


def _document_points(core: str, dated: bool) -> dict[str, float]:
    """A document tells facts, unless it names somebody, what they do again and again, or what happened when."""
    event = (2.0 if dated else 0.0) + (2.5 if is_past(core) else 0.0)
    behavior = 0.0 if _GENERAL().match(core) else _behavior(core)
    return {"event": event, "profile": _profile(core, dated), "behavior": behavior, "knowledge": 3.0}


def _assistant_points(core: str, dated: bool) -> dict[str, float]:
    """What an assistant states is knowledge, unless it repeats a date or a preference."""
    event = 5.0 if dated and not _ADVICE().search(core) else 0.0
    return {"event": event, "profile": 5.0 if _SERVED().search(core) else 0.0, "behavior": 0.0, "knowledge": 4.0}


def _event(core: str, dated: bool) -> float:
    points = 2.0 if dated else 0.0
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
    if _FEELING().search(core):
        points += 2.0
    return points


def _profile(core: str, dated: bool) -> float:
    points = 0.5
    if _STATE().search(core) and not (dated and _IT().match(core)):
        points += 1.5 if _plain_state(core) else 0.5
    if _SELF().search(core):
        points += 2.0
    if _ORIGIN().search(core) or _ROLE().search(core) or _SERVED().search(core):
        points += 4.0
    if _ONGOING().search(core):
        points += 3.0
    return points


def _plain_state(core: str) -> bool:
    """Whether a state is told that is not the beginning of "He's met …" or "I'm building …"."""
    begun = {match.start() for form in (_PERFECT, _PROGRESSIVE) for match in form().finditer(core)}
    return any(not begun & set(range(match.start(), match.end() + 1)) for match in _STATE().finditer(core))


def _behavior(core: str) -> float:
    points = 4.0 if _HABIT().search(core) else 0.0
    if _OFTEN().search(core):
        points += 0.5
    if _STEADY().search(core):
        points += 0.5
    return points


def _knowledge(reading: Reading) -> float:
    points = -0.5 if _OWNER().search(reading.core) else 0.25
    if _GENERAL().match(reading.core):
        points += 0.5
    return points + 2.0 if _FACT().search(reading.text) else points
