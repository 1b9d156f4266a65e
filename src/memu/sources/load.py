"""Whatever was given to `memorize` (a path, a URL, a string, messages) becomes a `Source`, or a clear error."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from memu.errors import InputError, SourceForbidden, SourceInvalid
from memu.models import MODALITIES
from memu.settings import BlobConfig
from memu.sources.base import Media, Source
from memu.sources.conversations import load_conversation_text, sniff_conversation
from memu.sources.documents import from_text
from memu.sources.files import read_bytes
from memu.sources.formats import DOCX, HTML, JSON, MARKDOWN, PDF, check_suffix, media_of, suffix_of, suffix_of_page
from memu.sources.messages import from_messages
from memu.sources.text import check_text, decode

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_LONGEST_PATH = 4096

T = TypeVar("T")


def load(
    *,
    resource_url: str | os.PathLike[str] | None = None,
    text: str | None = None,
    messages: Sequence[Mapping[str, Any]] | None = None,
    modality: str | None = None,
    settings: BlobConfig,
) -> Source:
    """Read one source as `read` does, where no language model can help.

    Raises:
        SourceInvalid: it is a picture, a recording or a video; and the errors of `read`.
    """
    found = read(resource_url=resource_url, text=text, messages=messages, modality=modality, settings=settings)
    if isinstance(found, Media):
        raise needs_model(found)
    return found


def needs_model(media: Media) -> SourceInvalid:
    """What to say of something that only a language model can read, where there is none."""
    what = {"image": "a picture", "audio": "a recording", "video": "a video"}[media.modality]
    doing = {"image": "sees", "audio": "transcribes speech", "video": "sees"}[media.modality]
    return SourceInvalid(
        f"{media.name} is {what}, which cannot be read offline: configure a language model that {doing} (llm_config, "
        "or the MEMU_LLM_… variables), or memorize a text about it. A text file of this name is read with "
        'modality="text".'
    )


def read(
    *,
    resource_url: str | os.PathLike[str] | None = None,
    text: str | None = None,
    messages: Sequence[Mapping[str, Any]] | None = None,
    modality: str | None = None,
    settings: BlobConfig,
) -> Source | Media:
    """Read one source: exactly one of `resource_url` (a path, or an http, https or file URL), `text` and `messages`.

    Without a modality, JSON of messages is a conversation, a picture, recording or video is one, any other file a
    document, and a string a text. This blocks while it reads; nothing is written.

    Raises:
        InputError: none or several were given, an unknown modality, or a text without words.
        SourceError: the file or URL cannot be read, or its content is not what the modality promises; see
            `read_local`, `fetch`, `from_messages`, `load_conversation_text`, `read_pdf`, `read_docx` and `read_html`.
        MissingExtra: a package that the format needs is not installed.
    """
    given = {"resource_url": resource_url, "text": text, "messages": messages}
    named = [name for name, value in given.items() if value is not None]
    if len(named) != 1:
        raise InputError(f"{' and '.join(named) or 'nothing'} was given: expected one of {', '.join(given)}.")
    if modality is not None and modality not in MODALITIES:
        raise InputError(f"unknown modality {modality!r}: expected one of {', '.join(MODALITIES)}, or none.")
    if resource_url is None and modality in ("image", "audio", "video"):
        raise InputError(f"the modality {modality!r} is for files and URLs: name one with resource_url=.")
    if messages is not None:
        return _from_messages(messages, modality)
    if resource_url is not None:
        return _from_resource(resource_url, modality, settings)
    return _from_given_text(text, modality)


def refuse_path(text: str) -> None:
    """Refuse a string that names an existing file: its name would be memorized, not its content.

    Raises:
        InputError: pointing to `resource_url=`.
    """
    if not isinstance(text, str) or len(text) > _LONGEST_PATH or any(mark in text for mark in "\n\r\x00"):
        return
    try:
        found = Path(text).expanduser().is_file()
    except (OSError, ValueError, RuntimeError):
        return
    if found:
        raise InputError(f"{text!r} is the name of a file: memorize its content with resource_url={text!r}.")


def _from_messages(messages: Sequence[Mapping[str, Any]], modality: str | None) -> Source:
    if modality not in (None, "conversation"):
        raise InputError(f'messages were given with the modality {modality!r}: expected "conversation", or none.')
    return from_messages(messages)


def _from_given_text(text: str | None, modality: str | None) -> Source:
    if not isinstance(text, str):
        raise InputError(f"the text is of type {type(text).__name__}: expected a string.")
    check_text(text, "the text", InputError)
    if not text.strip():
        raise InputError("the text is empty or only white space: expected words to memorize.")
    if modality == "conversation":
        return load_conversation_text(text)
    return from_text(text, markdown=modality == "document", modality=modality or "text")


def _from_resource(resource_url: str | os.PathLike[str], modality: str | None, settings: BlobConfig) -> Source | Media:
    scheme = _SCHEME.match(resource_url) if isinstance(resource_url, str) else None
    if scheme is None or scheme[1].lower() == "file":
        return _from_file(resource_url, modality, settings)
    if scheme[1].lower() not in ("http", "https"):
        raise SourceForbidden(f"URLs of the scheme {scheme[1]!r} are not read: expected http, https, file, or a path.")
    return _from_web(str(resource_url), modality, settings)


def _from_file(path: str | os.PathLike[str], modality: str | None, settings: BlobConfig) -> Source | Media:
    suffix = suffix_of(str(path))
    media = _named(str(path), lambda: _check_readable(suffix, modality))
    resolved, data = read_bytes(path, settings)
    if media:
        return Media(str(resolved), str(path), media, data, suffix, resolved)
    source = _parsed(data, str(path), suffix, modality, settings)
    return replace(source, url=str(resolved), origin=resolved, data=data, suffix=suffix)


def _from_web(url: str, modality: str | None, settings: BlobConfig) -> Source | Media:
    from memu.sources.web import fetch, path_of, shown

    page = fetch(url, settings)
    suffix = _named(shown(url), lambda: suffix_of_page(page.content_type, path_of(page.url)))
    media = _named(shown(url), lambda: _check_readable(suffix, modality))
    if media:
        return Media(url, shown(url), media, page.data, suffix)
    source = _parsed(page.data, shown(page.url), suffix, modality, settings, page.charset or None)
    return replace(source, url=url, data=page.data, suffix=suffix)


def _check_readable(suffix: str, modality: str | None) -> str | None:
    """The modality of what a language model has to read; None for what is read here."""
    # Asked for as plain text, anything that decodes may be read, its markup too.
    if modality == "text":
        return None
    if media := media_of(suffix, modality):
        return media
    check_suffix(suffix)
    return None


def _parsed(
    data: bytes, name: str, suffix: str, modality: str | None, settings: BlobConfig, charset: str | None = None
) -> Source:
    """What was read, as the source that it is; errors say its name."""
    if modality != "text" and suffix in (*HTML, *PDF, *DOCX):
        source = _named(name, lambda: _formatted(data, name, suffix, settings, charset))
        if modality == "conversation":
            return _named(name, lambda: load_conversation_text(source.text))
        return source
    text = decode(data, name, charset)
    return _named(name, lambda: _parsed_text(text, suffix, modality))


def _formatted(data: bytes, name: str, suffix: str, settings: BlobConfig, charset: str | None) -> Source:
    if suffix in HTML:
        from memu.sources.html import declared_charset, read_html

        return read_html(decode(data, name, charset or declared_charset(data)), settings)
    if suffix in PDF:
        from memu.sources.pdf import read_pdf

        return read_pdf(data, settings)
    from memu.sources.docx import read_docx

    return read_docx(data, settings)


def _parsed_text(text: str, suffix: str, modality: str | None) -> Source:
    if modality == "conversation":
        return load_conversation_text(text)
    if modality is None and suffix in JSON and (conversation := sniff_conversation(text)):
        return conversation
    return from_text(text, markdown=suffix in MARKDOWN and modality != "text", modality=modality or "document")


def _named(name: str, step: Callable[[], T]) -> T:
    """Run a step whose errors do not know the file, and say in them which it was."""
    try:
        return step()
    except SourceInvalid as fault:
        raise SourceInvalid(str(fault) if str(fault).startswith(name) else f"{name}: {fault}") from None
