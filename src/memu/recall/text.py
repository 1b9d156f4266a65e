"""Words to search by: tokens of any script, folded and stemmed, without the words that say nothing."""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

from memu.errors import ConfigError
from memu.forked import Lock

CACHED_WORDS = 65_536

_ENGLISH = """
    a about again all also am an and any are as at be because been being but by can could d did do does doing don down
    for from had has have having he her here hers him his how i if in into is isn it its itself just ll m many me more
    most much my no nor not now of off on once only or other our out over own re s same she should so some such t than
    that the their them then there these they this those through time times to too under until up ve very was we were
    what when where which while who whom why will with would you your
"""
ENGLISH_STOP_WORDS = frozenset(_ENGLISH.split())

_IGNORED = re.compile("[\u00ad\u200d\u2060\ufeff]+")  # soft hyphen, joiners and the byte order mark
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"})
_LATIN_MARKS = re.compile("(?<=[a-z])[\u0300-\u036f]+")
# Scripts that are written without spaces between words: Thai, Lao, Myanmar, Khmer, kana, Han, Hangul.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]+"
)
_EMOJI = "[\U0001f1e6-\U0001f1ff]{2}|[\u2600-\u27bf\u2b50\U0001f300-\U0001f3fa\U0001f400-\U0001faff]"
_NUMBER = r"\d{1,3}(?:,\d{3}){1,20}(?!\d)|(?<![\d.])\d{1,50}\.\d{1,50}(?!\.?\d)"
# A run of more than a hundred characters is no word but data; it is cut, so that no term is ever larger.
_ASCII_TOKEN = re.compile(rf"{_NUMBER}|[a-z0-9]{{1,100}}")
_FOLD_FIRST = ("english", "porter", "none")  # their stemmers know no accents, so "café" and "cafe" must meet before


class Analyzer:
    """Turns a text into the terms under which it is found; the same for an entry and for a query.

    Words are compared after NFKC and case folding, without Latin accents ("Café" is "cafe"; the marks of other scripts
    stay), by their Snowball stem. Scripts without spaces give overlapping pairs of characters. Numbers keep their
    decimal point and lose their thousands separators; an emoji is a word. Thread-safe.
    """

    def __init__(self, language: str = "english") -> None:
        """Choose the stemmer by its name; "none" leaves words unstemmed.

        Raises:
            ConfigError: there is no stemmer of this name.
        """
        self.language = language
        self.term: Callable[[str], str] = lru_cache(CACHED_WORDS)(_term_maker(language))
        """The term of one token; "" for a stop word."""

    def terms(self, text: str) -> list[str]:
        """The terms of a text in its order, repeated as often as they occur."""
        return [term for term in map(self.term, tokens(text)) if term]


@lru_cache(maxsize=8)
def analyzer(language: str = "english") -> Analyzer:
    """The analyzer of a language; all indexes of one language share it and its cache."""
    return Analyzer(language)


def tokens(text: str) -> list[str]:
    """The words, numbers, emoji and character pairs of a text, case-folded, otherwise as written."""
    if text.isascii():
        return _ASCII_TOKEN.findall(text.lower())
    text = unicodedata.normalize("NFKC", _IGNORED.sub("", text)).casefold()
    found: list[str] = []
    for token in _unicode_token().findall(unicodedata.normalize("NFKC", text).replace("_", " ")):
        if token.isascii() or not _UNSPACED.search(token):
            found.append(token)
        else:
            found.extend(_split_unspaced(token))
    return found


def fold_accents(word: str) -> str:
    """A case-folded word without the accents of its Latin letters; other scripts keep all their marks."""
    if word.isascii():
        return word
    decomposed = unicodedata.normalize("NFD", word.translate(_LETTERS))
    return unicodedata.normalize("NFC", _LATIN_MARKS.sub("", decomposed))


def _split_unspaced(token: str) -> list[str]:
    """Cut a token into its spaced parts, whole, and its unspaced runs, as overlapping pairs of characters."""
    parts: list[str] = []
    end = 0
    for run in _UNSPACED.finditer(token):
        parts.append(token[end : run.start()])
        parts.extend(_pairs(run.group()))
        end = run.end()
    parts.append(token[end:])
    return [part for part in parts if part]


def _pairs(run: str) -> list[str]:
    """Overlapping pairs of the characters of a run, each with its marks; a lone character is itself."""
    characters: list[str] = []
    for char in run:
        if characters and unicodedata.category(char) in ("Mn", "Mc"):
            characters[-1] += char
        else:
            characters.append(char)
    if len(characters) == 1:
        return characters
    return [first + second for first, second in pairwise(characters)]


@lru_cache(maxsize=1)
def _unicode_token() -> re.Pattern[str]:
    r"""The tokens of any script; `\w` alone would break words at vowel signs, which are combining marks."""
    marks = "".join(char for char in map(chr, range(0x300, 0x10000)) if unicodedata.category(char) in ("Mn", "Mc"))
    # Beyond the basic plane a range stands for all marks: a list of them makes every search six times slower.
    return re.compile(rf"{_EMOJI}|{_NUMBER}|\w[\w{marks}\U00010000-\U0001efff]{{0,99}}")


def _term_maker(language: str) -> Callable[[str], str]:
    """The function from token to term of one language."""
    stem = _stemmer(language)
    stop_words = ENGLISH_STOP_WORDS if language in ("english", "porter") else frozenset[str]()

    def term(token: str) -> str:
        if "," in token:
            return token.replace(",", "")
        if language in _FOLD_FIRST:
            word = fold_accents(token)
            return "" if word in stop_words else stem(word)
        return fold_accents(stem(token))

    return term


def _stemmer(language: str) -> Callable[[str], str]:
    """The Snowball stemmer of a language, behind a lock because it keeps its word in itself while it works."""
    if language == "none":
        return str
    import snowballstemmer

    known = snowballstemmer.algorithms()
    if language not in known:
        names = ", ".join([*known, "none"])
        raise ConfigError(f"there is no stemmer for language {language!r}: expected one of {names}.")
    stem: Callable[[str], str] = snowballstemmer.stemmer(language).stemWord
    lock = Lock()

    def locked(word: str) -> str:
        with lock:
            return stem(word)

    return locked
