"""Whether the words around an expression speak of the past or of what is to come."""

from typing import Literal

from memu.extract.patterns import any_of, lazy
from memu.extract.vocabulary import NOT_VERBS, PAST_FORMS

Tense = Literal["past", "future"]

_PAST = any_of([*sorted(PAST_FORMS - {"sat"}), "(?-i:sat)", "quit", "hit", "hurt", "done", "gone", "been"])
_NOT_PAST = any_of(
    "\\w*eed bed red embed excited scheduled supposed planned booked interested invited tired married worried used "
    "hundred allowed based limited signed registered enrolled entered arranged"
)
_LOOKING_AHEAD = any_of(
    "plans? planning planned scheduled booked supposed hop(?:e|ing) wants? needs? have has aim intend excited thinking "
    "ready looking_forward can't_wait signed_up registered enrolled entered arranged tickets?"
)
_COMING = any_of("will won't shall gonna wanna going_to let'?s upcoming due")
_PRESENT = any_of(
    "go goes leaves? fly move meet see return starts? begins? opens? ends? closes? arrives? takes_place is are be can "
    "could may might would must should i'd we'd"
)
_MARKER = lazy(
    r"(?P<planned>\b(?:was|were|had)\s+(?:going|planning|supposed|hoping)\s+to\b)"
    rf"|(?P<future>\b{_COMING}\b|['’]ll\b"
    rf"|\b{_LOOKING_AHEAD}\s+(?:to|for|about|of|on)\b"
    rf"|(?:\b(?:am|is|are)|['’](?:m|re|s))\s+(?:\w+ly\s+|not\s+|all\s+|both\s+)?(?!{any_of(NOT_VERBS)}\b)\w{{2,15}}ing\b)"
    rf"|(?P<past>\b{_PAST}\b|\b(?!{_NOT_PAST}\b)[a-z]{{2,15}}ed\b)"
    rf"|(?P<present>\b{_PRESENT}\b|['’](?:s|re)\b)"
)


def tense_near(text: str, position: int, *, reach: int = 160, sure: bool = False) -> Tense | None:
    """The tense of the verb nearest to `position`, at most `reach` characters away; None without any.

    The present counts as future ("The exam is on Friday"), but only where no other verb is near; with `sure` it does
    not count at all.
    """
    nearest: dict[str, int] = {}
    for match in _MARKER().finditer(text, max(0, position - reach), position + reach):
        distance = min(abs(match.start() - position), abs(match.end() - position))
        kind = "past" if match["past"] or match["planned"] else "future" if match["future"] else "present"
        nearest[kind] = min(distance, nearest.get(kind, distance))
    if "past" in nearest or "future" in nearest:
        return "past" if nearest.get("past", reach + 1) <= nearest.get("future", reach + 1) else "future"
    return "future" if "present" in nearest and not sure else None
