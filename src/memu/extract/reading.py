"""What a sentence is made of, read once for all rules that ask."""

from collections.abc import Collection
from dataclasses import dataclass

from memu.extract.patterns import any_of, lazy, words
from memu.extract.sentences import EMOJI
from memu.extract.vocabulary import FINITE, FOREIGN, FUNCTION, LIGHT, NUMBERS, PAST_FORMS, PLAIN_VERBS

_OPENERS = any_of(
    "oh ah aw+ wow whoa woah hey+ hi hiya hello yo dear yes yeah yep yup no nope nah ok okay alright right sure well "
    "so anyways? um+ uh+ hm+ mm+ haha\\w* hehe\\w* lol ha ugh oops yay omg thanks thank_you cheers sorry great cool "
    "nice perfect awesome amazing brilliant excellent lovely wonderful good exactly absolutely totally definitely "
    "honestly actually seriously congrats congratulations by_the_way btw also look listen you_know i_mean guess_what "
    "same_here me_too true indeed of_course fair_enough got_it noted no_worries no_problem i_know "
    "(?:good|bad|great)_news"
)
_OPENER = lazy(
    rf"\s*(?:{_OPENERS}(?:\s+(?:so\s+much|a\s+lot|again|very\s+much|man|dude|mate))?(?:,?\s+(?-i:[A-Z])\w+)?"
    r"\s*[,!.…:;—–-]+|(?:and|but|so|oh|well|then|also|plus|you\s+know)\b,?)\s*"
)
_CALLED = lazy(r",\s+(?-i:[A-Z])\w+(?:\s+x+)?(?=[\s.!?…]*$)")
_TRIMMING = EMOJI[:-1] + r"\s.!…,;:\"'”’»)(*_~–—-]"
_TRIMMINGS = lazy(rf"(?<!{_TRIMMING}){_TRIMMING}++$")
_TAGS = any_of("would_you_believe(?:_it)? you_know right huh eh isn't_(?:it|he|she|that) don't_you_think no ok")
_TAG = lazy(rf",\s+{_TAGS}\s*\?+$")
_TOKEN = lazy(r"[^\W\d_]+(?:-[^\W\d_]+)*|[£$€¥]?\d+(?:[.,:/]\d+)*[%°]?")
_DETERMINERS = words("a an the my our your his her their very some")
_LATIN = lazy(r"[a-zà-ɏ]")
_OTHER_SCRIPT = lazy(r"[^\W\d_a-zà-ɏ]")
_NAME_VERB = lazy(r"\W*(?:(?-i:[A-Z][a-zà-ɏ]+)|(?:my|our|his|her|their|the)\s+\w+)\s+(?-i:[a-z]{2,}[^s\W]s)\s+\w")
_FIRST_WORD = lazy(r"^\W*([^\W\d_]+)")
_NAME = lazy(r"(?<=[^.!?:…\"“(\s]\s)(?-i:[A-Z][^\W\d_]*[a-zà-ɏ][^\W\d_]*)")


@dataclass(frozen=True, slots=True)
class Reading:
    """One sentence, as the rules see it.

    Attributes:
        text: the sentence.
        core: the sentence without greetings, thanks, fillers and names called at its ends; may be empty.
        tokens: the words and figures of the core, in small letters, clitics apart ("i", "m").
        content: those words of the core that are neither function words nor light ones.
        figures: numbers in the core that count or date something.
        names: words inside the core that are written with a capital, "I" excepted.
        named: the core begins with a word known to be a name.
        question: it ends as a question, and not with a mere tag ("…, right?").
        finite: it has a subject or a verb form of its own; without, it is a fragment.
        foreign: it is, as far as can be seen, not English.
    """

    text: str
    core: str
    tokens: tuple[str, ...]
    content: tuple[str, ...]
    figures: int
    names: int
    named: bool
    question: bool
    finite: bool
    foreign: bool


def read_sentence(text: str, *, names: Collection[str] = (), foreign: bool = False) -> Reading:
    """Read one sentence; works for any text and is linear in its length.

    `names` are words known to be names, which tell one at the beginning of a sentence; `foreign` says that the text
    around is not English.
    """
    core = strip_openers(text)
    core = _CALLED().sub("", core)
    tokens = tuple(found.casefold() for found in _TOKEN().findall(core))
    content = tuple(
        t for t in tokens if t not in FUNCTION and t not in LIGHT and t not in NUMBERS and not _is_figure(t)
    )
    capitals = [*_NAME().findall(core), *(name for name in (first_word(core),) if name in names)]
    bare = _TRIMMINGS().sub("", text)
    return Reading(
        text=text,
        core=core,
        tokens=tokens,
        content=tuple(word for word in content if len(word) > 1),
        figures=sum(1 for token in tokens if _is_figure(token) or token in NUMBERS),
        names=0 if core.isupper() else sum(name.casefold() not in FUNCTION for name in capitals),
        named=first_word(core) in names,
        question=bare.endswith(("?", "？", "؟")) and not _TAG().search(bare),
        finite=_is_finite(core, tokens),
        foreign=foreign or is_foreign(text),
    )


def strip_openers(text: str) -> str:
    """The sentence without the interjections, thanks and fillers that it begins with."""
    position = 0
    for _ in range(4):
        match = _OPENER().match(text, position)
        if match is None or match.end() == position:
            break
        position = match.end()
    return text[position:]


def _is_finite(core: str, tokens: tuple[str, ...]) -> bool:
    """Whether there is a subject pronoun or a verb; "a retired baker" holds none."""
    previous = ""
    for token in tokens:
        if token in FINITE or (_is_past(token) and previous not in _DETERMINERS):
            return True
        if previous and token in PLAIN_VERBS:
            return True
        previous = token
    first = first_word(core).casefold()
    return first not in NUMBERS and first not in LIGHT and bool(_NAME_VERB().match(core))


def _is_past(token: str) -> bool:
    return len(token) > 3 and token.endswith("ed") and not token.endswith("eed")


def _is_figure(token: str) -> bool:
    return token[0].isdigit() or token[0] in "£$€¥"


def is_foreign(text: str) -> bool:
    """Whether words are of another script, or hold more function words of other languages than of English."""
    others = len(_OTHER_SCRIPT().findall(text))
    if others > 1 and others * 2 > len(_LATIN().findall(text)):
        return True
    tokens = [found.casefold() for found in _TOKEN().findall(text)]
    return sum(token in FOREIGN for token in tokens) > sum(token in FUNCTION or token in LIGHT for token in tokens)


def first_word(text: str) -> str:
    """The first word of a text, as it is written; empty without one."""
    match = _FIRST_WORD().match(text)
    return match[1] if match else ""


def is_told(reading: Reading) -> bool:
    """Whether there is a verb in the past among the words."""
    return any(token in PAST_FORMS or _is_past(token) for token in reading.tokens)


def names_in(text: str) -> set[str]:
    """The words that are written with a capital inside sentences."""
    return {name for name in _NAME().findall(text) if name.casefold() not in FUNCTION}
