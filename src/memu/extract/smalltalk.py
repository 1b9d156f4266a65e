"""Whether a sentence of a conversation carries anything worth remembering.

Formulas of politeness are known by their form; for the rest, what speaks for a sentence (figures, dates, names, words
with content, somebody's own affairs) is weighed against what speaks against it (a question, a remark about the other,
an order, a mere reaction). The rules are English. A sentence in another language is not small talk by mere ignorance.
"""

from memu.extract.patterns import any_of, lazy
from memu.extract.reading import Reading
from memu.extract.vocabulary import BARE_VERBS, PAST_FORMS

ENOUGH = 2.5
"""The weight from which on a sentence is kept."""

_FORMULA = lazy(
    r"(?:i['’]?m\s+|we['’]?re\s+|i\s+am\s+|it['’]?s\s+)?(?:so|really|very|just|truly|super|also)?\s*(?:"
    r"(?:glad|happy|sorry|proud|pleased|delighted|thrilled|stoked|excited|sad)\s+(?:to\s+(?:hear|see|know|help)"
    r"|for\s+(?:you|them|him|her)"
    r"|of\s+you|that\s+you|you|i\s+could|it\s+(?:helped|worked))"
    r"|(?:good|great|nice|lovely|awesome|wonderful)\s+to\s+(?:see|hear|meet|talk|chat|know|catch)"
    r"|rooting\s+for|here\s+for\s+you|with\s+you\b|all\s+ears|(?:the\s+)?(?:worst|best)\W*$)"
    r"|(?:many\s+)?(?:thanks|thank\s+you|thx|cheers)\b(?:\s+(?:so\s+much|a\s+lot|again|very\s+much))?\s*(?:for|to"
    r"|anyway|$|\W)"
    r"|(?:i\s+)?(?:really\s+|so\s+)?appreciate\s+(?:it|that|you|your|the)"
    r"|(?:happy|merry)\s+(?:belated\s+)?(?:birthday|new\s+year|christmas|easter|holidays|anniversary|weekend)"
    r"|good\s+(?:morning|afternoon|evening|night|luck|job|call|point|one|for\s+you|idea|question)|night\b"
    r"|(?:good)?bye\b"
    r"|congrat\w*|well\s+done|way\s+to\s+go|hats\s+off|all\s+the\s+best|best\s+(?:wishes|of\s+luck)|bless\s+you"
    r"|(?:have|enjoy)\s+(?:a|an|your|the|fun|yourself)\b|get\s+well|take\s+care|sleep\s+(?:well|tight)"
    r"|safe\s+(?:travels|trip|journey|flight)"
    r"|(?:see|catch|talk\s+to|speak\s+to|chat\s+with)\s+(?:you|ya)\b|(?:talk|speak|chat|catch\s+up)\s+(?:soon"
    r"|later|then|tomorrow)"
    r"|(?:i['’]?ve\s+|i\s+have\s+|i\s+)?(?:got\s+to|gotta|have\s+to|need\s+to|must|better|should)\s+(?:go|run|dash"
    r"|leave|head)\b"
    r"|let\s+me\s+(?:know|see|think|check)|keep\s+(?:me\s+posted|it\s+up|going|at\s+it)|fingers\s+crossed"
    r"|(?:i\s+)?can['’]?t\s+wait\s*(?:$|\W*$|to\s+(?:hear|see|meet|catch))"
    r"|(?:i['’]?m\s+)?looking\s+forward\s+to\s+(?:it|that|hearing|seeing)"
    r"|(?:i\s+)?(?:totally|completely|fully|absolutely|definitely|really)?\s*(?:agree|understand|see|know|get\s+it"
    r"|hear\s+you|bet|guess|hope|think|feel)"
    r"(?:\s+(?:so|you|what\s+you\s+mean|it|that|the\s+same|how\s+you\s+feel|with\s+you|like\s+it))*\W*(?:too"
    r"|either)?\W*$"
    r"|no\s+(?:problem|worries|way|idea|doubt|kidding|rush|need|pressure|comment)\b|(?:don['’]?t|never)\s+(?:worry"
    r"|mention|mind|you\s+dare)"
    r"|my\s+pleasure|any\s*time|(?:as\s+)?told\s+you|guess\s+(?:what|who|where)|same\s+here|me\s+(?:too|neither)"
    r"|likewise|will\s+do|sounds\s+"
    r"|(?:i\s+)?hope\s+(?:you|it|that|this|to\s+see|all|everything)|wish(?:ing)?\s+(?:you|me)"
    r"|(?:you\s+can\s+)?count\s+on"
    r"|what\s+(?:a|an)\s|how\s+(?:\w+\s+)?(?:cool|nice|lovely|sweet|cute|funny|exciting|awful|sad|weird|strange"
    r"|wonderful|awesome)\b"
    r"|(?:i['’]?ve|i\s+have|i['’]?ve\s+got|i\s+got|i\s+do\s+have)\s+(?:got\s+)?(?:a\s+"
    r"|some\s+)?(?:\w+\s+)?(?:news\b|something\s+to\b|(?:question|confession)\b)"
    r"|(?:of\s+)?course\b(?!\W*\w+\W+\w+\W+\w+)|i\s+(?:adore|love|hate)\s+(?:it|that|this|him|her|them|you)\W*$"
    r"|(?:i['’]?m\s+|i['’]?d\s+be\s+|i\s+am\s+)?(?:happy|here|glad)\s+to\s+help|feel\s+free|at\s+your\s+service"
    r"|(?:poor|silly|lucky|clever|good|bad)\s+(?:old\s+)?(?:you|thing|boy|girl|me|old)\b"
)
_ADDRESSED = lazy(r"(?:you|u|y['’]?all)\b(?:['’](?:re|ve|ll|d)|\s+\w+)")
_YOURS = lazy(r"your\b")
_ORDER = lazy(
    rf"(?:please\s+|just\s+|now\s+|do\s+)?(?:{any_of(BARE_VERBS)}\b(?!['’]))(?!\s+(?:is|was|are|were|has|had)\b)"
)
_REACTION = lazy(
    r"(?:(?:that|this|it|these|those|which)(?:['’]s|['’]d|['’]ll|\s+(?:is|was|were|are|really|sure|must|would|will"
    r"|sounds?|looks?|seems?|feels?"
    r"|makes?|means?|felt|sounded|looked|helps?))|there\s+(?:is|are)|there['’]s|must\s+(?:be|have)|sounds?|looks?"
    r"|feels?)\b"
)
_OWN = lazy(r"(?:i|we|my|our|me|let['’]?s)\b")
_TOLD = lazy(rf"(?:i|we|he|she|they)\s+(?:\w+\s+)?(?:{any_of(PAST_FORMS)}|[a-z]{{2,}}(?<!e)ed)\b")
_OTHERS = lazy(r"(?:he|she|they|his|her|their)\b")
_KIN = lazy(
    r"\b(?:mum|mom|mother|dad|father|parents?|sister|brother|wife|husband|son|daughter|kids?|child|children|baby"
    r"|grand\w+|aunt|uncle"
    r"|cousin|girlfriend|boyfriend|partner|boss|colleagues?|roommate|flatmate|neighbou?rs?|dog|cat|puppy|kitten)\b"
)
_OFFER = lazy(r"(?:i|we)(?:['’]ll|\s+(?:will|can|could|would))\b.{0,40}\b(?:you|your)\b")
_DATED = lazy(
    r"\b(?:(?:mon|tues|wednes|thurs|fri|satur|sun)days?|january|february|march|april|june|july|august|september"
    r"|october|november"
    r"|december|(?-i:May)|yesterday|tomorrow|tonight|christmas|easter|spring|summer|autumn|winter"
    r"|(?:last|next|this|every|a|per)\s+(?:day|night|week|weekend|month|year|time)|ago|daily|weekly|o['’]clock"
    r"|noon|midnight)\b"
)
_COUNTED = lazy(
    r"\b(?:\d[\d.,:]*|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty"
    r"|thirty)\s+(?!of\b)[a-z]{3,}"
)
_ANNOUNCES = lazy(r":\s*$")


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
    if _ADDRESSED().match(core):
        total -= 3.0
    elif _YOURS().match(core):
        total -= 1.5
    elif _ORDER().match(core):
        total += 1.0 if orders_count else -5.0
    elif _REACTION().match(core):
        total -= 1.5
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
    if any(not token.isalpha() and any(c.isdigit() for c in token) for token in reading.tokens) or _COUNTED().search(
        core
    ):
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
    if distinct and _TOLD().match(core):
        total += 0.5
    return total


_TELLS = lazy(
    r"(?:did|have|do)\s+(?:i|we)\s+(?:tell|told|mention|ever\s+(?:tell|mention))|did\s+you\s+(?:know"
    r"|hear)\s+(?:that\s+|about\s+my|i\b|we\b)"
    r"|(?:can|could)\s+you\s+believe\s+(?:that\s+)?(?:i|we|my|he|she|they)\b|remember\s+(?:when|how|that)\s+(?:i"
    r"|we|my)\b|you\s+know\s+(?:that\s+)?(?:i|we|my)\b"
)


def _states(reading: Reading) -> bool:
    """Whether a question tells something: "Did I tell you I got the job at Lund?"."""
    return bool(_TELLS().match(reading.core)) and len(reading.content) > 0
