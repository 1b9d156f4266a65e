"""Files and web pages brought into one folder: a public face of the sources for code that fetches by itself."""

import asyncio
import hashlib
import re
from os import PathLike
from pathlib import Path

from memu.settings import BlobConfig
from memu.sources.blobs import BlobStore
from memu.sources.files import read_bytes
from memu.sources.formats import suffix_of, suffix_of_page
from memu.sources.text import decode

TEXTUAL = ("conversation", "document", "text")
FOLDER = "fetched"
_WEB = re.compile(r"https?://", re.IGNORECASE)


class LocalFS:
    """Copies of what was fetched, named by their content, so that two files of one name never collide."""

    def __init__(self, base_path: str | PathLike[str], settings: BlobConfig | None = None) -> None:
        """Name the folder; `settings` limits what may be read (see `BlobConfig`)."""
        self.base_path = Path(base_path)
        self.settings = settings or BlobConfig()
        self._blobs = BlobStore(base_path)

    async def fetch(self, url: str | PathLike[str], modality: str) -> tuple[str, str | None]:
        """Bring a path or an http(s) URL here, off the event loop.

        Returns:
            The path of the copy; and the text, for a conversation, a document or a text, else None.

        Raises:
            SourceError: it cannot be read, or is no text where the modality promises one.
        """
        return await asyncio.to_thread(self._fetch, url, modality)

    def _fetch(self, url: str | PathLike[str], modality: str) -> tuple[str, str | None]:
        if isinstance(url, str) and _WEB.match(url):
            from memu.sources.web import fetch, path_of

            page = fetch(url, self.settings)
            text = page.text if modality in TEXTUAL else None
            place = path_of(page.url)
            data, suffix = page.data, suffix_of(place) if text is None else suffix_of_page(page.content_type, place)
        else:
            path, data = read_bytes(url, self.settings)
            suffix = suffix_of(str(path))
            text = decode(data, str(url)) if modality in TEXTUAL else None
        return str(self._blobs.put(FOLDER, hashlib.sha256(data).hexdigest(), suffix, data)), text
