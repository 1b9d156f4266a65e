"""Word documents (DOCX) become documents: paragraphs and rows of tables, under the path of their headings."""

import io
import logging
import re
import zipfile
from collections.abc import Iterator
from typing import Any

from memu.errors import MemuError, SourceError, SourceInvalid
from memu.settings import BlobConfig
from memu.sources.base import Source
from memu.sources.blocks import Blocks
from memu.sources.extras import needs

LARGEST = 100_000_000
"""How many bytes the file's XML may unpack to; the pictures in it are not read."""
MEDIA = "word/media/"

OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How old Word files begin, and new ones with a password."""

NO_WORDS = "this document has no words in its paragraphs and tables: expected text."

_LEVEL = re.compile(r"Heading ([1-9])")
logger = logging.getLogger("memu.sources")


def read_docx(data: bytes, limits: BlobConfig) -> Source:
    """Read a Word document's body; headers, footers, notes, comments and text boxes are not read.

    Raises:
        SourceInvalid: no Word document, a damaged or an encrypted one, or one without words.
        SourceError: it unpacks to too much, or has more characters than the limits allow.
        MissingExtra: python-docx is not installed.
    """
    _check(data)
    with needs("python-docx", "documents", "Word documents"):
        import docx
    blocks = Blocks("the document", limits.max_characters)
    try:
        _fill(blocks, docx.Document(io.BytesIO(_without_media(data))))
    except MemuError:
        raise
    except Exception as error:  # a damaged file may be anything to the parser
        logger.info("a Word document could not be read: %s", type(error).__name__)
        raise SourceInvalid(
            f"this Word document is damaged ({type(error).__name__}): open it in Word or LibreOffice, and save it anew."
        ) from None
    return blocks.source(NO_WORDS)


def _check(data: bytes) -> None:
    """Refuse what is none, and what would unpack to more than memory should hold."""
    if data.startswith(OLD):
        raise SourceInvalid("this is encrypted, or an old Word file (.doc): save it as DOCX without a password.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise SourceInvalid("this is no Word document (DOCX), whatever its name says, or it is torn.") from None
    if sum(one.file_size for one in entries if not one.filename.startswith(MEDIA)) > LARGEST:
        raise SourceError(f"this Word document unpacks to more than {LARGEST:,} bytes: split it.")


def _without_media(data: bytes) -> bytes:
    """The same with nothing in its pictures: the parser would unpack them all, and nobody looks at them."""
    slim = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(slim, "w") as copy:
        for one in archive.infolist():
            copy.writestr(one.filename, b"" if one.filename.startswith(MEDIA) else archive.read(one))
    return slim.getvalue()


def _fill(blocks: Blocks, document: Any) -> None:
    for one in document.iter_inner_content():
        if hasattr(one, "rows"):
            _table(blocks, one)
        elif (level := _level(one)) is not None:
            blocks.heading(level, one.text)
        else:
            blocks.add(one.text)


def _level(paragraph: Any) -> int | None:
    """The level of a heading; that of the title of the whole stands above all."""
    name = str(getattr(paragraph.style, "name", "") or "")
    if name == "Title":
        return 0
    match = _LEVEL.fullmatch(name)
    return int(match[1]) if match else None


def _table(blocks: Blocks, table: Any) -> None:
    """Each row is a block, under the words of the first row where there are more."""
    rows = [" | ".join(cells) for row in table.rows if any(cells := list(_cells(row)))]
    if len(rows) == 1:
        blocks.add(rows[0])
    for row in rows[1:]:
        blocks.add(row, rows[0][:200])


def _cells(row: Any) -> Iterator[str]:
    """The words of a row's cells; one that spans several columns is told once."""
    seen: Any = None
    for cell in row.cells:
        if cell._tc is not seen:
            yield " ".join(cell.text.split())
        seen = cell._tc
