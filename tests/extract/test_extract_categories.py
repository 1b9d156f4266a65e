"""Filing: default categories by rules, custom ones by words and vectors, always by the threshold."""

import numpy as np
import pytest

from memu.extract.base import CategoryView, ExtractedItem
from memu.extract.categories import MOST_CATEGORIES, RuleCategorizer
from memu.settings import DEFAULT_CATEGORIES

DEFAULTS = [CategoryView(name, description) for name, description in DEFAULT_CATEGORIES]


def item(text: str, kind: str = "profile", speaker: str | None = "Ana") -> ExtractedItem:
    return ExtractedItem(text, kind, ("0",), 0, len(text), speaker=speaker)


def filed(text: str, kind: str = "profile", speaker: str | None = "Ana") -> tuple[str, ...]:
    return RuleCategorizer().assign([item(text, kind, speaker)], None, DEFAULTS)[0]


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("I was born in Dundee.", "profile", "personal_info"),
        ("I prefer dark mode.", "profile", "preferences"),
        ("My sister has two kids.", "profile", "relationships"),
        ("I play the guitar.", "profile", "activities"),
        ("I'm going to apply for it.", "event", "goals"),
        ("We flew to Rome and got lost.", "event", "experiences"),
        ("Copper conducts heat.", "knowledge", "knowledge"),
        ("I think it's overrated.", "profile", "opinions"),
        ("I get up at six every day.", "behavior", "habits"),
        ("My boss runs the office.", "profile", "work_life"),
    ],
)
def test_each_default_category_has_rules(text: str, kind: str, expected: str) -> None:
    assert filed(text, kind)[0] == expected


def test_nothing_is_filed_below_the_threshold() -> None:
    items = [item("I play the guitar."), item("Zyx."), item("My sister has two kids.")]
    categorizer = RuleCategorizer(threshold=0.5)
    scores = categorizer.confidences(items, None, DEFAULTS)
    assert scores.shape == (3, len(DEFAULTS))
    assert scores.min() >= 0.0
    assert scores.max() <= 1.0
    for names, row in zip(categorizer.assign(items, None, DEFAULTS), scores, strict=True):
        assert len(names) <= MOST_CATEGORIES
        assert all(row[[view.name for view in DEFAULTS].index(name)] >= 0.5 for name in names)
    assert RuleCategorizer(threshold=1.0).assign(items, None, DEFAULTS) == [(), (), ()]


def test_a_custom_category_works_by_words_without_vectors() -> None:
    views = [CategoryView("beekeeping", "Hives, swarms and honey"), CategoryView("sailing", "Boats and knots")]
    items = [item("The hive swarmed on Sunday."), item("The boat needs paint."), item("I like tea.")]
    assert RuleCategorizer().assign(items, None, views) == [("beekeeping",), ("sailing",), ()]


def test_a_custom_category_works_by_vectors() -> None:
    near, far = np.eye(2, dtype=np.float32)
    views = [CategoryView("alpha", "", near), CategoryView("beta", "", far)]
    vectors = np.array([near, far, (near + far) / np.sqrt(2)], dtype=np.float32)
    items = [item("Zyx."), item("Zyx."), item("Zyx.")]
    assert RuleCategorizer().assign(items, vectors, views) == [("alpha",), ("beta",), ("alpha", "beta")]


def test_a_category_without_a_vector_among_others_with_one() -> None:
    views = [CategoryView("alpha", "", np.array([1, 0], dtype=np.float32)), CategoryView("tea", "")]
    vectors = np.array([[1, 0]], dtype=np.float32)
    assert RuleCategorizer().assign([item("Green tea.")], vectors, views) == [("alpha", "tea")]


def test_nothing_to_file_and_nothing_to_file_in() -> None:
    assert RuleCategorizer().assign([], None, DEFAULTS) == []
    assert RuleCategorizer().assign([], np.zeros((0, 2), dtype=np.float32), DEFAULTS) == []
    assert RuleCategorizer().assign([item("I like tea.")], None, []) == [()]


def test_the_order_of_the_settings_decides_between_equals() -> None:
    views = [CategoryView("b tea", ""), CategoryView("a tea", "")]
    assert RuleCategorizer().assign([item("Green tea.")], None, views) == [("b tea", "a tea")]
