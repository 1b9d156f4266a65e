"""Words, scripts, accents, stems and stop words."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memu.errors import ConfigError
from memu.recall import text as text_module
from memu.recall.text import Analyzer, analyzer, fold_accents, tokens

english = analyzer().terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Running dogs RAN", ["run", "dog", "ran"]),
        ("Caroline's 'quoted' words", ["carolin", "quot", "word"]),
        ("Caroline’s “quoted” words", ["carolin", "quot", "word"]),
        ("don't won’t I'm they've", ["won"]),
        ("O'Brien-Smith", ["o", "brien", "smith"]),
        ("snake_case and kebab-case", ["snake", "case", "kebab", "case"]),
        ("co\u00adoperate zero\u200djoined", ["cooper", "zerojoin"]),
        ("", []),
        ("… — !?", []),
    ],
)
def test_english_words(text: str, expected: list[str]) -> None:
    assert english(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3.5 km in 2023.", ["3.5", "km", "in", "2023"]),
        ("it cost 1,000,000 or 1000000", ["it", "cost", "1,000,000", "or", "1000000"]),
        ("2023-05-07 and 7.5.2023", ["2023", "05", "07", "and", "7", "5", "2023"]),
        ("1,2,3", ["1", "2", "3"]),
        ("version 3.11.2", ["version", "3", "11", "2"]),
        ("the 7th covid19 wave", ["the", "7th", "covid19", "wave"]),
        ("０４２ ½ ①", ["042", "1", "2", "1"]),
    ],
)
def test_numbers(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


def test_thousands_separators_do_not_matter() -> None:
    assert english("$1,000") == english("1000 $")


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("café", "cafe"),
        ("cafe\u0301", "cafe"),
        ("ÜNÏCÖDÉ", "unicode"),
        ("Łódź", "lodz"),
        ("Ærøskøbing", "aeroskobing"),
        ("straße", "strasse"),
        ("Việt Nam", "viet nam"),
        ("ﬁlm", "film"),
        ("Ｈｅｌｌｏ", "hello"),
    ],
)
def test_latin_accents_and_compatibility_forms_are_folded(written: str, folded: str) -> None:
    assert Analyzer("none").terms(written) == folded.split()
    assert english(written) == english(folded)


@pytest.mark.parametrize("pair", [("йод", "иод"), ("が", "か"), ("हिन्दी", "हनद"), ("กี่", "กา"), ("ό", "ο"), ("ﺏ", "ت")])
def test_other_scripts_keep_their_identity(pair: tuple[str, str]) -> None:
    assert english(pair[0]) != english(pair[1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("東京都", ["東京", "京都"]),
        ("猫", ["猫"]),
        ("猫。犬", ["猫", "犬"]),
        ("ひらがな", ["ひら", "らが", "がな"]),
        ("コンピュータ", ["コン", "ンピ", "ピュ", "ュー", "ータ"]),
        ("한국어 책", ["한국", "국어", "책"]),
        ("ｶﾀｶﾅ", ["カタ", "タカ", "カナ"]),
        ("iPhone用ケース15", ["iphone", "用ケ", "ケー", "ース", "15"]),
        ("か\u3099く", ["がく"]),
    ],
)
def test_scripts_without_spaces_give_pairs(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("हिन्दी में किताबें", ["हिन्दी", "में", "किताबें"]),
        ("বাংলা ভাষা", ["বাংলা", "ভাষা"]),
        ("மொழி", ["மொழி"]),
        ("שלום עולם", ["שלום", "עולם"]),
        ("привет, мир!", ["привет", "мир"]),
    ],
)
def test_spaced_scripts_keep_whole_words(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


def test_thai_marks_stay_with_their_letter() -> None:
    assert tokens("ที่นี่") == ["ที่นี่"]
    assert tokens("ที่นี่ดี") == ["ที่นี่", "นี่ดี"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("love 😀👍🏽", ["love", "😀", "👍"]),
        ("❤️ ❤", ["❤", "❤"]),
        ("🇩🇪🇫🇷", ["🇩🇪", "🇫🇷"]),
        ("👩\u200d👧", ["👩", "👧"]),
    ],
)
def test_emoji_are_words(text: str, expected: list[str]) -> None:
    assert english(text) == expected


def test_stop_words_are_english_only() -> None:
    assert english("what is the and of") == []
    assert Analyzer("none").terms("what is the") == ["what", "is", "the"]
    assert Analyzer("german").terms("was ist the") == ["was", "ist", "the"]


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("german", "Häuser", "haus"),
        ("french", "élèves", "élève"),
        ("spanish", "canciones", "canción"),
        ("russian", "книгами", "книга"),
        ("english", "generalizations", "generalization"),
    ],
)
def test_stems_meet_in_their_language(language: str, one: str, other: str) -> None:
    terms = analyzer(language).terms
    assert terms(one) == terms(other)
    assert len(set(Analyzer("none").terms(f"{one} {other}"))) == 2


def test_an_unknown_language_is_named_with_those_that_are_known() -> None:
    with pytest.raises(ConfigError, match=r"'klingon'.*arabic.*english.*yiddish, none"):
        Analyzer("klingon")


def test_a_huge_word_is_cut() -> None:
    assert {len(token) for token in tokens("x" * 1000)} == {100}
    assert {len(token) for token in tokens("ж" * 1000)} == {100}
    assert tokens("1" * 100_000)[0] == "1" * 100


def test_the_cache_of_stems_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_module, "CACHED_WORDS", 50)
    small = Analyzer()
    small.terms(" ".join(f"w{number}" for number in range(70)))
    assert small.term.cache_info().currsize == 50  # type: ignore[attr-defined]


def test_threads_share_one_stemmer_safely() -> None:
    words = [f"{stem}{ending}" for stem in ("connect", "relat", "general") for ending in ("ions", "ing", "ed", "ally")]
    expected = {word: Analyzer().terms(word) for word in words}
    wrong: list[str] = []

    def work() -> None:
        for _ in range(30):
            fresh_words = [word for word in words if shared.terms(word) != expected[word]]
            wrong.extend(fresh_words)
            shared.term.cache_clear()  # type: ignore[attr-defined]

    shared = Analyzer()
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@given(st.text(st.characters(codec="ascii")))
def test_plain_text_is_read_the_same_on_both_paths(text: str) -> None:
    assert tokens(text) == tokens(text + " é")[:-1]


@given(st.text())
def test_any_text_gives_clean_terms(text: str) -> None:
    for token in tokens(text):
        assert token
        assert len(token) <= 150
        assert not any(char.isspace() for char in token)
    assert english(text) == english(text)


@given(st.text(st.characters(categories=["Ll", "Lu", "Lo", "Mn"])))
def test_folding_twice_changes_nothing(text: str) -> None:
    once = fold_accents(text.casefold())
    assert fold_accents(once) == once


@given(st.text(st.characters(min_codepoint=0x400, categories=["Lo", "Lu", "Ll"])))
def test_letters_beyond_latin_are_never_lost(text: str) -> None:
    assert bool(tokens(text)) == bool(text)
