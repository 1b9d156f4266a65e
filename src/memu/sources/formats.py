"""Which bytes can be read as what: by file name ending and by content type, decided in one place."""

from pathlib import PurePosixPath

from memu.errors import SourceInvalid

TEXT = frozenset({".txt", ".text", ".rst"})
MARKDOWN = frozenset({".md", ".markdown", ".mdown", ".mkd"})
JSON = frozenset({".json", ".jsonl", ".ndjson"})

HTML = frozenset({".html", ".htm", ".xhtml"})
PDF = frozenset({".pdf"})
DOCX = frozenset({".docx"})

_MEDIA = {
    "image": ".png .jpg .jpeg .gif .webp",
    "audio": ".mp3 .wav .m4a .aac .flac .ogg .oga .opus .mpga",
    "video": ".mp4 .m4v .mov .mkv .webm .avi .mpeg .mpg",
}
_MODALITY = {suffix: modality for modality, suffixes in _MEDIA.items() for suffix in suffixes.split()}
_UNREADABLE = {
    "mail and web archives": ".mhtml .eml .msg",
    "office documents": ".doc .odt .rtf .ppt .pptx .odp .xls .xlsx .ods .epub",
    "images of this kind": ".bmp .tif .tiff .heic .ico .svg",
    "archives": ".zip .gz .tgz .bz2 .xz .7z .rar .tar",
}
_KIND = {suffix: kind for kind, suffixes in _UNREADABLE.items() for suffix in suffixes.split()}
_TYPE_SUFFIX = {
    "text/markdown": ".md",
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/json": ".json",
    "application/jsonl": ".jsonl",
    "application/x-ndjson": ".jsonl",
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "audio/mpeg": ".mp3",
    "audio/wav": ".wav",
    "audio/x-wav": ".wav",
    "audio/mp4": ".m4a",
    "audio/flac": ".flac",
    "audio/ogg": ".ogg",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "video/quicktime": ".mov",
}
_UNTOLD = ("", "text/plain", "application/octet-stream", "binary/octet-stream")
_TEXT_TYPES = ("application/xml", "application/yaml", "application/x-yaml", "application/toml")


def suffix_of(path: str) -> str:
    """The ending of a file name or URL path in lower case, with its dot; "" when it has none."""
    return PurePosixPath(path).suffix.lower()


def suffix_of_page(content_type: str, path: str) -> str:
    """The file name ending that suits a page: by its content type, and by its path where that says little.

    Raises:
        SourceInvalid: the type is none that can be read.
    """
    if content_type in _UNTOLD:
        return suffix_of(path) or ".txt"
    if content_type in _TYPE_SUFFIX:
        return _TYPE_SUFFIX[content_type]
    if content_type.endswith("+json"):
        return ".json"
    if content_type == "image/svg+xml":
        raise _unsupported("pictures of the type 'image/svg+xml'")
    if content_type.startswith("text/") or content_type in _TEXT_TYPES or content_type.endswith("+xml"):
        return suffix_of(path) or ".txt"
    raise _unsupported(f"content of the type {content_type!r}")


def media_of(suffix: str, modality: str | None) -> str | None:
    """The modality of what a language model has to look at or listen to: the given one, or that of the ending.

    Raises:
        SourceInvalid: another modality was given for such a file.
    """
    if modality in _MEDIA:
        return modality
    found = _MODALITY.get(suffix)
    if found and modality in ("document", "conversation"):
        raise SourceInvalid(f'a file {suffix} is no {modality}: leave the modality out, or give "{found}".')
    return found if modality is None else None


def check_suffix(suffix: str) -> None:
    """Refuse a file by its ending before its bytes are taken for text.

    Raises:
        SourceInvalid: old office documents, archives, and the like.
    """
    if suffix in _KIND:
        raise _unsupported(f"{_KIND[suffix]} ({suffix})")


def kind_of_unreadable(suffix: str) -> str | None:
    """What files of an ending are that `check_suffix` refuses; None for others."""
    return _KIND.get(suffix)


def _unsupported(what: str) -> SourceInvalid:
    return SourceInvalid(
        f"{what} cannot be read; supported are plain text, Markdown, HTML, PDF, DOCX, conversations (JSON, JSON Lines, "
        'or lines like "Name: words"), and with a language model pictures (PNG, JPEG, GIF, WebP), recordings and '
        "videos. Convert it to one of them."
    )
