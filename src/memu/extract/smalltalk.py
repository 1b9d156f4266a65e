"""Whether a sentence of a conversation carries anything worth remembering.

Formulas of politeness are known by their form; for the rest, what speaks for a sentence (figures, dates, names, words
with content, somebody's own affairs) is weighed against what speaks against it (a question, a remark about the other,
an order, a mere reaction). The rules are English. A sentence in another language is not small talk by mere ignorance.
"""

from memu.extract.patterns import any_of, lazy, phrases, start
from memu.extract.reading import Reading, is_told
from memu.extract.vocabulary import BARE_VERBS

ENOUGH = 2.5
"""The weight from which on a sentence is kept."""

_I = r"(?:i\s+)?"
_I_AM = r"(?:(?:i['’]?m|we['’]?re|i\s+am|it['’]?s)\s+)?(?:(?:so|very|just|super|also|\w+ly)\W+)*"
_I_HAVE = r"(?:i['’]?ve|i\s+have|i['’]?ve\s+got|i\s+got|i\s+do\s+have)\s+(?:got\s+)?"
_SURELY = r"(?:(?:totally|completely|fully|absolutely|definitely|really|so)\s+)?"
_END = r"\W*$"
_FORMULAS = (
    _I_AM + any_of("glad happy sorry proud pleased delighted thrilled stoked excited sad") + r"\s+"
    r"(?:to\s+(?:hear|see|know|help)|for\s+(?:you|them|him|her)|of\s+you|that\s+you|you\b|i\s+could|it\s+(?:helped|worked))",
    _I_AM + r"(?:good|great|nice|lovely|awesome|wonderful)\s+to\s+(?:see|hear|meet|talk|chat|know|catch)",
    _I_AM + any_of("rooting_for here_for_you with_you all_ears (?:the_)?(?:worst|best)") + r"(?:\W*$|\s+you\b)",
    r"(?:many\s+)?(?:thanks|thank\s+you|thx|cheers)\b(?:\s+(?:so\s+much|a\s+lot|again|very\s+much))?"
    r"(?:\s*\W|\s+(?:for|to|anyway)\b|$)",
    _I + _SURELY + r"appreciate\s+(?:it|that|you|your|the)\b",
    r"(?:happy|merry)\s+(?:belated\s+)?(?:birthday|new\s+year|christmas|easter|holidays|anniversary|weekend)",
    r"good\s+(?:morning|afternoon|evening|night|luck|job|call|point|one\b|for\s+you|idea|question)|night\b|(?:good)?bye\b",
    any_of(
        "congrat\\w* well_done way_to_go hats_off all_the_best best_(?:wishes|of_luck) bless_you get_well take_care"
    ),
    any_of(
        "sleep_(?:well|tight) safe_(?:travels|trip|journey|flight) keep_(?:me_posted|it_up|going|at_it) "
        "fingers_crossed welcome_to"
    ),
    r"(?:have|enjoy)\s+(?:a|an|your|the|fun|yourself)\b",
    any_of("(?:see|catch)_(?:you|ya) (?:talk|speak)_to_(?:you|ya) chat_with_(?:you|ya)") + r"\b",
    r"(?:talk|speak|chat|catch\s+up)\s+(?:soon|later|then|tomorrow)\b",
    r"(?:i['’]?ve\s+|i\s+have\s+|i\s+)?(?:got\s+to|gotta|have\s+to|need\s+to|must|better|should)\s+"
    r"(?:go|run|dash|leave|head)\b",
    r"let\s+me\s+(?:know|see|think|check)\b",
    _I + rf"can['’]?t\s+wait(?:{_END}|\s+to\s+(?:hear|see|meet|catch)\b)",
    r"(?:i['’]?m\s+)?looking\s+forward\s+to\s+(?:it|that|hearing|seeing)\b",
    _I
    + _SURELY
    + any_of("agree understand see know get_it hear_you bet guess hope think feel")
    + r"(?:\s+"
    + any_of("so you what_you_mean it that the_same how_you_feel with_you like_it")
    + rf")*(?:\W+(?:too|either))?{_END}",
    r"no\s+(?:problem|worries|way|idea|doubt|kidding|rush|need|pressure|comment)\b",
    r"(?:don['’]t|never)\s+(?:worry|mention|mind|you\s+dare)\b",
    any_of(
        "my_pleasure any_?time (?:as_)?told_you guess_(?:what|who|where) same_here me_(?:too|neither) likewise will_do"
    )
    + r"\b",
    r"sounds\s+",
    _I + r"hope\s+(?:you|it|that|this|to\s+see|all|everything)\b",
    r"wish(?:ing)?\s+(?:you|me)\b|(?:you\s+can\s+)?count\s+on\b",
    r"what\s+an?\s|how\s+(?:\w+\s+)?"
    + any_of("cool nice lovely sweet cute funny exciting awful sad weird wonderful")
    + r"\b",
    _I_HAVE + r"(?:a\s+|some\s+)?(?:\w+\s+)?(?:news\b|something\s+to\b|(?:question|confession)\b)",
    r"(?:of\s+)?course\b(?!\W*\w+\W+\w+\W+\w+)",
    rf"i\s+(?:adore|love|hate)\s+(?:it|that|this|him|her|them|you){_END}",
    r"(?:i['’]?m\s+|i['’]?d\s+be\s+|i\s+am\s+)?(?:happy|here|glad)\s+to\s+help\b|feel\s+free\b|at\s+your\s+service\b",
    r"(?:poor|silly|lucky|clever|good|bad)\s+(?:old\s+)?(?:you|thing|boy|girl|me|old)\b",
)
_FORMULA = lazy("|".join(f"(?:{formula})" for formula in _FORMULAS))
_ADDRESSED = lazy(r"(?:you|u|y['’]?all)\b(?:['’](?:re|ve|ll|d)|\s+\w+)")
_GENERIC_YOU = start(r"you\s+(?:have\s+to|can(?:['’]?t|not)?|mustn['’]?t|need\s+to|only|get|pay)")
_YOURS = start("your")
_ORDER = lazy(rf"(?:(?:please|just|now|do)\s+)?(?:{any_of(BARE_VERBS)}\b(?!['’]))(?!\s+(?:is|was|are|were|has|had)\b)")
_REACTION = start(
    r"(?:that|this|these|those|it|which)(?:['’](?:s|d|ll)|\s+"
    + any_of(
        "is was were are really sure must would will sounds? looks? seems? feels? makes? means? felt sounded looked "
        "helps?"
    )
    + ")",
    r"there(?:['’]s|\s+(?:is|are))|must\s+(?:be|have)|sounds?|looks?|feels?",
)
_DESCRIPTION = start(r"it(?:['’]s|\s+is)\s+(?:an?|the|my|our|in|on|at)")
_OWN = start("i|we|my|our|me|let['’]?s")
_OTHERS = start("he|she|they|his|her|their")
_BEING = start(r"(?:he|she|(?:my|our)\s+\w+)(?:['’]s|\s+(?:is|was))\s+(?:an?|my|our|his|her|the)")
_TASTE = phrases(any_of("favou?rites? prefers? allergic_to can't_stand addicted_to obsessed_with fan_of"))
_KIN = phrases(
    any_of(
        "mum mom mother dad father parents? sister brother wife husband son daughter kids? child children baby "
        "grand\\w+ aunt uncle cousin girlfriend boyfriend partner boss colleagues? roommate flatmate neighbou?rs? "
        "dog cat puppy kitten"
    )
)
_OFFER = lazy(r"(?:i|we)(?:['’]ll|\s+(?:will|can|could|would))\b.{0,40}\b(?:you|your)\b")
_DATED = phrases(
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?",
    any_of("january february march april june july august september october november december (?-i:May)"),
    any_of(
        "yesterday tomorrow tonight christmas easter spring summer autumn winter ago daily weekly o'clock noon midnight"
    ),
    r"(?:last|next|this|every|a|per)\s+(?:day|night|week|weekend|month|year|time)",
)
_COUNTED = phrases(
    r"(?:\d[\d.,:]*|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty)\s+(?!of\b)[a-z]{3,}"
)
_DIGIT = lazy(r"\d")
_ANNOUNCES = lazy(r":\s*$")
_TELLS = start(
    r"(?:did|have|do)\s+(?:i|we)\s+(?:tell|told|mention|ever\s+(?:tell|mention))",
    r"did\s+you\s+(?:know|hear)\s+(?:that|about\s+my|i|we)",
    r"(?:can|could)\s+you\s+believe\s+(?:that\s+)?(?:i|we|my|he|she|they)",
    r"remember\s+(?:when|how|that)\s+(?:i|we|my)|you\s+know\s+(?:that\s+)?(?:i|we|my)",
)


