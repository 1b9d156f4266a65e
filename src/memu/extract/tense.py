"""Whether the words around an expression speak of the past or of what is to come."""

from typing import Literal

from memu.extract.patterns import any_of, lazy

Tense = Literal["past", "future"]

_IRREGULAR = (
    "was were had did went got saw met took made came bought ate ran won lost gave told said found felt left began "
    "drove flew spent broke brought caught chose fell forgot grew heard held kept knew led learnt paid rode sang "
    "(?-i:sat) sent slept sold spoke stood swam taught thought threw understood woke wore wrote became built been "
    "done gone seen taken given written driven quit wasn't weren't hadn't didn't couldn't hit hurt"
)
_NOT_PAST = (
    "need feed speed seed weed bed red embed indeed exceed proceed succeed excited scheduled supposed planned booked "
    "interested invited tired married worried used hundred allowed based limited signed registered enrolled entered "
    "arranged"
)
_LOOKING_AHEAD = (
    "plan plans planning planned scheduled booked supposed hope hoping want wants need needs have has aim intend "
    "excited thinking ready looking\\s+forward can['’]t\\s+wait signed\\s+up registered enrolled entered arranged "
    "tickets?"
)
_PRESENT = (
    "go goes leave fly move meet see return start open end arrive is are be can could may might would must should "
    "starts? begins? opens? leaves? arrives? ends? closes? takes\\s+place i['’]d we['’]d"
)
_MARKER = lazy(
    r"(?P<planned>\b(?:was|were|had)\s+(?:going|planning|supposed|hoping)\s+to\b)"
    rf"|(?P<future>\b(?:will|won['’]t|shall|gonna|wanna|going\s+to|let['’]?s|upcoming|due)\b|['’]ll\b"
    rf"|\b{any_of(_LOOKING_AHEAD)}\s+(?:to|for|about|of|on)\b"
    r"|(?:\b(?:am|is|are)|['’](?:m|re|s))\s+(?:\w+ly\s+|not\s+|all\s+|both\s+)?(?!being)\w{2,15}ing\b)"
    rf"|(?P<past>\b{any_of(_IRREGULAR)}\b|\b(?!{any_of(_NOT_PAST)}\b)[a-z]{{2,15}}ed\b)"
    rf"|(?P<present>\b{any_of(_PRESENT)}\b|['’](?:s|re)\b)"
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
