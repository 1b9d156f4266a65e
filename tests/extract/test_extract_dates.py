"""What `resolve_date` makes of expressions, by the conventions in tests/data/README.md."""

import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memu.extract.dates import When, resolve_date
from memu.extract.patterns import words

WEDNESDAY = datetime(2023, 6, 14, 15, 30, tzinfo=UTC)
MONDAY = datetime(2023, 8, 21, 9, 0, tzinfo=UTC)
SATURDAY = datetime(2024, 2, 3, 22, 0, tzinfo=UTC)


def span(when: When | None) -> tuple[str, str] | None:
    if when is None:
        return None
    return when.start.date().isoformat(), (when.end - timedelta(days=1)).date().isoformat()


def one(day: str) -> tuple[str, str]:
    return day, day


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("I went there yesterday.", WEDNESDAY, one("2023-06-13")),
        ("The day before yesterday we met.", WEDNESDAY, one("2023-06-12")),
        ("We leave the day after tomorrow.", WEDNESDAY, one("2023-06-16")),
        ("I started a new job today!", WEDNESDAY, one("2023-06-14")),
        ("I made soup last night.", WEDNESDAY, one("2023-06-13")),
        ("This morning I ran 10 km.", WEDNESDAY, one("2023-06-14")),
        ("Dinner is at eight tonight.", WEDNESDAY, one("2023-06-14")),
        ("Last Friday I quit.", WEDNESDAY, one("2023-06-09")),
        ("Last Wednesday I quit.", WEDNESDAY, one("2023-06-07")),
        ("I saw her last Tues. at the gym.", WEDNESDAY, one("2023-06-13")),
        ("We are meeting this Friday.", WEDNESDAY, one("2023-06-16")),
        ("I'll call you next Friday.", WEDNESDAY, one("2023-06-23")),
        ("I'll call you next Monday.", WEDNESDAY, one("2023-06-19")),
        ("I won the game on Friday.", WEDNESDAY, one("2023-06-09")),
        ("The exam is on Friday.", WEDNESDAY, one("2023-06-16")),
        ("I'm flying out on Saturday.", WEDNESDAY, one("2023-06-17")),
        ("I've been ill since Sunday.", WEDNESDAY, one("2023-06-11")),
        ("Tuesday last week was a disaster.", WEDNESDAY, one("2023-06-06")),
        ("Last week on Tuesday I fell.", WEDNESDAY, one("2023-06-06")),
        ("The Friday before last I fell.", WEDNESDAY, one("2023-06-02")),
        ("A week from Friday we move.", WEDNESDAY, one("2023-06-23")),
        ("We move Friday week.", WEDNESDAY, one("2023-06-23")),
        ("A week tomorrow I fly.", WEDNESDAY, one("2023-06-22")),
        ("We leave in a fortnight.", WEDNESDAY, one("2023-06-28")),
        ("The first of May was sunny.", WEDNESDAY, one("2023-05-01")),
        ("On the first Monday of July we meet.", WEDNESDAY, one("2023-07-03")),
        ("The party is on Sat 16 Sept.", WEDNESDAY, one("2023-09-16")),
        ("On Friday 23 June at 5 pm we meet.", WEDNESDAY, one("2023-06-23")),
        ("The deadline is Friday the 23rd.", WEDNESDAY, one("2023-06-23")),
        ("The summer before last we sailed.", WEDNESDAY, ("2021-06-01", "2021-08-31")),
        ("It was the night of 3 May.", WEDNESDAY, one("2023-05-03")),
        ("On the Monday of next week I start.", WEDNESDAY, one("2023-06-19")),
        ("We'll hike the coming weekend.", WEDNESDAY, ("2023-06-17", "2023-06-18")),
        ("At the end of 2021 we moved.", WEDNESDAY, ("2021-01-01", "2021-12-31")),
        ("I'm vegan for January.", datetime(2025, 1, 11, tzinfo=UTC), ("2025-01-01", "2025-01-31")),
        ("We moved last week.", WEDNESDAY, ("2023-06-05", "2023-06-11")),
        ("This week has been hard.", WEDNESDAY, ("2023-06-12", "2023-06-18")),
        ("Next week I start.", WEDNESDAY, ("2023-06-19", "2023-06-25")),
        ("The week before last we were away.", WEDNESDAY, ("2023-05-29", "2023-06-04")),
        ("It happened the week before 9 June.", WEDNESDAY, ("2023-06-02", "2023-06-08")),
        ("Two days before Christmas we fly home.", WEDNESDAY, one("2023-12-23")),
        ("It was the day after my exam on 2 June.", WEDNESDAY, one("2023-06-02")),
        ("We arrived the day before 2 June.", WEDNESDAY, one("2023-06-01")),
        ("We'll camp the weekend of 24 June.", WEDNESDAY, ("2023-06-24", "2023-06-25")),
        ("We'll arrive the Friday after 9 July.", WEDNESDAY, one("2023-07-14")),
        ("This past weekend we hiked.", WEDNESDAY, ("2023-06-10", "2023-06-11")),
        ("Last weekend we hiked.", MONDAY, ("2023-08-19", "2023-08-20")),
        ("Last weekend we hiked.", SATURDAY, ("2024-01-27", "2024-01-28")),
        ("This weekend I'm painting.", WEDNESDAY, ("2023-06-17", "2023-06-18")),
        ("Next weekend I'm painting.", WEDNESDAY, ("2023-06-24", "2023-06-25")),
        ("I built a shed over the weekend.", MONDAY, ("2023-08-19", "2023-08-20")),
        ("A couple of days ago I met Ana.", WEDNESDAY, one("2023-06-12")),
        ("Two weeks ago I met Ana.", WEDNESDAY, one("2023-05-31")),
        ("A fortnight ago I met Ana.", WEDNESDAY, one("2023-05-31")),
        ("Three months ago I met Ana.", WEDNESDAY, ("2023-03-01", "2023-03-31")),
        ("A year and a half ago I met Ana.", WEDNESDAY, ("2021-12-01", "2021-12-31")),
        ("One and a half years ago I met Ana.", WEDNESDAY, ("2021-12-01", "2021-12-31")),
        ("Ten years ago I met Ana.", WEDNESDAY, ("2013-01-01", "2013-12-31")),
        ("Two weekends ago we went camping.", WEDNESDAY, ("2023-06-03", "2023-06-04")),
        ("Two hours ago the train broke down.", WEDNESDAY, one("2023-06-14")),
        ("I'm leaving in three weeks.", WEDNESDAY, one("2023-07-05")),
        ("The wedding is in two months' time.", WEDNESDAY, ("2023-08-01", "2023-08-31")),
        ("We'll see each other ten days from now.", WEDNESDAY, one("2023-06-24")),
        ("Last month I got hurt.", WEDNESDAY, ("2023-05-01", "2023-05-31")),
        ("Next year we retire.", WEDNESDAY, ("2024-01-01", "2024-12-31")),
        ("We adopted her last year.", WEDNESDAY, ("2022-01-01", "2022-12-31")),
        ("Last summer we sailed.", WEDNESDAY, ("2022-06-01", "2022-08-31")),
        ("Last summer we sailed.", datetime(2023, 10, 1, tzinfo=UTC), ("2023-06-01", "2023-08-31")),
        ("Last winter was cold.", WEDNESDAY, ("2022-12-01", "2023-02-28")),
        ("Next spring we marry.", WEDNESDAY, ("2024-03-01", "2024-05-31")),
        ("I met him in the autumn.", WEDNESDAY, ("2022-09-01", "2022-11-30")),
        ("In the fall I'll start college.", WEDNESDAY, ("2023-09-01", "2023-11-30")),
        ("I moved here in the summer of 2019.", WEDNESDAY, ("2019-06-01", "2019-08-31")),
        ("Last June I graduated.", MONDAY, ("2023-06-01", "2023-06-30")),
        ("I graduated in May.", WEDNESDAY, ("2023-05-01", "2023-05-31")),
        ("The baby is due in September.", WEDNESDAY, ("2023-09-01", "2023-09-30")),
        ("In early March I moved.", WEDNESDAY, ("2023-03-01", "2023-03-31")),
        ("We met in March 2021.", WEDNESDAY, ("2021-03-01", "2021-03-31")),
        ("I have lived here since 2015.", WEDNESDAY, ("2015-01-01", "2015-12-31")),
        ("We married on 9 June 2018.", WEDNESDAY, one("2018-06-09")),
        ("We married on June 9th, 2018.", WEDNESDAY, one("2018-06-09")),
        ("The party is on the 3rd of August.", WEDNESDAY, one("2023-08-03")),
        ("The party was on 3 August.", WEDNESDAY, one("2022-08-03")),
        ("The fair runs from 9 to 12 July.", WEDNESDAY, ("2023-07-09", "2023-07-12")),
        ("We'll be away July 9-12.", WEDNESDAY, ("2023-07-09", "2023-07-12")),
        ("My appointment is on the 22nd.", WEDNESDAY, one("2023-06-22")),
        ("They called on the 2nd and I said yes.", WEDNESDAY, one("2023-06-02")),
        ("The deadline is 2023-07-01.", WEDNESDAY, one("2023-07-01")),
        ("The deadline was 13.05.2023.", WEDNESDAY, one("2023-05-13")),
        ("The deadline was 05/13/2023.", WEDNESDAY, one("2023-05-13")),
        ("We spent last Christmas in Oslo.", WEDNESDAY, one("2022-12-25")),
        ("We'll be in Oslo for Christmas.", WEDNESDAY, one("2023-12-25")),
        ("On New Year's Eve we're having a party.", WEDNESDAY, one("2023-12-31")),
        ("Easter Monday was lovely, we hiked.", WEDNESDAY, one("2023-04-10")),
        ("Thanksgiving dinner was at Ana's.", datetime(2023, 12, 1, tzinfo=UTC), one("2023-11-23")),
        ("Ich bin am 3. März 2021 umgezogen.", WEDNESDAY, one("2021-03-03")),
        ("2021年3月3日に引っ越しました。", WEDNESDAY, one("2021-03-03")),
    ],
)
def test_expressions(text: str, at: datetime, expected: tuple[str, str]) -> None:
    assert span(resolve_date(text, at)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "You may be right.",
        "We march every Friday.",
        "Wait a second, please.",
        "I've been here for two weeks.",
        "We have practice on Fridays.",
        "I go there three times a week.",
        "She works Monday to Friday.",
        "It costs 12/15 of that.",
        "I run Python 3.11.2 here.",
        "April is my best friend, and June her sister.",
        "May I come in?",
        "He is 30 years old.",
        "Spring rolls are my favourite.",
        "The sun is out, I sat in the park.",
        "I fall asleep early.",
        "I read it in two days.",
        "Today's youth is impatient.",
        "I love Christmas.",
        "We usually eat goose at Christmas.",
        "Call 2023 or 555-01-2023.",
        "It sold 2019 copies at a height of 2000 metres.",
        "That weekend we were away.",
        "We should meet one of these days.",
        "The 3rd floor is quiet.",
        "I don't remember the last time.",
        "Let's talk soon.",
        "In summer we always swim.",
        "The second year was harder.",
        "On 31 February we never met.",
        "I finished it in a week.",
        "Happy Friday!",
        "Thank God it's Friday.",
        "Happy New Year!",
        "My last week of school was fun.",
    ],
)
def test_left_alone(text: str) -> None:
    assert resolve_date(text, WEDNESDAY) is None


