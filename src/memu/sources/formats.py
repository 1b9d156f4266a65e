"""Which bytes can be read as what: by file name ending and by content type, decided in one place."""

from pathlib import PurePosixPath

from memu.errors import SourceInvalid

MARKDOWN = frozenset({".md", ".markdown", ".mdown", ".mkd"})
JSON = frozenset({".json", ".jsonl", ".ndjson"})

_UNREADABLE = {
    "HTML": ".html .htm .xhtml .mhtml",
    "PDF": ".pdf",
    "office documents": ".doc .docx .odt .rtf .ppt .pptx .odp .xls .xlsx .ods .epub",
    "images": ".png .jpg .jpeg .gif .webp .bmp .tif .tiff .heic .ico .svg",
    "recordings": ".mp3 .wav .m4a .aac .flac .ogg .oga .opus .mpga",
    "videos": ".mp4 .m4v .mov .mkv .webm .avi .mpeg .mpg",
    "archives": ".zip .gz .tgz .bz2 .xz .7z .rar .tar",
}
_KIND = {suffix: kind for kind, suffixes in _UNREADABLE.items() for suffix in suffixes.split()}
_MODALITY_KIND = {"image": "images", "audio": "recordings", "video": "videos"}
_TYPE_SUFFIX = {
    "text/markdown": ".md",
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/json": ".json",
    "application/jsonl": ".jsonl",
    "application/x-ndjson": ".jsonl",
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
    if content_type.startswith("text/") or content_type in _TEXT_TYPES or content_type.endswith("+xml"):
        return suffix_of(path) or ".txt"
    raise _unsupported(f"content of the type {content_type!r}")


def check_modality(modality: str) -> None:
    """Refuse a modality that would need what this version does not have.

    Raises:
        SourceInvalid: image, audio and video.
    """
    if modality in _MODALITY_KIND:
        raise _unsupported(f"{_MODALITY_KIND[modality]} (modality {modality!r})")


def check_suffix(suffix: str) -> None:
    """Refuse a file by its ending before its bytes are taken for text.

    Raises:
        SourceInvalid: HTML, PDF, office documents, images, recordings, videos and archives.
    """
    if suffix in _KIND:
        raise _unsupported(f"{_KIND[suffix]} ({suffix})")


def _unsupported(what: str) -> SourceInvalid:
    return SourceInvalid(
        f"{what} cannot be read offline in this version; supported are plain text, Markdown, and conversations "
        '(JSON, JSON Lines, or lines like "Name: words"). Convert it to one of them.'
    )
