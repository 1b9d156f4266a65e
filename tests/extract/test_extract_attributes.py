"""Which sentences state a functional attribute, and, more important, which do not."""

import time
from datetime import UTC, datetime

import pytest

from memu.extract.attributes import differ, read_fact
from memu.extract.rules import RuleExtractor
from memu.settings import BlobConfig
from memu.sources.base import Source
from memu.sources.load import load

STATED = """
lives in | Berlin | I live in Berlin.
lives in | Lisbon | I live in Lisbon now.
lives in | New York | I now live in New York City!
lives in | Porto | I've just moved to Porto.
lives in | Porto | I’ve recently moved back to Porto!
lives in | Lisbon | I moved to Lisbon in March and live near the harbour.
lives in | Berlin | I live in Berlin and work in Potsdam.
lives in | Lisbon | i live in lisbon
lives in | Munich | I live in München with my brother.
lives in | Munich | We live in Munich.
lives in | Berlin, Germany | I live in Berlin, Germany.
lives in | London, Ontario | I moved to London, Ontario last month.
lives in (region) | Texas, the USA | I live in Texas, USA.
lives in | Madrid | I moved to Madrid this summer.
lives in | Madrid | Today I moved to Madrid.
lives in | Madrid | I'm currently living in Madrid.
lives in | Nice | I live in Nice.
lives in (country) | the UK | So, I actually live in the UK.
lives in (region) | Texas | I'm living in Texas these days.
works at | the Maritime Museum | I work at the Maritime Museum.
works at | Siemens | I work for Siemens as a project manager since May.
works at | Bosch | I started a new job at Bosch last week.
works at | McDonald's | I currently work at McDonald's.
works at | Bosch | I got a job at Bosch this week.
works at | USA Today | I work at USA Today.
works at | Apple | I work at Apple and love it.
works at | Johnson & Johnson | I work for Johnson & Johnson.
name | anna | My name is Anna.
name | anna maria meyer | My full name is Anna Maria Meyer.
name: last | meyer | My last name is now Meyer.
is called | annie | I'm called Annie.
phone | +491701234567 | My phone number is +49 170 1234567.
phone mobile | 01701234567 | My mobile number is 0170 1234567.
phone mobile | 01701234567 | My new cell phone number is 0170 1234567.
phone telephone | 0301234567 | My telephone number is 030 1234567.
phone landline | 0301234567 | My landline number is 030 1234567.
phone work mobile | 01701234567 | My work mobile number is 0170 1234567.
phone work | 0301234567 | My new work number is 030 / 1234567.
e-mail | anna@example.org | My e-mail address is anna@example.org.
e-mail work | anna@corp.example | My new work email is anna@corp.example.
address | 12 harbour street, lisbon | My address is 12 Harbour Street, Lisbon.
birthday | May 5 | My birthday is on May 5th.
birthday | May 5 | My birthday is the 5th of May!
age | 34 | I'm 34 years old.
marital status | married | I am married to Tom.
marital status | divorced | I just got divorced.
favourite colour | blue | My favorite color is blue.
favourite food | sushi | My favourite food is sushi now.
favourite drink | iced tea | My favourite drink is iced tea.
favourite band | Radiohead | My favourite band is Radiohead.
favourite book | the Iliad | My favourite book is the Iliad.
"""

