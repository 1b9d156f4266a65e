"""Which files of a folder are memorized: those of a kind that can be read here, and why the others are left."""

from importlib.util import find_spec
from pathlib import Path

from memu.sources.formats import DOCX, HTML, JSON, MARKDOWN, PDF, TEXT, kind_of_unreadable, media_of

_PACKAGES = (
    (HTML, "HTML", "lxml", "documents"),
    (PDF, "PDF", "pypdf", "documents"),
    (DOCX, "Word documents", "docx", "documents"),
)
"""Endings whose reader needs a package: what they are, what is imported, and the extra that brings it."""


def why_left(suffix: str) -> str | None:
    """Why files of an ending are left where a whole folder is memorized; None for those that are read.

    Pictures, recordings and videos are, since each costs a request to a language model: whoever wants that names them.
    """
    if suffix in TEXT | MARKDOWN | JSON:
        return None
    for suffixes, what, package, extra in _PACKAGES:
        if suffix in suffixes:
            missing = find_spec(package) is None
            return f"{what} cannot be read without the package: pip install 'memu[{extra}]'" if missing else None
    if media := media_of(suffix, None):
        told = {"image": "pictures", "audio": "recordings", "video": "videos"}[media]
        return f"{told} are read by a language model: name them, or a pattern such as '**/*{suffix}'"
    if kind := kind_of_unreadable(suffix):
        return f"{kind} cannot be read"
    return "the kind is not known: name the file, and it is read as text"


def why_link_left(link: Path, top: Path) -> str | None:
    """Why a link below the folder `top` is left; None where it leads to a file that is memorized with the folder."""
    try:
        target, root = link.resolve(strict=True), top.resolve()
    except (OSError, RuntimeError):  # the latter where it leads round in a circle
        return "the link leads nowhere"
    if not target.is_relative_to(root):
        return "the link leads out of the folder: name it, and it is read"
    if any(part.startswith(".") for part in target.relative_to(root).parts):
        return "the link leads to what is hidden: name it, and it is read"
    return None
