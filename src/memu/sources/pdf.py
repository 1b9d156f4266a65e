"""PDF becomes a document: the words of each page, under the titles of its outline and the page's number."""

import io
import logging
from collections.abc import Iterator
from typing import Any

from memu.errors import MemuError, SourceError, SourceInvalid
from memu.settings import BlobConfig
from memu.sources.base import Source
from memu.sources.blocks import Blocks
from memu.sources.documents import paragraphs
from memu.sources.extras import needs

MOST_TITLES = 10_000
"""How much of an outline is read."""

LARGEST_PAGE = 10_000_000
"""How many bytes of drawing one page may unpack to; text takes a small part of that."""

NO_TEXT = (
    "this PDF has no text in it: its pages are probably pictures. Make pictures of them (PNG or JPEG) and memorize "
    "those with a language model that sees, or have its text recognised first."
)
logger = logging.getLogger("memu.sources")


def read_pdf(data: bytes, limits: BlobConfig) -> Source:
    """Read a PDF's text, page by page; what is drawn and not written is not read.

    Raises:
        SourceInvalid: no PDF, a damaged or an encrypted one, or one without text.
        SourceError: more pages or characters than the limits allow, or a stream that unpacks to too much.
        MissingExtra: pypdf is not installed.
    """
    if b"%PDF-" not in data[:1024]:
        raise SourceInvalid("this is no PDF, whatever its name says: expected a file that begins with %PDF.")
    with needs("pypdf", "documents", "PDF"):
        from pypdf import PdfReader
        from pypdf.errors import DependencyError, LimitReachedError
    blocks = Blocks("the PDF", limits.max_characters)
    try:
        _fill(blocks, PdfReader(io.BytesIO(data)), limits)
    except MemuError:
        raise
    except LimitReachedError:
        raise SourceError("this PDF unpacks to more than is read of one: split it, or write it anew.") from None
    except DependencyError:
        raise SourceInvalid("this PDF is encrypted in a way that needs `pip install 'memu[documents]'`.") from None
    except Exception as error:  # a damaged file may be anything to the parser
        logger.info("a PDF could not be read: %s", type(error).__name__)
        raise SourceInvalid(
            f"this PDF is damaged ({type(error).__name__}): open it in a viewer, and save it anew."
        ) from None
    return blocks.source(NO_TEXT)


def _fill(blocks: Blocks, reader: Any, limits: BlobConfig) -> None:
    if reader.is_encrypted and not reader.decrypt(""):
        raise SourceInvalid("this PDF is encrypted: save it without a password.")
    pages = len(reader.pages)
    if pages > limits.max_pages:
        raise SourceError(f"this PDF has {pages:,} pages: at most {limits.max_pages:,} are read. Split it.")
    titles = _titles(reader)
    for number, page in enumerate(reader.pages):
        for level, title in titles.get(number, ()):
            blocks.heading(level, title)
        contents = page.get_contents()
        if contents is not None and len(contents.get_data()) > LARGEST_PAGE:
            raise SourceError(
                f"page {number + 1} of this PDF unpacks to more than {LARGEST_PAGE:,} bytes: write it anew."
            )
        text = page.extract_text()
        blocks.add_spans(text, paragraphs(text), f"Page {number + 1}")


def _titles(reader: Any) -> dict[int, list[tuple[int, str]]]:
    """For each page the titles of the outline that begin there, with their levels; nothing where it is damaged."""
    found: dict[int, list[tuple[int, str]]] = {}
    try:
        for count, (level, entry) in enumerate(_entries(reader.outline, 1)):
            page = reader.get_destination_page_number(entry)
            if count >= MOST_TITLES:
                break
            if page is not None and page >= 0:
                found.setdefault(page, []).append((level, str(entry.title)))
    except Exception as error:  # the text is there without it
        logger.info("a PDF's outline could not be read: %s", type(error).__name__)
    return found


def _entries(outline: Any, level: int) -> Iterator[tuple[int, Any]]:
    for entry in outline:
        if isinstance(entry, list):
            yield from _entries(entry, level + 1)
        else:
            yield level, entry
