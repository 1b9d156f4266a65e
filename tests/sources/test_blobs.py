"""Copies are written whole under their content's name, and taken away without following links."""

import errno
import hashlib
import os
import resource
import stat
import time
from pathlib import Path

import pytest
from loopback import Unprivileged

from memu.errors import InputError, StorageError, StorageFull, StorageReadOnly
from memu.sources.blobs import BlobStore

SCOPE = "0123abcd"
OTHER = "feedbeef"
DATA = b"I moved to Oslo."
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path.resolve() / "data" / "resources")


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then), follow_symlinks=False)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestPut:
    def test_a_copy_is_named_by_its_content(self, store: BlobStore) -> None:
        path = store.put(SCOPE, DIGEST, ".txt", DATA)
        assert path == store.root / SCOPE / f"{DIGEST}.txt"
        assert path.read_bytes() == DATA
        assert names(path.parent) == [path.name]

    def test_only_the_owner_may_read_it(self, store: BlobStore) -> None:
        before = os.umask(0)
        try:
            path = store.put(SCOPE, DIGEST, ".txt", DATA)
        finally:
            os.umask(before)
        assert (mode(path), mode(path.parent), mode(store.root)) == (0o600, 0o700, 0o700)

    def test_nothing_is_made_before_the_first_copy(self, store: BlobStore) -> None:
        assert store.sweep(SCOPE, set(), 0) == []
        store.forget(SCOPE)
        assert not store.root.parent.exists()

    def test_an_equal_file_is_not_written_again_but_counts_as_new(self, store: BlobStore) -> None:
        path = store.put(SCOPE, DIGEST, ".txt", DATA)
        age(path, 1000)
        inode = path.stat().st_ino
        assert store.put(SCOPE, DIGEST, ".txt", DATA) == path
        assert path.stat().st_ino == inode
        assert store.sweep(SCOPE, set(), 500) == []

    @pytest.mark.parametrize("torn", [b"", DATA[:5], b"x" * len(DATA)])
    def test_a_torn_file_is_replaced(self, store: BlobStore, torn: bytes) -> None:
        path = store.put(SCOPE, DIGEST, ".txt", DATA)
        path.write_bytes(torn)
        assert store.put(SCOPE, DIGEST, ".txt", DATA).read_bytes() == DATA

    def test_scopes_share_nothing(self, store: BlobStore) -> None:
        one, other = store.put(SCOPE, DIGEST, "", DATA), store.put(OTHER, DIGEST, "", DATA)
        assert one != other
        store.forget(SCOPE)
        assert not one.exists()
        assert other.read_bytes() == DATA

    @pytest.mark.parametrize(
        ("suffix", "kept"),
        [
            *(
                (".txt", ".txt"),
                ("", ""),
                (".TAR.gz", ".tar.gz"),
                ("txt", ".txt"),
                ("...", ""),
                (".a/../../b", ".a....b"),
            ),
            *((".tx\x00t", ".txt"), (".äöü", ""), (".abcdefghijklmnopqrstuvwxyz", ".abcdefghijklmno"), ("/", "")),
        ],
    )
    def test_the_ending_is_made_harmless(self, store: BlobStore, suffix: str, kept: str) -> None:
        path = store.put(SCOPE, DIGEST, suffix, DATA)
        assert path.parent == store.root / SCOPE
        assert path.name == DIGEST + kept

    @pytest.mark.parametrize("scope", ["", ".", "..", "a/b", "../x", "a" * 65, "a\x00", "ä", "a b"])
    def test_a_scope_folder_is_one_plain_name(self, store: BlobStore, scope: str) -> None:
        calls = [
            lambda: store.put(scope, DIGEST, "", DATA),
            lambda: store.forget(scope),
            lambda: store.sweep(scope, set(), 0),
        ]
        for call in calls:
            with pytest.raises(InputError, match="not a scope folder"):
                call()

    @pytest.mark.parametrize("digest", ["", "../../../../etc/passwd", "abc", "A" * 64, "g" * 64])
    def test_a_digest_is_hexadecimal(self, store: BlobStore, digest: str) -> None:
        with pytest.raises(InputError, match="not a content hash"):
            store.put(SCOPE, digest, "", DATA)

    def test_the_order_of_durability(self, store: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
        store.put(SCOPE, "0" * 64, "", b"the folders are there")
        steps: list[str] = []
        fsync, replace = os.fsync, os.replace

        def traced_fsync(descriptor: int) -> None:
            steps.append("fsync folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "fsync file")
            fsync(descriptor)

        def traced_replace(source: Path, target: Path) -> None:
            assert source.parent == target.parent
            assert source.read_bytes() == DATA
            steps.append("rename")
            replace(source, target)

        monkeypatch.setattr(os, "fsync", traced_fsync)
        monkeypatch.setattr(os, "replace", traced_replace)
        store.put(SCOPE, DIGEST, "", DATA)
        assert steps == ["fsync file", "rename", "fsync folder"]

    def test_new_folders_are_durable_too(self, store: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
        synced: list[int] = []
        fsync = os.fsync

        def traced(descriptor: int) -> None:
            synced.append(os.fstat(descriptor).st_ino)
            fsync(descriptor)

        monkeypatch.setattr(os, "fsync", traced)
        path = store.put(SCOPE, DIGEST, "", DATA)
        folders = [store.root.parent.parent, store.root.parent, store.root, path.parent]
        assert {folder.stat().st_ino for folder in folders} <= set(synced)


class TestFailure:
    def test_a_file_limit(self, store: BlobStore) -> None:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        try:
            with pytest.raises(StorageFull, match="space"):
                store.put(SCOPE, DIGEST, "", b"x" * 5000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert names(store.root / SCOPE) == []
        assert store.put(SCOPE, DIGEST, "", DATA).exists()

    @pytest.mark.parametrize("call", ["fsync", "replace"])
    @pytest.mark.parametrize(
        ("number", "error"),
        [
            *((errno.ENOSPC, StorageFull), (errno.EDQUOT, StorageFull), (errno.EROFS, StorageReadOnly)),
            *((errno.EACCES, StorageReadOnly), (errno.EIO, StorageError)),
        ],
    )
    def test_what_the_system_says(
        self, store: BlobStore, monkeypatch: pytest.MonkeyPatch, call: str, number: int, error: type[StorageError]
    ) -> None:
        store.put(SCOPE, "0" * 64, "", b"before")

        def fail(*args: object) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, call, fail)
        with pytest.raises(error) as raised:
            store.put(SCOPE, DIGEST, "", DATA)
        assert type(raised.value) is error
        assert names(store.root / SCOPE) == ["0" * 64]

    def test_an_interruption_leaves_nothing(self, store: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupt(*args: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(os, "replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            store.put(SCOPE, DIGEST, "", DATA)
        assert names(store.root / SCOPE) == []

    def test_a_read_only_folder(self, open_folder: Path, unprivileged: Unprivileged) -> None:
        folder = open_folder / "locked"
        folder.mkdir(mode=0o555)
        with unprivileged(), pytest.raises(StorageReadOnly, match="permissions") as raised:
            BlobStore(folder / "resources").put(SCOPE, DIGEST, "", DATA)
        assert isinstance(raised.value, PermissionError)

    def test_a_file_in_the_place_of_the_folder(self, tmp_path: Path) -> None:
        (tmp_path / "resources").write_text("I am a file")
        with pytest.raises(StorageError):
            BlobStore(tmp_path / "resources").put(SCOPE, DIGEST, "", DATA)
        store = BlobStore(tmp_path)
        (tmp_path / SCOPE).write_text("I am a file")
        with pytest.raises(StorageError, match="not a folder"):
            store.put(SCOPE, DIGEST, "", DATA)


class TestRemove:
    def test_one_copy(self, store: BlobStore) -> None:
        path, other = store.put(SCOPE, DIGEST, "", DATA), store.put(SCOPE, "0" * 64, "", b"other")
        assert store.remove(path) is True
        assert store.remove(str(path)) is False
        assert names(path.parent) == [other.name]

    def test_a_scope_without_copies(self, store: BlobStore) -> None:
        assert store.remove(store.root / SCOPE / DIGEST) is False

    def test_what_is_no_copy_stays(self, store: BlobStore, tmp_path: Path) -> None:
        copy = store.put(SCOPE, DIGEST, "", DATA)
        outside = tmp_path / "outside.txt"
        outside.write_text("mine")
        (store.root / "top.txt").write_text("mine")
        for path in [
            outside,
            store.root / "top.txt",
            store.root / SCOPE,
            store.root / SCOPE / ".." / ".." / ".." / "outside.txt",
            copy / "deeper",
            store.root / SCOPE / "..",
            Path("/etc/passwd"),
        ]:
            with pytest.raises(InputError, match="not a copy"):
                store.remove(path)
        assert outside.exists()
        assert (store.root / "top.txt").exists()
        assert copy.exists()


class TestForget:
    def test_the_whole_folder_goes(self, store: BlobStore) -> None:
        folder = store.put(SCOPE, DIGEST, "", DATA).parent
        (folder / ".torn.tmp").write_bytes(b"half")
        store.forget(SCOPE)
        assert not folder.exists()
        store.forget(SCOPE)
        assert store.put(SCOPE, DIGEST, "", DATA).exists()


class TestSweep:
    def test_orphans_and_torn_files_that_are_old_enough(self, store: BlobStore) -> None:
        kept, orphan, young = (store.put(SCOPE, character * 64, ".txt", DATA) for character in "abc")
        torn = kept.with_name(f".{'d' * 64}.txt.0123.tmp")
        torn.write_bytes(b"half")
        elsewhere = store.put(OTHER, "b" * 64, ".txt", DATA)
        for path in (kept, orphan, torn, elsewhere):
            age(path, 1000)
        assert store.sweep(SCOPE, {kept}, older_than=500) == sorted([orphan, torn])
        assert names(kept.parent) == sorted([kept.name, young.name])
        assert elsewhere.exists()
        assert store.sweep(SCOPE, {kept}, older_than=500) == []

    def test_what_is_in_use_stays_under_any_spelling_of_the_folder(self, store: BlobStore) -> None:
        kept = store.put(SCOPE, DIGEST, ".txt", DATA)
        age(kept, 1000)
        assert store.sweep(SCOPE, {Path(os.path.relpath(kept))}, older_than=0) == []


class TestLinks:
    @pytest.fixture
    def outside(self, tmp_path: Path) -> Path:
        folder = tmp_path.resolve() / "outside"
        folder.mkdir()
        (folder / DIGEST).write_bytes(b"mine")
        age(folder / DIGEST, 1000)
        return folder

    def test_a_linked_scope_folder_is_not_followed(self, store: BlobStore, outside: Path) -> None:
        store.put(OTHER, DIGEST, "", DATA)
        link = store.root / SCOPE
        link.symlink_to(outside)
        with pytest.raises(StorageError, match="through a link"):
            store.put(SCOPE, "0" * 64, "", DATA)
        with pytest.raises(InputError):
            store.remove(link / DIGEST)
        assert store.sweep(SCOPE, set(), 0) == []
        store.forget(SCOPE)
        assert not link.is_symlink()
        assert names(outside) == [DIGEST]
        assert (outside / DIGEST).read_bytes() == b"mine"

    def test_a_dangling_scope_folder_is_not_followed(self, store: BlobStore, tmp_path: Path) -> None:
        store.put(OTHER, DIGEST, "", DATA)
        (store.root / SCOPE).symlink_to(tmp_path / "nowhere")
        with pytest.raises(StorageError):
            store.put(SCOPE, DIGEST, "", DATA)
        assert not (tmp_path / "nowhere").exists()

    def test_a_link_in_the_place_of_a_copy_is_replaced(self, store: BlobStore, outside: Path) -> None:
        path = store.put(SCOPE, DIGEST, "", DATA)
        path.unlink()
        path.symlink_to(outside / DIGEST)
        assert store.put(SCOPE, DIGEST, "", DATA) == path
        assert not path.is_symlink()
        assert path.read_bytes() == DATA
        assert (outside / DIGEST).read_bytes() == b"mine"

    def test_a_link_to_the_same_bytes_is_replaced_too(self, store: BlobStore, outside: Path) -> None:
        target = outside / "same"
        data = b"x" * len(str(target))  # the size that a link to it reports
        target.write_bytes(data)
        path = store.put(SCOPE, DIGEST, "", data)
        path.unlink()
        path.symlink_to(target)
        assert not store.put(SCOPE, DIGEST, "", data).is_symlink()

    def test_links_below_go_and_their_targets_stay(self, store: BlobStore, outside: Path) -> None:
        folder = store.put(SCOPE, DIGEST, "", DATA).parent
        (folder / "file").symlink_to(outside / DIGEST)
        (folder / "folder").symlink_to(outside)
        age(folder / "file", 1000)
        assert store.sweep(SCOPE, set(), 500) == [folder / "file"]
        store.forget(SCOPE)
        assert (outside / DIGEST).read_bytes() == b"mine"
