"""Local files are read whole and bounded; each thing that is no readable text file has its own clear error."""

import codecs
import os
import socket
from pathlib import Path

import pytest
from loopback import Unprivileged

from memu.errors import InputError, SourceError, SourceForbidden, SourceInvalid, SourceIsDirectory, SourceNotFound
from memu.settings import BlobConfig
from memu.sources.files import read_local

LIMITS = BlobConfig()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    # Resolved, because a system's temporary folder may itself be a link.
    return tmp_path.resolve()


@pytest.fixture
def note(folder: Path) -> Path:
    path = folder / "note.txt"
    path.write_text("Grüße aus Oslo\r\n", encoding="utf-8", newline="")
    return path


class TestReading:
    def test_a_file_comes_with_its_path_bytes_and_text(self, note: Path) -> None:
        file = read_local(note, LIMITS)
        assert (file.path, file.text) == (note, "Grüße aus Oslo\r\n")
        assert file.data == note.read_bytes()
        assert read_local(str(note), LIMITS) == file

    def test_a_relative_path(self, note: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(note.parent)
        assert read_local("note.txt", LIMITS).path == note
        assert read_local("./x/../note.txt", LIMITS).path == note

    def test_a_path_in_the_home(self, note: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(note.parent))
        assert read_local("~/note.txt", LIMITS).path == note

    def test_a_link_is_followed(self, note: Path) -> None:
        link = note.with_name("link.txt")
        link.symlink_to(note)
        assert read_local(link, LIMITS).path == note

    @pytest.mark.parametrize("scheme", ["file://", "FILE://", "file://localhost", "file:"])
    def test_a_file_url(self, folder: Path, scheme: str) -> None:
        path = folder / "a note #1?.txt"
        path.write_text("hi")
        assert read_local(scheme + str(folder) + "/a%20note%20%231%3F.txt", LIMITS).path == path

    @pytest.mark.parametrize(
        "url", ["file://server/note.txt", "file:note.txt", "file://", "file:///a?b", "file:///a#b"]
    )
    def test_a_file_url_that_names_no_file_here(self, url: str) -> None:
        with pytest.raises(InputError, match=r"expected file:///|plain path"):
            read_local(url, LIMITS)

    @pytest.mark.parametrize(
        "data",
        [
            codecs.BOM_UTF8 + "Grüße 😀".encode(),
            codecs.BOM_UTF16_LE + "Grüße 😀".encode("utf-16-le"),
            codecs.BOM_UTF16_BE + "Grüße 😀".encode("utf-16-be"),
            codecs.BOM_UTF32_LE + "Grüße 😀".encode("utf-32-le"),
        ],
    )
    def test_a_byte_order_mark_names_the_encoding(self, note: Path, data: bytes) -> None:
        note.write_bytes(data)
        file = read_local(note, LIMITS)
        assert (file.text, file.data) == ("Grüße 😀", data)


class TestWhatIsNoFile:
    @pytest.mark.parametrize("name", ["none.txt", "none/note.txt", "note.txt/x", "x" * 300])
    def test_missing(self, note: Path, name: str) -> None:
        with pytest.raises(SourceNotFound, match="does not exist") as raised:
            read_local(note.parent / name, LIMITS)
        assert isinstance(raised.value, FileNotFoundError)

    def test_a_link_to_nothing(self, folder: Path) -> None:
        (folder / "link").symlink_to(folder / "nothing")
        with pytest.raises(SourceNotFound, match="does not exist"):
            read_local(folder / "link", LIMITS)

    def test_links_in_a_circle(self, folder: Path) -> None:
        (folder / "a").symlink_to(folder / "b")
        (folder / "b").symlink_to(folder / "a")
        with pytest.raises(SourceNotFound, match="circle"):
            read_local(folder / "a", LIMITS)

    def test_a_directory(self, folder: Path) -> None:
        with pytest.raises(SourceIsDirectory, match="is a directory"):
            read_local(folder, LIMITS)

    def test_a_pipe_is_refused_without_waiting(self, folder: Path) -> None:
        os.mkfifo(folder / "pipe")
        with pytest.raises(SourceForbidden, match="pipe"):
            read_local(folder / "pipe", LIMITS)

    def test_a_pipe_that_takes_the_place_of_a_file_is_refused_without_waiting(
        self, note: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = os.open

        def exchange(path: str | os.PathLike[str], flags: int, *args: int) -> int:
            note.unlink()
            os.mkfifo(note)
            return real(path, flags, *args)

        monkeypatch.setattr(os, "open", exchange)
        with pytest.raises(SourceForbidden, match="pipe"):
            read_local(note, LIMITS)

    def test_a_socket(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(folder)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("socket")
            with pytest.raises(SourceForbidden, match="socket"):
                read_local("socket", LIMITS)

    @pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
    def test_a_device(self, device: str) -> None:
        with pytest.raises(SourceForbidden, match="device"):
            read_local(device, LIMITS)

    @pytest.mark.parametrize("path", ["", "  ", "a\x00b", "\ud800.txt"])
    def test_what_cannot_be_a_path(self, path: str) -> None:
        with pytest.raises(InputError, match="path"):
            read_local(path, LIMITS)

    def test_the_home_of_nobody(self) -> None:
        with pytest.raises(SourceNotFound):
            read_local("~nobody-of-this-name/note.txt", LIMITS)


class TestPermission:
    def test_an_unreadable_file(self, open_folder: Path, unprivileged: Unprivileged) -> None:
        path = open_folder / "note.txt"
        path.write_text("secret")
        path.chmod(0)
        with unprivileged(), pytest.raises(SourceForbidden, match="permissions") as raised:
            read_local(path, LIMITS)
        assert isinstance(raised.value, PermissionError)

    def test_a_file_in_a_closed_folder(self, open_folder: Path, unprivileged: Unprivileged) -> None:
        path = open_folder / "closed" / "note.txt"
        path.parent.mkdir()
        path.write_text("secret")
        path.parent.chmod(0)
        with unprivileged(), pytest.raises(SourceForbidden, match="permissions"):
            read_local(path, LIMITS)
        path.parent.chmod(0o700)


class TestRoots:
    def test_inside(self, note: Path) -> None:
        assert read_local(note, BlobConfig(allowed_roots=(Path("/none"), note.parent))).path == note

    @pytest.mark.parametrize(
        "path", ["/etc/passwd", "{root}/../secret.txt", "{root}/link", "{root}-other/note.txt", "/none"]
    )
    def test_outside(self, folder: Path, path: str) -> None:
        root = folder / "root"
        root.mkdir()
        (folder / "secret.txt").write_text("secret")
        (folder / "root-other").mkdir()
        (folder / "root-other" / "note.txt").write_text("secret")
        (root / "link").symlink_to(folder / "secret.txt")
        with pytest.raises(SourceForbidden, match="allowed_roots"):
            read_local(path.format(root=root), BlobConfig(allowed_roots=(root,)))

    def test_a_root_that_is_a_link(self, note: Path) -> None:
        link = note.with_name("root")
        link.symlink_to(note.parent)
        assert read_local(link / "note.txt", BlobConfig(allowed_roots=(link,))).path == note

    def test_no_root_at_all_allows_nothing(self, note: Path) -> None:
        with pytest.raises(SourceForbidden):
            read_local(note, BlobConfig(allowed_roots=()))


class TestContent:
    def test_too_large(self, note: Path) -> None:
        size = note.stat().st_size
        assert read_local(note, BlobConfig(max_bytes=size)).path == note
        with pytest.raises(SourceError, match=rf"{size} bytes or more: at most {size - 1} are read"):
            read_local(note, BlobConfig(max_bytes=size - 1))

    def test_a_huge_file_is_not_read(self, folder: Path) -> None:
        with (folder / "huge").open("wb") as file:
            file.truncate(1 << 40)
        with pytest.raises(SourceError, match="1,099,511,627,776 bytes"):
            read_local(folder / "huge", LIMITS)

    @pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system has no /proc")
    def test_a_file_that_hides_its_size_is_bounded(self) -> None:
        assert Path("/proc/self/status").stat().st_size == 0
        with pytest.raises(SourceError, match="at most 10 are read"):
            read_local("/proc/self/status", BlobConfig(max_bytes=10))

    @pytest.mark.parametrize("data", [b"", codecs.BOM_UTF8])
    def test_empty(self, note: Path, data: bytes) -> None:
        note.write_bytes(data)
        with pytest.raises(SourceInvalid, match="is empty"):
            read_local(note, LIMITS)

    @pytest.mark.parametrize(
        ("data", "told"),
        [
            (b"abc\xffdef", r"not valid UTF-8: byte offset 3 \(0xff\)"),
            (codecs.BOM_UTF8 + b"abc\xff", r"not valid UTF-8: byte offset 6 \(0xff\)"),
            ("Grüße".encode("latin-1"), r"byte offset 2 \(0xfc\)"),
            (codecs.BOM_UTF16_LE + b"a\x00b", r"not valid UTF-16-LE: byte offset 4 \(0x62\)"),
            (b"ab\x00cd", "a NUL byte at character 2"),
            ("añ\x00".encode(), "a NUL byte at character 2"),
            (b"\xed\xa0\x80", "not valid UTF-8: byte offset 0"),
        ],
    )
    def test_no_text(self, note: Path, data: bytes, told: str) -> None:
        note.write_bytes(data)
        with pytest.raises(SourceInvalid, match=told) as raised:
            read_local(note, LIMITS)
        assert str(note) in str(raised.value)

    @pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="this system has no /proc")
    def test_nothing_stays_open(self, note: Path) -> None:
        before = len(list(Path("/proc/self/fd").iterdir()))
        with pytest.raises(SourceError):
            read_local(note, BlobConfig(max_bytes=10))
        read_local(note, LIMITS)
        assert len(list(Path("/proc/self/fd").iterdir())) == before
