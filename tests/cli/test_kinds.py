"""A folder with files of all kinds: what can be read here is memorized, and the rest is named with the reason."""

from pathlib import Path

import pytest

from cli.conftest import Memu
from memu.sources import picking
from memu.sources.formats import DOCX, HTML, JSON, MARKDOWN, PDF, TEXT
from papers import docx, pdf


@pytest.fixture
def kinds(folder: Path) -> Path:
    """One file of each kind."""
    place = folder / "kinds"
    place.mkdir()
    for name, data in {
        "a.md": b"I keep bees.",
        "b.HTML": b"<html><body><p>I repair old clocks.</p></body></html>",
        "c.pdf": pdf("I moved to Lisbon in March."),
        "d.docx": docx(),
        "e.png": b"\x89PNG\r\n\x1a\n",
        "f.mp3": b"ID3",
        "g.zip": b"PK",
        "h.csv": b"a,b",
        "i": b"x",
    }.items():
        (place / name).write_bytes(data)
    return place


def test_every_kind_that_can_be_read_is_memorized_and_the_rest_is_named(memu: Memu, kinds: Path) -> None:
    done = memu("memorize", "kinds", "--json")
    assert done.code == 0
    assert [Path(one["source"]).name for one in done.json["sources"]] == ["a.md", "b.HTML", "c.pdf", "d.docx"]
    left = {Path(one["source"]).name: one["why"] for one in done.json["left"]}
    assert list(left) == ["e.png", "f.mp3", "g.zip", "h.csv", "i"]
    assert "pictures are read by a language model" in left["e.png"]
    assert "recordings are read by a language model" in left["f.mp3"]
    assert "archives cannot be read" in left["g.zip"]
    assert "name the file" in left["h.csv"] == left["i"]
    assert "memu: left out kinds/g.zip: archives cannot be read.\n" in done.err
    assert "memu: left out kinds/h.csv, kinds/i: " in done.err
    assert memu("memorize", "kinds/h.csv").code == 0
    assert {path.name for path in kinds.iterdir()} == {"a.md", "b.HTML", "c.pdf", "d.docx", *left}


def test_what_an_extra_is_missing_for_is_named_with_the_extra(
    memu: Memu, kinds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picking, "find_spec", lambda name: None)
    done = memu("memorize", "kinds", "--json")
    assert [Path(one["source"]).name for one in done.json["sources"]] == ["a.md"]
    left = {Path(one["source"]).name: one["why"] for one in done.json["left"]}
    assert all("memu[documents]" in left[name] for name in ("b.HTML", "c.pdf", "d.docx"))
    assert done.code == 0


def test_many_of_one_kind_are_counted(memu: Memu, folder: Path) -> None:
    (folder / "notes.txt").write_text("I keep bees.")
    for number in range(8):
        (folder / f"{number}.zip").write_bytes(b"PK")
    done = memu("memorize", ".")
    assert "4.zip and 3 more: archives cannot be read." in done.err


@pytest.mark.parametrize("suffix", sorted(TEXT | MARKDOWN | JSON | HTML | PDF | DOCX))
def test_with_all_extras_these_are_read(suffix: str) -> None:
    assert picking.why_left(suffix) is None


def test_links_are_followed_within_the_folder_only(memu: Memu, folder: Path) -> None:
    top, out = folder / "fold", folder / "out"
    for place in (top / ".keys", out / ".ssh"):
        place.mkdir(parents=True)
    (top / "bees.txt").write_text("I keep bees.")
    for secret in (out / "secret.txt", out / ".ssh" / "id", top / ".keys" / "key.txt"):
        secret.write_text("My secret is Zanzibar.")
    for name, target in {
        "again.txt": "bees.txt",
        "away.txt": "../out/secret.txt",
        "gone.txt": "nowhere.txt",
        "hidden.md": ".keys/key.txt",
        "key.md": "../out/.ssh/id",
        "round.txt": "round.txt",
    }.items():
        (top / name).symlink_to(target)
    done = memu("memorize", "fold", "--json")
    assert done.code == 0
    assert [one["source"] for one in done.json["sources"]] == ["fold/again.txt"]
    assert {Path(one["source"]).name: one["why"] for one in done.json["left"]} == {
        "away.txt": "the link leads out of the folder: name it, and it is read",
        "gone.txt": "the link leads nowhere",
        "hidden.md": "the link leads to what is hidden: name it, and it is read",
        "key.md": "the link leads out of the folder: name it, and it is read",
        "round.txt": "the link leads nowhere",
    }
    assert "memu: left out fold/gone.txt, fold/round.txt: the link leads nowhere.\n" in done.err
    assert memu("memorize", "fold/away.txt").code == 0
