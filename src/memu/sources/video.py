"""Pictures out of a video, taken evenly from its beginning to its end."""

import io
import logging
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from memu.errors import MemuError, SourceInvalid
from memu.sources.extras import needs

LONGEST_SIDE = 768
"""How large a picture is at most, in pixels of its longer side."""

logger = logging.getLogger("memu.sources")


class Frame(NamedTuple):
    """A picture of a video: when it is shown, in seconds, and the picture as JPEG."""

    at: float
    data: bytes


def frames(data: bytes, count: int) -> list[Frame]:
    """So many pictures of a video, or fewer if it has no more; the sound is not heard.

    Raises:
        SourceInvalid: this is no video, or it is damaged.
        MissingExtra: the av package is not installed.
    """
    with needs("av", "video", "videos"):
        import av
    try:
        with av.open(io.BytesIO(data)) as container:
            found = list(_frames(container, count))
    except MemuError:
        raise
    except Exception as error:  # a damaged file may be anything to the decoder
        logger.info("a video could not be read: %s", type(error).__name__)
        raise SourceInvalid(f"this is no video that can be read, or it is damaged ({type(error).__name__}).") from None
    if not found:
        raise SourceInvalid('this video has no pictures: if it is a recording, give modality="audio".')
    return found


def _frames(container: Any, count: int) -> Iterator[Frame]:
    """From each place the first picture that can be shown at once, so that nothing between has to be decoded."""
    if not container.streams.video:
        return
    stream = container.streams.video[0]
    length = float(container.duration or 0) / 1_000_000
    last = -1.0
    for step in range(count):
        container.seek(int(length * step / count * 1_000_000), backward=True)
        frame = next(container.decode(stream), None)
        if frame is None:
            continue
        at = float(frame.time or 0.0)
        if at > last:
            yield Frame(at, _jpeg(frame))
            last = at


def _jpeg(frame: Any) -> bytes:
    import av

    scale = min(1.0, LONGEST_SIDE / max(frame.width, frame.height))
    width, height = (max(2, int(side * scale) // 2 * 2) for side in (frame.width, frame.height))
    encoder: Any = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    picture = frame.reformat(width=width, height=height, format="yuvj420p")
    picture.pts = None
    return b"".join(bytes(packet) for packet in [*encoder.encode(picture), *encoder.encode(None)])