def test_words_are_the_expression_as_it_stands() -> None:
    when = resolve_date("So, Last  Friday, I quit.", WEDNESDAY)
    assert when is not None
    assert when.words == "Last  Friday"


def test_without_a_time_only_full_dates_are_resolved() -> None:
    assert resolve_date("I quit last Friday.", None) is None
    assert resolve_date("I quit on 9 June.", None) is None
    assert span(resolve_date("I quit on 9 June 2018.", None)) == one("2018-06-09")
    assert span(resolve_date("I quit in 2018.", None)) == ("2018-01-01", "2018-12-31")
    assert span(resolve_date("The deadline is 2023-07-01.", None)) == one("2023-07-01")


def test_days_begin_at_midnight_where_the_words_were_said() -> None:
    at = datetime(2023, 6, 14, 1, 0, tzinfo=timezone(timedelta(hours=9)))
    when = resolve_date("I quit yesterday.", at)
    assert when is not None
    assert when.start == datetime(2023, 6, 12, 15, 0, tzinfo=UTC)
    assert when.end == datetime(2023, 6, 13, 15, 0, tzinfo=UTC)


def test_a_naive_time_is_utc() -> None:
    when = resolve_date("I quit yesterday.", datetime(2023, 6, 14, 1, 0))
    assert when is not None
    assert when.start == datetime(2023, 6, 13, tzinfo=UTC)


