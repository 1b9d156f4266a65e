"""Text as it may be kept: decoded, free of what no database stores, and cut into lines with their offsets."""

import codecs
import re
from collections.abc import Iterator

from memu.errors import MemuError, SourceInvalid

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_LINE = re.compile(r"([^\r\n]*)(?:\r\n?|\n|\Z)")
# The four-byte marks come first: UTF-32's begins with UTF-16's.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Python knows them as character sets; no server means them, and some take quadratic time.
_REFUSED_CHARSETS = frozenset({"punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined"})


def check_text(text: str, name: str, error: type[MemuError] = SourceInvalid) -> str:
    """Return `text` when every database can store it.

    Raises:
        MemuError: of the class `error`: a NUL or a lone surrogate, with its 0-based character position.
    """
    found = _UNSTORABLE.search(text)
    if found is None:
        return text
    what = "a NUL byte" if found.group() == "\x00" else "a lone surrogate"
    raise error(f"{name} holds {what} at character {found.start()}: expected plain Unicode text. Remove it.")


def storable(text: str) -> str:
    """The text with a replacement mark for each character that databases do not store: for what a program made."""
    return _UNSTORABLE.sub("\ufffd", text)


def decode(data: bytes, name: str, charset: str | None = None) -> str:
    """The text of `data`: by its byte order mark (which is dropped), else by `charset`, else as UTF-8.

    Raises:
        SourceInvalid: nothing in it, an unknown charset, bytes that do not decode (with their offset), or a NUL.
    """
    mark, encoding = next(((m, e) for m, e in _BYTE_ORDER_MARKS if data.startswith(m)), (b"", charset or "utf-8"))
    body = data[len(mark) :]
    if not body:
        raise SourceInvalid(f"{name} is empty: expected text.")
    try:
        if codecs.lookup(encoding).name.replace("-", "_") in _REFUSED_CHARSETS:
            raise LookupError
        text = body.decode(encoding)
    except UnicodeDecodeError as fault:
        offset = fault.start + len(mark)
        raise SourceInvalid(
            f"{name} is not valid {encoding.upper()}: byte offset {offset} (0x{data[offset]:02x}) does not decode. "
            "Expected UTF-8, or UTF-16 with a byte order mark; convert the file."
        ) from None
    except (LookupError, ValueError):
        raise SourceInvalid(f"{name} declares the unknown charset {encoding!r}: expected UTF-8.") from None
    return check_text(text, name)


def lines(text: str) -> Iterator[tuple[int, int]]:
    r"""The (start, end) offsets of each line, without its ending; lines end with \n, \r\n or \r."""
    return (match.span(1) for match in _LINE.finditer(text))


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without its outer white space; an empty span at `end` when there is nothing else."""
    words = text[start:end]
    left = len(words) - len(words.lstrip())
    return start + left, start + max(left, len(words.rstrip()))