NOT_STATED = """
I have two dogs.
I visited Paris.
I love Berlin.
I live in Berlin and Lisbon.
I live in Berlin and in Lisbon.
I live in Berlin and live in Lisbon in summer.
I live in Berlin or Potsdam.
I live in Berlin sometimes.
I live in Berlin half of the year.
I live in Berlin, but only until May.
I don't live in Berlin.
I do not live in Berlin any more.
I no longer live in Berlin.
I never live in Berlin.
I lived in Berlin.
I used to live in Berlin.
I will live in Berlin.
I want to live in Berlin.
I would live in Berlin.
I might live in Berlin.
I could live in Berlin.
I wish I lived in Berlin.
If I live in Berlin, I ride a bicycle.
If I lived in Berlin, I would be happy.
When I live in Berlin, I ride a bicycle.
I plan to move to Berlin.
I am moving to Berlin.
Do I live in Berlin?
I live in Berlin?
So do you live in Berlin?
"I live in Berlin."
She said I live in Berlin.
He told me: I live in Berlin.
My sister lives in Rome.
My friend Tom lives in Rome.
Our neighbours live in Rome.
He lives in Rome.
Nobody lives in Rome.
Everyone lives in Rome.
Berlin lives in me.
I live in fear.
I live in an old house.
i live in nice
I live in Berlin Street.
I live in Kleinkleckersdorf.
I live in London, Kleinstaat.
I live in Berlin, Potsdam.
I'm living in Madrid this summer.
I'm living in Madrid for now.
I am currently living in Madrid for a few weeks.
I'm currently living in Madrid this month.
I live in Madrid this summer.
I live in Madrid in March.
Today I live in Madrid.
I live in Berlin and have a second home in Rome.
I live in Berlin and have a flat.
I live in Berlin and teach at Harvard.
Clara lives in Rome this year.
I moved to Python from Java.
I moved to Sales.
I moved to Linux in May.
I moved to Lisbon in 2005.
I moved to Lisbon when I was five.
I moved to Lisbon as a child.
I moved to the sofa.
I moved my server to Frankfurt.
I work at night.
I work at Christmas.
I work at a bakery.
I work at Siemens and Bosch.
I work at Siemens and work at Bosch.
I work at Siemens on Mondays.
I work at Siemens part-time.
I'm working at Starbucks today.
I'm working at Starbucks this week.
Today I'm working at Starbucks.
I'm working at Starbucks for now.
I work at Apple and teach at Harvard.
I work at Apple and have a second job at Tesla.
I work at Apple and am at Tesla on Mondays.
I work at Apple as a consultant for Tesla.
I work at Apple and have a job.
I worked at Siemens.
I used to work at Siemens.
I work in Siemens Street.
My colleague works at Siemens.
My favourite part is the ending.
My favourite food is pizza or pasta.
My favourite food is pizza, pasta, sushi.
My favourite food is not pizza.
My favourite drink is tea in the morning.
My favourite drink is wine in the evening.
My favourite food is pancakes on Sundays.
My favourite drink is beer with friends.
My favourite dish is soup for lunch.
My favourite drink is tea today.
My favourite drink is tea these days.
My favourite colour is blue this season.
My favourite restaurant is closed.
My favourite band is touring.
My favourite book is hard to find.
My favourite food is ready.
My favourite team is losing.
My favourite books are Emma and Ulysses.
My favourite teacher is Mr Klein.
One of my favourite books is Emma.
Her favourite colour is green.
My birthday is tomorrow.
My birthday is next week.
My birthday was on May 5th.
I am single-minded.
I'm married to my job.
I got married in 2005.
I'm 5 minutes late.
My dog is 5 years old.
My name is on the list.
My name is not Anna.
My dog's name is Rex.
My dog is called Rex.
My friends call me Annie.
My number is not 12345678.
My number is 7.
"""


@pytest.mark.parametrize("line", STATED.strip().splitlines())
def test_what_is_stated(line: str) -> None:
    attribute, value, text = line.split(" | ", 2)
    fact = read_fact(text, speaker="Maya")
    assert fact is not None
    assert (fact.subject, fact.attribute, fact.value) == ("Maya", attribute, value)


@pytest.mark.parametrize("text", NOT_STATED.strip().splitlines())
def test_what_is_not_stated(text: str) -> None:
    assert read_fact(text, speaker="Maya") is None


