"""Files that the tests make themselves: PDF, DOCX, pictures, recordings and videos."""

import io
import struct
import wave
import zlib
from typing import Any


def pdf(*pages: str) -> bytes:
    """A PDF of pages, each of lines of text; one without text is a page with a line drawn on it."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for page in pages:
        lines = "".join(f"({line}) Tj 0 -14 Td " for line in page.split("\n"))
        drawn = f"BT /F1 12 Tf 72 720 Td {lines}ET" if page else "72 720 m 200 720 l S"
        objects.append(f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream")
        kids.append(f"{len(objects) + 1} 0 R")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {len(objects)} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    body, places = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj\n{one}\nendobj\n".encode("latin-1")
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    trailer = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    return body + (end + trailer).encode("latin-1")


def rewritten(data: bytes, *, password: str | None = None, outline: list[tuple[str, int]] | None = None) -> bytes:
    """A PDF with a password, or with an outline of titles and page numbers, each under the one before."""
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    parent: Any = None
    for title, page in outline or ():
        parent = writer.add_outline_item(title=title, page_number=page, parent=parent)
    if password is not None:
        writer.encrypt(password, "the owner's", algorithm="AES-256")
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def docx() -> bytes:
    """A Word document with a title, headings, paragraphs, a list and two tables."""
    from docx import Document

    made = Document()
    made.add_heading("House rules", level=0)
    made.add_paragraph("Everybody has a key.")
    made.add_heading("Kitchen", level=1)
    made.add_paragraph("The oven is cleaned on Fridays.")
    made.add_paragraph("Cups go to the left.", style="List Bullet")
    made.add_heading("Waste", level=2)
    table = made.add_table(rows=2, cols=2)
    for at, words in enumerate(("Day", "What", "Monday", "Paper and glass")):
        table.cell(at // 2, at % 2).text = words
    made.add_heading("Garden", level=1)
    single = made.add_table(rows=1, cols=2)
    single.cell(0, 0).merge(single.cell(0, 1)).text = "Closed in winter."
    return saved(made)


def saved(document: Any) -> bytes:
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def png(width: int = 2, height: int = 2) -> bytes:
    """A grey picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\x80" * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def wav() -> bytes:
    """A tenth of a second of silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(8000)
        recording.writeframes(bytes(1600))
    return file.getvalue()


def mp4(seconds: int = 4, width: int = 64, height: int = 48) -> bytes:
    """A video whose pictures grow brighter with each second."""
    import av
    import numpy as np

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream: Any = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.gop_size = 5
        for step in range(seconds * 10):
            shade = np.full((height, width, 3), 25 + 50 * (step // 10), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shade, format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()
