"""Text and Markdown become blocks that are exact slices, each under the path of its headings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memu.errors import SourceInvalid
from memu.sources.documents import from_text


def blocks(text: str) -> list[tuple[str | None, str]]:
    source = from_text(text, markdown=True)
    assert source.text == text
    return [(message.heading, source.content(message)) for message in source.messages]


def words(text: str, *, markdown: bool = True) -> list[str]:
    source = from_text(text, markdown=markdown)
    return [source.content(message) for message in source.messages]


class TestHeadings:
    def test_they_give_the_path(self) -> None:
        text = "lead\n# A\none\n## B ##\ntwo\n### C\nthree\n## D\nfour\n# E\nfive"
        assert blocks(text) == [
            (None, "lead"),
            ("A", "one"),
            ("A > B", "two"),
            ("A > B > C", "three"),
            ("A > D", "four"),
            ("E", "five"),
        ]

    def test_underlined_ones_too(self) -> None:
        assert blocks("Trip\n====\none\n\nPacking\n---\ntwo") == [("Trip", "one"), ("Trip > Packing", "two")]

    def test_levels_may_be_left_out(self) -> None:
        assert blocks("### C\none\n# A\ntwo\n###### F\nthree") == [("C", "one"), ("A", "two"), ("A > F", "three")]

    @pytest.mark.parametrize(
        ("line", "title"),
        [
            ("# **Bold** `code`", "Bold code"),
            ("#   spaced   out  ##  ", "spaced out"),
            ("# see [the docs](https://example.com) ![x](y)", "see the docs x"),
            ("# C# and F#", "C# and F#"),
            ("   # indented", "indented"),
            (f"# {'long ' * 100}", ("long " * 40).rstrip()),
        ],
    )
    def test_they_read_without_markup(self, line: str, title: str) -> None:
        assert blocks(f"{line}\n\nwords") == [(title, "words")]

    @pytest.mark.parametrize("line", ["#hashtag", "####### seven", "    # code"])
    def test_what_is_none(self, line: str) -> None:
        assert blocks(f"# A\n\n{line}\n\nwords") == [("A", line.strip()), ("A", "words")]

    def test_an_empty_one_ends_the_path(self) -> None:
        assert blocks("# A\none\n#\ntwo") == [("A", "one"), (None, "two")]

    def test_where_there_is_nothing_else_they_are_the_blocks(self) -> None:
        assert blocks("# A\n## B\n\nC\n===\n") == [(None, "# A"), ("A", "## B"), ("A > B", "C")]

    def test_a_paragraph_above_a_rule_is_not_given_up_for_a_heading(self) -> None:
        assert blocks("Dear Ann,\nI am in Oslo.\n---\nBob") == [(None, "Dear Ann,\nI am in Oslo."), (None, "Bob")]


class TestBlocks:
    def test_paragraphs_keep_their_line_breaks(self) -> None:
        assert words("one\n two  \n\n\n three \r\nfour\r\n\r\nfive\rsix") == [
            "one\n two",
            "three \r\nfour",
            "five\rsix",
        ]

    def test_a_very_long_paragraph_stays_one(self) -> None:
        text = "word " * 50_000
        assert words(text) == [text.strip()]

    def test_list_items(self) -> None:
        text = "Bring:\n- tent\n- two\n  bags\n  * warm\n  * light\n+ rope\n\n1. go\n2) rest\n10. - deep\n"
        expected = ["Bring:", "tent", "two\n  bags", "warm", "light", "rope", "go", "rest", "deep"]
        assert words(text) == expected
        assert words(text, markdown=False) == expected

    def test_task_lists_keep_their_boxes(self) -> None:
        assert words("- [ ] pack\n- [x] book") == ["[ ] pack", "[x] book"]

    @pytest.mark.parametrize(
        "text", ["born in\n1986. It was cold", "a\n-", "**bold** and *light*", "-5 degrees", "3.5 km"]
    )
    def test_what_is_no_list_item(self, text: str) -> None:
        assert words(text) == [text]

    def test_quotes(self) -> None:
        assert words("He said:\n> one\n> two\nlazy\n>\n> > three\n\nafter") == [
            "He said:",
            "one\n> two\nlazy",
            "three",
            "after",
        ]

    @pytest.mark.parametrize("fence", ["```", "~~~", "`````"])
    def test_fenced_code_is_one_block(self, fence: str) -> None:
        code = "# no heading\n\n  x = 1\n- no item\n> no quote"
        assert blocks(f"# A\ntext\n{fence}py\n\n{code}\n\n{fence}\nmore") == [("A", "text"), ("A", code), ("A", "more")]

    def test_a_longer_fence_holds_a_shorter_one(self) -> None:
        assert words("````\n```\nx\n```\n````\nafter") == ["```\nx\n```", "after"]

    def test_a_fence_in_a_quote_ends_with_it(self) -> None:
        assert words("> ```\n> x\n> y\nafter") == ["x\n> y", "after"]

    def test_a_fence_in_a_list(self) -> None:
        assert words("- run\n  ```\n  x\n  ```\n- next") == ["run", "  x", "next"]

    def test_a_fence_that_is_never_closed(self) -> None:
        assert words("a\n```\nx\n\n# y") == ["a", "x\n\n# y"]

    def test_ticks_in_a_line_are_no_fence(self) -> None:
        assert words("```x``` is code\nand more") == ["```x``` is code\nand more"]

    def test_table_rows_stand_under_their_header(self) -> None:
        text = "# Cities\nSome:\n\n| City | People |\n|:-----|-------:|\n| Oslo | 700k |\n| | |\n| Rome | 2.8M |\nafter"
        assert blocks(text) == [
            ("Cities", "Some:"),
            ("Cities > City | People", "Oslo | 700k"),
            ("Cities > City | People", "Rome | 2.8M"),
            ("Cities", "after"),
        ]

    def test_a_table_without_bars_at_its_sides(self) -> None:
        assert blocks("intro\nCity | People\n--- | ---\nOslo | 700k") == [
            (None, "intro"),
            ("City | People", "Oslo | 700k"),
        ]

    def test_a_table_without_rows(self) -> None:
        assert blocks("| City | People |\n|---|---|\n\nafter") == [(None, "City | People"), (None, "after")]

    def test_a_bar_alone_makes_no_table(self) -> None:
        assert words("a | b\nc | d") == ["a | b\nc | d"]

    def test_front_matter_is_one_block(self) -> None:
        assert blocks("---\ntitle: Trip\ntags: [a]\n---\n# A\none") == [(None, "title: Trip\ntags: [a]"), ("A", "one")]
        assert words("---\r\ntitle: Trip\r\n...\r\none") == ["title: Trip", "one"]

    def test_a_rule_at_the_top_is_no_front_matter(self) -> None:
        assert words("---\nno key here\n\n---\none") == ["no key here", "one"]

    @pytest.mark.parametrize("rule", ["---", "***", "___", "- - -", "* * * *", "_____", "====="])
    def test_rules_part_blocks(self, rule: str) -> None:
        assert words(f"one\n\n{rule}\n\ntwo") == ["one", "two"]
        assert words(f"one\n\n{rule}\n\ntwo", markdown=False) == ["one", "two"]

    def test_comments_and_bare_tags_are_left_out(self) -> None:
        text = 'one\n<!-- a\n\nb -->\n<p align="center">\n<img src="x"/>\n</p>\n\n<b>two</b>\n\n<3\n\n<!-- c --> three'
        assert words(text) == ["one", "<b>two</b>", "<3", "three"]

    def test_a_comment_that_is_never_closed_hides_nothing(self) -> None:
        assert words("<!-- open\n\nwords") == ["<!-- open", "words"]


class TestPlainText:
    def test_marks_of_markdown_mean_nothing(self) -> None:
        text = "# one\n===\n\n> two\n\n```\nthree\n```\n\na | b\n--|--\nc | d"
        assert words(text, markdown=False) == ["# one", "> two", "```\nthree\n```", "a | b\n--|--\nc | d"]
        assert all(message.heading is None for message in from_text(text, markdown=False).messages)

    def test_a_block_has_no_speaker_and_its_position_as_id(self) -> None:
        source = from_text("one\n\ntwo", markdown=False, modality="text")
        assert [(block.id, block.speaker, block.role, block.at) for block in source.messages] == [
            ("0", None, None, None),
            ("1", None, None, None),
        ]
        assert (source.modality, source.url) == ("text", None)


@pytest.mark.parametrize("markdown", [True, False])
@pytest.mark.parametrize("text", ["", " \n\t\r\n", "---\n\n***", "- \n- "])
def test_nothing_but_marks_is_an_error(text: str, markdown: bool) -> None:
    with pytest.raises(SourceInvalid, match="no words"):
        from_text(text, markdown=markdown)


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"])
def test_what_no_database_stores(text: str) -> None:
    with pytest.raises(SourceInvalid, match="at character 1"):
        from_text(text, markdown=True)


LINES = st.sampled_from(
    [
        *("# A", "## B ##", "one", " two ", "- item", "  * nested", "2. second", "> quote", ">", "", "---", "==="),
        *("```", "~~~", "| a | b |", "|---|---|", "a | b", "<!-- c", "d -->", "<p>", "    code", "title: x", "é😀"),
        *("\t", "- > - deep"),
    ]
)


class TestAnyText:
    @given(
        st.lists(LINES, max_size=25).map("\n".join)
        | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
        st.booleans(),
    )
    def test_blocks_are_trimmed_slices_in_order(self, text: str, markdown: bool) -> None:
        try:
            source = from_text(text, markdown=markdown)
        except SourceInvalid:
            return
        assert source.text == text
        end = 0
        for message in source.messages:
            assert end <= message.start < message.end <= len(text)
            assert source.content(message).rstrip() == source.content(message) != ""
            end = message.end

    @given(st.lists(st.sampled_from(["one", "two words", "3 more"]), min_size=1), st.sampled_from(["\n", "\r\n", "\r"]))
    def test_no_paragraph_is_lost(self, paragraphs: list[str], ending: str) -> None:
        text = (ending * 2).join(paragraphs)
        assert words(text) == words(text, markdown=False) == paragraphs

    @given(st.lists(LINES, max_size=25))
    def test_what_is_added_below_leaves_the_hashes_above(self, lines: list[str]) -> None:
        before = "first\n\n"
        whole = from_text(before + "\n".join(lines), markdown=True)
        assert whole.hashes[0] == from_text(before, markdown=True).hashes[0]