@pytest.mark.parametrize(
    ("text", "speaker", "subject"),
    [
        ("I live in Rome.", None, ""),
        ("I live in Rome.", "user", ""),
        ("The user lives in Rome.", "Maya", ""),
        ("The user's name is Theo.", None, ""),
        ("Clara lives in Rome.", "Maya", "Maya > Clara"),
        ("My mum lives in Rome.", "Maya", "Maya > mother"),
        ("My mother has moved to Rome.", "Theo", "Theo > mother"),
    ],
)
def test_whose_it_is(text: str, speaker: str | None, subject: str) -> None:
    fact = read_fact(text, speaker=speaker)
    assert fact is not None
    assert fact.subject == subject


@pytest.mark.parametrize(
    ("attribute", "one", "other", "excluded"),
    [
        ("lives in", "Berlin", "Lisbon", True),
        ("lives in", "York", "New York", True),
        ("lives in", "São Paulo", "Sao Paulo", False),
        ("lives in", "London, Ontario", "London, England", True),
        ("lives in", "London", "London, England", False),
        ("lives in", "London, England", "London, the UK", False),
        ("lives in (region)", "Virginia", "West Virginia", True),
        ("name", "Anna", "anna Meyer", False),
        ("name", "Anna Meyer", "Anna Klein", True),
        ("works at", "Siemens", "Siemens Energy", False),
        ("works at", "Siemens", "Bosch", True),
        ("e-mail", "smith@x.com", "anna.smith@x.com", True),
        ("e-mail work", "anna@x.com", "anna@x.com", False),
        ("birthday", "May 5", "May 6", True),
        ("age", "34", "35", True),
        ("phone", "+49123", "+49124", True),
        ("phone", "01701234567", "+491701234567", False),
        ("phone", "00491701234567", "+491701234567", False),
        ("phone mobile", "01701234567", "01701234568", True),
        ("favourite drink", "tea", "green tea", False),
        ("favourite drink", "tea", "wine", True),
    ],
)
def test_values_that_exclude_each_other(attribute: str, one: str, other: str, excluded: bool) -> None:
    assert differ(attribute, one, other) == differ(attribute, other, one) == excluded


def facts_of(text: str | None = None, modality: str | None = None, **source: object) -> list[str]:
    read: Source = load(text=text, modality=modality, settings=BlobConfig(), resource_url=None, **source)  # type: ignore[arg-type]
    return [item.fact.value for item in RuleExtractor().extract(read).items if item.fact]


def test_where_the_sentence_stands() -> None:
    assert facts_of("Hello! I live in Berlin. I have a cat.") == ["Berlin"]
    for text in ("1. I live in Berlin.\n2. I live in Rome.", "- I live in Berlin.", "> I live in Berlin."):
        assert facts_of(text) == [], text
    assert facts_of("I live in Berlin. I live in Rome.") == []
    assert facts_of("I live in Berlin.\n\nI live in Rome.") == []
    assert facts_of("# Letters\n\nI live in Berlin.", "document") == []


def test_who_speaks() -> None:
    said = {"content": "I live in Berlin.", "created_at": datetime(2024, 1, 1, tzinfo=UTC).isoformat()}
    for speaker, found in (
        ({"role": "user"}, ["Berlin"]),
        ({"role": "assistant"}, []),
        ({"name": "Bot", "role": "system"}, []),
    ):
        assert facts_of(messages=[{**speaker, **said}]) == found
    asked = {"name": "Theo", "content": "Where do you live?"}
    assert facts_of(messages=[asked, {"name": "Maya", "content": "In Berlin."}]) == []


def test_no_sentence_takes_long() -> None:
    began = time.perf_counter()
    for text in (
        "so well oh hey " * 9 + "I live in Rome?",
        "I live in Berlin " + "and have a a a, " * 8 + "!?",
        "I work at " + "A of " * 28,
        "My address is " + "1 " * 70 + "?",
        "Now " * 30 + "lives in Berlin",
    ):
        assert read_fact(text) is None
    assert time.perf_counter() - began < 1.0
