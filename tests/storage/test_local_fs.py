"""`LocalFS`: files and pages brought into one folder."""

import asyncio
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from memu.errors import SourceForbidden, SourceInvalid, SourceNotFound
from memu.settings import BlobConfig
from memu.storage import LocalFS

IMAGE = bytes.fromhex("89504e470d0a1a0a00000000ff")


def fetch(folder: Path, url: str, modality: str, settings: BlobConfig | None = None) -> tuple[Path, str | None]:
    path, text = asyncio.run(LocalFS(folder, settings).fetch(url, modality))
    return Path(path), text


def test_a_file_is_copied_and_its_text_read(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("I keep bees. 🐝")
    path, text = fetch(tmp_path / "kept", str(tmp_path / "notes.md"), "document")
    assert text == "I keep bees. 🐝"
    assert path.is_relative_to(tmp_path / "kept")
    assert path.suffix == ".md"
    assert path.read_text() == text


def test_files_of_one_name_do_not_collide(tmp_path: Path) -> None:
    for user in ("alice", "bob"):
        (tmp_path / user).mkdir()
        (tmp_path / user / "notes.md").write_text(f"I am {user}.")
    kept = [
        fetch(tmp_path / "kept", str(tmp_path / user / "notes.md"), "text")[0] for user in ("alice", "bob", "alice")
    ]
    assert [path.read_text() for path in kept] == ["I am alice.", "I am bob.", "I am alice."]
    assert kept[0] == kept[2] != kept[1]


def test_an_image_has_no_text(tmp_path: Path) -> None:
    (tmp_path / "bees.png").write_bytes(IMAGE)
    path, text = fetch(tmp_path / "kept", str(tmp_path / "bees.png"), "image")
    assert (path.suffix, path.read_bytes(), text) == (".png", IMAGE, None)
    with pytest.raises(SourceInvalid):
        fetch(tmp_path / "kept", str(tmp_path / "bees.png"), "document")


def test_what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound):
        fetch(tmp_path / "kept", str(tmp_path / "none.md"), "document")
    (tmp_path / "notes.md").write_text("I keep bees.")
    only = BlobConfig(allowed_roots=(tmp_path / "other",))
    with pytest.raises(SourceForbidden):
        fetch(tmp_path / "kept", str(tmp_path / "notes.md"), "document", only)
    assert not (tmp_path / "kept").exists()


class Pages(http.server.BaseHTTPRequestHandler):
    """A page and a picture."""

    def do_GET(self) -> None:
        picture = self.path.endswith(".png")
        self.send_response(200)
        self.send_header("Content-Type", "image/png" if picture else "text/plain; charset=utf-8")
        self.end_headers()
        self.wfile.write(IMAGE if picture else "I keep bees. 🐝".encode())

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def site() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_pages_are_fetched_and_private_ones_only_when_allowed(tmp_path: Path, site: str) -> None:
    with pytest.raises(SourceForbidden):
        fetch(tmp_path / "kept", f"{site}/notes.txt", "document")
    allowed = BlobConfig(allow_private_urls=True)
    path, text = fetch(tmp_path / "kept", f"{site}/notes.txt", "document", allowed)
    assert (text, path.suffix, path.read_text()) == ("I keep bees. 🐝", ".txt", "I keep bees. 🐝")
    path, text = fetch(tmp_path / "kept", f"{site}/bees.png", "image", allowed)
    assert (text, path.suffix, path.read_bytes()) == (None, ".png", IMAGE)