@pytest.mark.parametrize("at", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
@pytest.mark.parametrize(
    "text",
    ["yesterday", "last year", "999 years ago", "in 999 years' time", "next decade", "on Friday", "last Christmas"],
)
def test_the_ends_of_the_calendar_do_not_raise(text: str, at: datetime) -> None:
    resolve_date(text, at)


WORDS = st.sampled_from(
    sorted(
        words(
            "last next this the week before after of on in 9 12 31 June may Friday weekend years ago two a couple "
            "Christmas 2019 1/2/2023 summer since every - , . 's day month 3rd 00 first twelfth Monday fortnight"
        )
    )
)


@given(st.lists(WORDS, max_size=12).map(" ".join), st.datetimes())
def test_any_mixture_of_date_words_is_survived(text: str, at: datetime) -> None:
    when = resolve_date(text, at)
    assert when is None or when.start < when.end


@given(st.text(max_size=200))
def test_any_text_is_survived(text: str) -> None:
    resolve_date(text, WEDNESDAY)


def test_a_long_line_takes_linear_work() -> None:
    for unit in (
        "last ",
        "1 ",
        "9 June ",
        "the week before ",
        "on the 3",
        "(",
        "a couple of ",
        "2023-",
        "12 may ",
        "'s ",
    ):
        resolve_date((unit * (100_000 // len(unit)))[:100_000], WEDNESDAY)


def test_easter_and_thanksgiving() -> None:
    from memu.extract.periods import easter, thanksgiving

    assert [easter(year) for year in (1961, 2000, 2024, 2038)] == [
        date(1961, 4, 2), date(2000, 4, 23), date(2024, 3, 31), date(2038, 4, 25)
    ]  # fmt: skip
    assert thanksgiving(2024) == date(2024, 11, 28)


def test_the_date_parser_is_loaded_for_written_dates_only() -> None:
    code = (
        "import sys\nfrom datetime import UTC, datetime\nfrom memu.extract.dates import resolve_date\n"
        "at = datetime(2023, 6, 14, tzinfo=UTC)\n"
        "assert resolve_date('I moved last Friday, in the summer and to Lisbon.', at)\n"
        "assert 'dateparser' not in sys.modules\n"
        "assert resolve_date('I moved on 9 June.', at)\nassert 'dateparser' in sys.modules\n"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
