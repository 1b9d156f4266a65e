"""What `memorize` is given, as a text: pictures, recordings and videos are read by a language model first."""

import hashlib
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from pydantic import BaseModel

from memu.app.asking import Asking
from memu.app.wiring import Parts
from memu.backends.base import equals
from memu.backends.schema import RESOURCES, TEXTS
from memu.errors import SourceInvalid
from memu.llm.base import Call, ChatModel, Image
from memu.llm.prompts import build
from memu.scope import Scope
from memu.sources.base import Media, Source
from memu.sources.documents import from_text
from memu.sources.load import needs_model, read
from memu.sources.text import storable
from memu.sources.video import frames

BYTES_HASH = "bytes_hash"
"""Where a resource keeps the hash of the file that a model read, so that it is not read again."""

SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)
"""How pictures begin that models can be shown; WebP has its name at another place."""

LOOK = (
    "Describe the picture for a memory that will be searched by words: who and what is to be seen, what happens, where "
    "and when as far as it shows, and every text that can be read in it, word for word. Write plain sentences that can "
    "be understood without the picture (description), and one sentence that says what it is (caption)."
)
WATCH = (
    "The pictures were taken from one video, in this order, at the times that the data says. Describe the video for a "
    "memory that will be searched by words: who and what is to be seen, what happens one after the other, and every "
    "text that can be read. Write plain sentences that can be understood without the pictures (description), and one "
    "sentence that says what it is (caption)."
)


class Seen(BaseModel):
    """What a model saw."""

    caption: str
    description: str


async def read_source(
    parts: Parts,
    scope: Scope,
    *,
    resource_url: str | PathLike[str] | None,
    text: str | None,
    messages: Sequence[Any] | None,
    modality: str | None,
    asking: Asking | None,
) -> Source:
    """Read what was given; a model is asked for a picture, a recording or a video that the scope does not hold yet.

    That is within the budget of `asking`, and counted there.

    Raises:
        SourceError: it cannot be read, or there is no model that could.
        ModelError: the model failed.
    """
    found = await parts.load(
        read,
        resource_url=resource_url,
        text=text,
        messages=messages,
        modality=modality,
        settings=parts.blob_settings,
    )
    if isinstance(found, Source):
        return found
    if asking is None:
        raise needs_model(found)
    key = await parts.compute(_hash, found)
    known = await parts.store(_known, parts, scope, found, key)
    words, caption = (known, None) if known is not None else await _perceive(asking, found)
    source = await parts.compute(from_text, words, markdown=False, modality=found.modality)
    return Source(
        url=found.url,
        modality=found.modality,
        text=source.text,
        messages=source.messages,
        origin=found.origin,
        data=found.data,
        suffix=found.suffix,
        caption=caption,
        extra={BYTES_HASH: key},
    )


def _hash(media: Media) -> str:
    return hashlib.sha256(media.data).hexdigest()


def _known(parts: Parts, scope: Scope, media: Media, key: str) -> str | None:
    """The text that was made of the same file before: a model would find other words for it each time."""
    with parts.database.handle.reader(scope) as reader:
        rows = reader.find(
            RESOURCES,
            equals(modality=media.modality, superseded_by=None),
            columns=("id", "extra"),
            order=("created_at",),
        )
        same = [row["id"] for row in rows if row["extra"].get(BYTES_HASH) == key]
        kept = reader.get(TEXTS, equals(id=same[0]), ("text",)) if same else None
    return str(kept["text"]) if kept else None


async def _perceive(asking: Asking, media: Media) -> tuple[str, str | None]:
    """The words of a recording; or what is to be seen, and a caption."""
    parts, call = asking.parts, asking.spending.call(f"read_{media.modality}")
    model = parts.models.get(parts.memorize.preprocess_llm_profile)
    if media.modality == "audio":
        heard = await model.transcribe(media.data, name=f"recording{media.suffix or '.wav'}", call=call)
        if not heard.text.strip():
            raise SourceInvalid(f"{media.name}: no speech was heard in this recording: there is nothing to remember.")
        return storable(heard.text), None
    if media.modality == "image":
        seen = await _look(model, LOOK, {}, [Image(media.data, media_type(media))], call)
    else:
        taken = await parts.compute(_taken, parts, media)
        times = [f"{int(one.at) // 60}:{int(one.at) % 60:02d}" for one in taken]
        seen = await _look(model, WATCH, {"times": times}, [Image(one.data, "image/jpeg") for one in taken], call)
    caption = storable(" ".join(seen.caption.split()))
    words = "\n\n".join(filter(None, (caption, storable(seen.description).strip())))
    if not words:
        raise SourceInvalid(f"{media.name}: the language model saw nothing in it that it could describe.")
    return words, caption or None


async def _look(
    model: ChatModel, instructions: str, data: Mapping[str, Any], images: Sequence[Image], call: Call
) -> Seen:
    return (await model.complete(build(instructions, data, images=images), Seen, call=call)).parsed


def _taken(parts: Parts, media: Media) -> list[Any]:
    try:
        return list(frames(media.data, parts.blob_settings.video_frames))
    except SourceInvalid as fault:
        raise SourceInvalid(f"{media.name}: {fault}") from None


def media_type(media: Media) -> str:
    """What kind of picture it is, by its bytes.

    Raises:
        SourceInvalid: none that models can be shown.
    """
    for signature, kind in SIGNATURES:
        if media.data.startswith(signature):
            return kind
    if media.data[:4] == b"RIFF" and media.data[8:12] == b"WEBP":
        return "image/webp"
    raise SourceInvalid(f"{media.name} is no PNG, JPEG, GIF or WebP picture, whatever its name says: convert it.")
