"""Which of the memory types a sentence belongs to: profile, event, knowledge or behavior.

Each type gathers points from the forms that speak for it; how many was set on labelled text. The rules are English. A
sentence in another language is knowledge in a document and when an assistant says it; of a person it is an event when
it names a date, else profile.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from memu.extract.patterns import any_of, lazy, phrases, start
from memu.extract.reading import Reading
from memu.extract.vocabulary import NOT_VERBS, PAST_FORMS

Voice = Literal["person", "assistant", "document"]
"""Who speaks: a person in a conversation, an assistant, or a document."""

_UNIT = any_of(
    "day night morning afternoon evening week weekend weekday fortnight month year term summer winter spring autumn "
    "season hour minute time christmas easter birthday"
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
_OCCASION = phrases(
    r"when(?:ever)?\s+(?:i|we|he|she|they|the|my)\s+\w+",
    r"at\s+(?:noon|midnight|night|dawn|half\s+past\s+\w+|\d{1,2}(?::\d\d)?|(?:five|six|seven|eight|nine|ten|eleven))",
    r"(?:with|before|after|over|for|during)\s+(?:breakfast|lunch|dinner|work|school|bed|tea)|first\s+thing",
    r"(?:before|after|until|by)\s+(?:i|we|he|she|noon|midnight|dark|six|seven|eight|nine|ten|eleven)|to\s+(?:work|school)|take\s+turns",
    r"(?:in|during)\s+the\s+(?:morning|afternoon|evening)|on\s+(?:my|the|his|her|our)\s+way",
)
_OFTEN = phrases(
    r"(?<!is )(?<!are )(?<!['’]s )(?<!['’]d )(?<!be )(?:always|often|never|rarely|sometimes)\s+(?!be\b|been\b|is\b)\w+"
)
_STEADY = phrases(
    any_of(
        "eats drinks sleeps walks swims runs cycles rides reads writes cooks bakes plays sings wakes gets_up "
        "keeps_a meets rehearses practi[sc]es trains goes gives brings steals hides checks waters leaves starts "
        "takes insists barks"
    )
)
_PARTICIPLE = any_of(
    "been done gone seen taken given written driven eaten begun broken chosen fallen forgotten grown known bought "
    "brought caught come found had heard held kept left lost made met paid put read run sent set sold told won split "
    "become cut hit shut spent stolen worn swum sung drunk flown ridden shown spoken stood taught thought thrown woken "
    "slept felt quit torn hidden"
)
_ADJECTIVE = any_of(
    "married divorced retired scared terrified worried tired bored excited interested obsessed addicted "
    "spoil(?:ed|t) talented gifted engaged related used_to supposed allowed closed shared pleased disappointed "
    "annoyed confused broke called named"
)
_ADJECTIVAL = phrases(
    r"(?:have|has|haven['’]t|hasn['’]t|['’]ve|['’]s)\s+(?:(?:also|only|still|even)\s+)?got",
    r"(?:is|are|am|be|being|['’]m|['’]re|isn['’]t|aren['’]t)\s+(?:\w+ly\s+|not\s+|so\s+|very\s+|really\s+|still\s+)*\w+ed",
    rf"['’]s\s+(?:\w+ly\s+|not\s+|so\s+|very\s+|still\s+)*{_ADJECTIVE}",
    r"(?:an?|the|my|our|his|her|their|very|more|most)\s+(?:\w+-)?\w+ed\s+(?!to\b|by\b|in\b|at\b)\w+|\w+-\w+ed",
    rf"(?:is|are|am|be|['’]m|['’]re)\s+(?:\w+ly\s+|not\s+)?{_PARTICIPLE}|(?:the|my|your|his|her)\s+left",
)
_PAST = phrases(any_of(PAST_FORMS), r"(?!\w*eed\b)[a-z]{2,}ed")
_HAVE = r"(?:have|has|haven['’]t|hasn['’]t|['’]ve|['’]s)"
_PERFECT = phrases(
    rf"{_HAVE}\s+(?:(?:\w+ly|just|also|even|now|already|never)\s+)*(?!{_ADJECTIVE}\b)(?:{_PARTICIPLE}|\w{{2,}}ed)"
)
_ONGOING = phrases(
    rf"{_HAVE}\s+(?:always|long)\s+\w+",
    rf"{_HAVE}\s+(?:been|had|lived|known|worked|played|owned|loved|hated|wanted)\b.{{0,60}}\b(?:for\s+\w+|since)",
    r"for\s+(?:the\s+past\s+)?(?:\w+\s+)?(?:years|decades)|all\s+(?:my|his|her)\s+life|since\s+(?:i|we|he|she)\s+was",
)
_FEELING = phrases(
    r"(?:am|is|are|['’](?:m|re|s)|feel|feels|feeling)\s+(?:(?:\w+ly|so|very|quite|a\s+bit|still|too)\s+)*"
    + any_of(
        "nervous tired exhausted sad angry cross furious happy excited thrilled worried anxious ill sick sore bored "
        "lonely upset embarrassed proud relieved stressed homesick jealous hungover better worse devastated guilty"
    )
)
_DONE = phrases(
    r"(?:is|are|['’]s|['’]re)\s+(?:(?:now|finally|all|nearly|almost)\s+)?"
    r"(?:finished|done|completed?|ready|fixed|sold|refunded|cancelled|called\s+off|(?:over|live|gone|back)(?=\W*$|,|\s+and))"
)
_OPINION = start(
    r"(?:honestly|personally|frankly|if\s+you\s+ask\s+me|in\s+my\s+(?:view|opinion)|for\s+what\s+it['’]s\s+worth)",
    r"(?:i|we|he|she|they)\s+(?:really\s+|still\s+|don['’]t\s+|doesn['’]t\s+)?"
    r"(?:think|thinks|believe|believes|doubt|doubts|reckon|reckons|suspect|suspects|regret|regrets)",
    r"it\s+(?:annoys|bothers|worries|amazes|surprises)\s+(?:me|us)",
)
_HISTORIC = phrases(r"in\s+(?:the\s+)?(?:1\d{3}|20\d\d)s?")
_FACT = phrases(any_of("fun_fact did_you_know it_turns_out apparently according_to in_general generally"))
_RULE = phrases(
    any_of("costs? prices? fees? (?:is|are)_free for_free the_rule my_rule rules? (?:not_)?allowed (?:is|are)_included")
)
_REPORTED = lazy(r"^\W*(?:\w+\W+){1,6}?(?:says|reckons|claims|explained|told\s+me)\s+(?:that\s+)?")
_COMING = phrases(
    any_of(
        "'ll will won't shall gonna going_to let'?s planning plans?_to plan_is_to hope_to hoping_to about_to intend "
        "aim_to wants?_to need_to have_to has_to had_better i'd_better might must(?!_(?:be|have)) "
        "i'd_(?:like|love)_to we'd_(?:like|love)_to tomorrow tonight next_(?!to)\\w+ booked signed_up upcoming "
        "by_the_end i'm_off_(?:to|on|for)"
    )
)
_DUE = phrases(any_of("until due deadline appointment"))
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
_AT_TIME = phrases(
    r"(?:at|on|in)\s+(?:half|quarter|noon|\d|the\s+\d|one|two|three|four|five|six|seven|eight|nine|ten|eleven)\w*"
)
_SUBJECT = r"(?:i|we|he|she|they|it|you|(?:my|our|his|her|their)\s+\w+)"
_STATE_VERB = any_of(
    "am is are isn't aren't has have owns? lives? works? loves? likes? prefers? hates? enjoys? needs? wants? knows? "
    "can can't could speaks? study studies teach(?:es)? runs? uses? don't doesn't plays? collects? believes? thinks? "
    "feels? minds? miss(?:es)? wish(?:es)? dreams? even_\\w+"
)
_STATE = lazy(
    rf"(?:^|\b(?:and|but|that|who|which|because)\s+){_SUBJECT}(?:['’](?:m|re|s)|['’]ve\s+got|\s+have\s+got|\s+{_STATE_VERB})\b"
)
_SELF = phrases(
    r"my\s+(?:name\s+is|age|birthday|favou?rite|job|hometown|allerg\w+|passion|hobby)|call\s+me|years\s+old|used\s+to",
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
_ANYBODY = phrases(any_of("somebody someone anybody anyone everybody everyone people whoever members visitors"))
_IT = start("it")
_LEANING = start(r"(?:it|this|that|these|those)(?:['’]s|['’]d|\s+(?:is|are|was|were|has|would))")
_EVALUATION = phrases(
    any_of(
        "good great best better nice lovely fine bad worse worst awful terrible horrible boring beautiful amazing "
        "awesome incredible wonderful brilliant perfect fun funny cool cute sweet hard tough easy important special "
        "inspiring rewarding overrated underrated annoying ridiculous too_\\w+ so_\\w+ my_favourite worth"
    )
)
_OWNER = phrases(
    r"(?:the|our|my)\s+(?:\w+\s+)?(?:dogs?|cats?|kittens?|pupp(?:y|ies)|bab(?:y|ies)|kids|children|boys|girls|team)",
    any_of(
        "i we my our me us mine he she they his her him their them mum mom dad grandma grandad granny parents? "
        "flatmate roommate wife husband sister brother boyfriend girlfriend daughter son boss neighbou?r"
    ),
)

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
    return bool(_PAST().search(_ADJECTIVAL().sub(" ", core)) or _PERFECT().search(core))


def is_coming(core: str) -> bool:
    """Whether a sentence tells what is planned or wished."""
    return bool(_COMING().search(core))


def _foreign_points(voice: Voice, dated: bool) -> dict[str, float]:
    person = voice == "person"
    event = 2.0 if person and dated else 0.5
    return {"knowledge": 0.0 if person else 2.0, "event": event, "profile": 1.0, "behavior": 0.0}


@dataclass(frozen=True, slots=True)
class _Forms:
    """The verb forms of a sentence; `present` is what remains."""

    past: bool
    perfect: bool
    coming: bool
    progressive: bool
    due: bool

    @property
    def present(self) -> bool:
        return not (self.past or self.perfect or self.coming or self.progressive)


def _forms(core: str) -> _Forms:
    return _Forms(
        past=bool(_PAST().search(_ADJECTIVAL().sub(" ", core))),
        perfect=bool(_PERFECT().search(core)),
        coming=is_coming(core),
        progressive=bool(_PROGRESSIVE().search(core)),
        due=bool(_DUE().search(core)),
    )


def _points(reading: Reading, voice: Voice, dated: bool, project: bool) -> dict[str, float]:
    if voice == "document":
        return _document_points(reading, dated)
    if voice == "assistant":
        return _assistant_points(reading.core, dated)
    forms = _forms(reading.core)
    points = {
        "event": _event(reading.core, forms, dated),
        "profile": _profile(reading.core, dated),
        "behavior": _behavior(reading, forms),
        "knowledge": _knowledge(reading, forms),
    }
    if project:
        points["profile"] += 1.0
    elif not reading.finite:
        points["event"] += 1.0
    return points


def _document_points(reading: Reading, dated: bool) -> dict[str, float]:
    """A document tells facts, unless it names somebody, what they do again and again, or what happened when."""
    core = reading.core
    event = 0.0 if _HISTORIC().search(core) else (2.0 if dated else 0.0) + (2.5 if is_past(core) else 0.0)
    behavior = 5.0 if _HABIT().search(core) and not _GENERAL().match(core) else 0.0
    profile = 5.0 if _ROLE().search(core) else _profile(core, dated)
    return {"event": event, "profile": profile, "behavior": behavior, "knowledge": 3.0}


def _assistant_points(core: str, dated: bool) -> dict[str, float]:
    """What an assistant states is knowledge, unless it repeats a date or a preference."""
    event = 5.0 if dated and not _ADVICE().search(core) else 0.0
    return {"event": event, "profile": 5.0 if _SERVED().search(core) else 0.0, "behavior": 0.0, "knowledge": 4.0}


def _event(core: str, forms: _Forms, dated: bool) -> float:
    points = 2.0 if dated and not _ONGOING().search(core) else 0.0
    points += 2.5 if forms.past else 2.0 if forms.perfect else 0.0
    points += (2.0 if forms.coming or (forms.due and forms.present) else 0.0) + (1.5 if forms.progressive else 0.0)
    if _EVENT_NOUN().search(core):
        points += 3.5 if forms.present and _AT_TIME().search(core) else 1.0
    if _FEELING().search(core) or _DONE().search(core):
        points += 2.0
    return points


def _profile(core: str, dated: bool) -> float:
    points = 0.5
    if _STATE().search(core) and not (dated and _IT().match(core)):
        points += 1.5 if _plain_state(core) else 0.5
    if _SELF().search(core):
        points += 2.0
    if _ORIGIN().search(core) or _SERVED().search(core):
        points += 4.0
    if _ASKED().match(core) or _OPINION().match(core):
        points += 3.0
    return points + 4.0 if _ONGOING().search(core) else points


def _plain_state(core: str) -> bool:
    """Whether a state is told that is not the beginning of "He's met …" or "I'm building …"."""
    begun = {match.start() for form in (_PERFECT, _PROGRESSIVE) for match in form().finditer(core)}
    return any(not begun & set(range(match.start(), match.end() + 1)) for match in _STATE().finditer(core))


def _behavior(reading: Reading, forms: _Forms) -> float:
    core = reading.core
    owned = reading.named or bool(_OWNER().search(_REPORTED().sub("", core)))
    points = 0.0
    if _HABIT().search(core):
        points += 5.0 if owned or not reading.finite else 0.5
    if owned and forms.present:
        points += 2.5 if _OCCASION().search(core) else 0.0
        points += 2.5 if _OFTEN().search(core) else 0.0
        points += 2.0 if _STEADY().search(core) else 0.0
    return points


def _knowledge(reading: Reading, forms: _Forms) -> float:
    """What holds for everybody: told in the present, of nobody and nothing in particular."""
    if not reading.finite or reading.named:
        return -1.0
    clause = _REPORTED().sub("", reading.core)
    points = -0.5 if _OWNER().search(clause) and not _ANYBODY().search(clause) else 0.25
    if points > 0 and _forms(clause).present and not _LEANING().match(clause):
        points += 1.0 - (1.5 if _EVALUATION().search(clause) else 0.0)
    if _FACT().search(reading.text) or (_RULE().search(clause) and not forms.past):
        points += 4.0
    if points > 0 and forms.past and _HISTORIC().search(clause):
        points += 5.0
    return points