def is_small_talk(reading: Reading, *, with_assistant: bool = False, answers: bool = False) -> bool:
    """Whether a sentence of a conversation is not worth remembering.

    What is said to an assistant may give it orders that last ("Keep your answers short."), and an assistant's advice
    has the form of orders: neither counts against a sentence of a conversation `with_assistant`. A sentence that
    `answers` a question for a fact needs less of its own.
    """
    if reading.foreign:
        return not any(character.isalnum() for character in reading.text)
    if not reading.tokens:
        return True
    bonus = 0.0 if not answers or not reading.content else 1.0 if reading.finite else 2.0
    return weight(reading, orders_count=with_assistant) + bonus < ENOUGH


def is_empty(reading: Reading) -> bool:
    """Whether a sentence of a document is empty: no words, or a line that only announces the next ("Put in:")."""
    if not any(character.isalnum() for character in reading.text):
        return True
    return not reading.foreign and _announces(reading) and len(reading.tokens) < 9


def _announces(reading: Reading) -> bool:
    return bool(_ANNOUNCES().search(reading.text)) and len(reading.content) < 2 and not reading.figures


def weight(reading: Reading, *, orders_count: bool = False) -> float:
    """How much there is in a sentence to remember; see `ENOUGH`."""
    if reading.question and not _states(reading):
        return -5.0
    core = reading.core
    total = _substance(reading)
    if _FORMULA().match(core):
        total -= 4.0
    if _announces(reading):
        total -= 3.0
    if _GENERIC_YOU().match(core):
        total -= 0.5 if len(reading.content) > 1 else 3.0
    elif _ADDRESSED().match(core):
        total -= 3.0
    elif _YOURS().match(core):
        total -= 1.5
    elif _ORDER().match(core):
        total += 1.0 if orders_count else -5.0
    elif _REACTION().match(core):
        total -= 0.0 if _DESCRIPTION().match(core) else 1.5
    if _OFFER().match(core):
        total -= 1.5
    if not reading.finite:
        total -= 1.0 if reading.text.rstrip()[-1:] != "!" or reading.figures else 2.5
    return total


def _substance(reading: Reading) -> float:
    """What speaks for a sentence."""
    core, distinct = reading.core, len(set(reading.content))
    total = 0.5 + min(distinct, 6) if distinct else 0.0
    if reading.names:
        total += 2.0
    if _DIGIT().search(core) or _COUNTED().search(core):
        total += 3.5
    elif reading.figures:
        total += 1.5
    if _DATED().search(core):
        total += 2.0
    if _OWN().match(core) and (distinct or total):
        total += 1.0
    elif _OTHERS().match(core):
        total += 0.5
    if _KIN().search(core):
        total += 1.0
    if distinct and is_told(reading):
        total += 0.5
    if _BEING().match(core):
        total += 1.0
    if _TASTE().search(core):
        total += 1.5
    return total


def _states(reading: Reading) -> bool:
    """Whether a question tells something: "Did I tell you I got the job at Lund?"."""
    return bool(_TELLS().match(reading.core)) and len(reading.content) > 0
