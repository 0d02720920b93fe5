"""Broken, huge and malicious files are counted refusals, and the next file is read."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from pathlib import Path

import pikepdf
import pytest
from fpdf import FPDF

from tests.dataset.sources.pdf.papers import PROSE, paper, prose, read


def raw_pdf(objects: list[bytes]) -> bytes:
    out, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    tail = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(out))
    return out + head + table + tail


CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
FONT = b"/Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"


def stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n" % (len(data), entries) + data + b"\nendstream"


def one_page(content: bytes, resources: bytes = FONT, *more: bytes) -> bytes:
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << %s >> >>" % resources
    return raw_pdf([CATALOG, b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", page, content, *more])


def inflating(unit: bytes, size: int) -> bytes:
    """Return a stream of some kilobytes that inflates to ``size`` bytes."""
    packer = zlib.compressobj(9)
    block = unit * ((1 << 20) // len(unit))
    once = b"".join(packer.compress(block) for _ in range(size >> 20)) + packer.flush()
    return stream(zlib.compress(once, 9), b"/Filter [/FlateDecode /FlateDecode]")


def nested_forms(depth: int) -> bytes:
    """Return forms that each draw the next one ten times."""
    kind = b"/Type /XObject /Subtype /Form /BBox [0 0 9 9]"
    forms = [stream(b"/X Do " * 10, kind + b" /Resources << /XObject << /X %d 0 R >> >>" % (number + 6))
             for number in range(depth)]  # fmt: skip
    last = stream(b"BT /F1 9 Tf (abc) Tj ET", kind + b" /Resources << %s >>" % FONT)
    return one_page(stream(b"/X Do"), b"/XObject << /X 5 0 R >>", *forms, last)


def image_only() -> bytes:
    from PIL import Image

    document = FPDF()
    document.add_page()
    document.image(Image.new("RGB", (64, 64), "red"), 10, 10, 100)
    return bytes(document.output())


def encrypted() -> bytes:
    document, out = FPDF(), io.BytesIO()
    document.add_page()
    with pikepdf.open(io.BytesIO(bytes(document.output()))) as file:
        file.save(out, encryption=pikepdf.Encryption(user="secret", owner="secret"))
    return out.getvalue()


LOOP = raw_pdf(
    [
        CATALOG,
        b"<< /Type /Pages /Kids [3 0 R 2 0 R] /Count 40 >>",
        b"<< /Type /Pages /Parent 2 0 R /Kids [2 0 R 3 0 R] /Count 20 >>",
    ]
)


STOPPED = ("process.out_of_memory", "process.timed_out", "process.crashed")
"""A library that gets no memory may end its process in any of these ways; what counts is that ours goes on."""


@pytest.mark.parametrize(
    ("content", "reasons"),
    [
        pytest.param(encrypted, ["pdf.encrypted"], id="encrypted"),
        pytest.param(lambda: b"", ["pdf.unreadable"], id="empty"),
        pytest.param(lambda: b"%PDF-1.7\n" + b"\x00\xff nonsense" * 500, ["pdf.unreadable"], id="broken"),
        pytest.param(lambda: b"<html><body>no</body></html>", ["pdf.unreadable"], id="html"),
        pytest.param(image_only, ["pdf.no_text"], id="image only"),
        pytest.param(lambda: LOOP, ["pdf.unreadable", "pdf.no_text"], id="page tree loop"),
        pytest.param(lambda: raw_pdf([CATALOG, b"<< /Type /Pages /Kids [2 0 R] /Count 99999 >>"]),
                     ["pdf.too_many_pages"], id="claims many pages"),
        pytest.param(lambda: one_page(inflating(b" " * 16, 1 << 30)), STOPPED, id="bomb"),
        pytest.param(lambda: one_page(inflating(b"BT /F1 9 Tf 9 9 Td (ab) Tj ET   ", 256 << 20)),
                     STOPPED, id="bomb of text"),
        pytest.param(lambda: nested_forms(12), STOPPED, id="forms in forms"),
    ],
)  # fmt: skip
def test_hostile_files_are_counted_refusals(tmp_path: Path, content: Callable[[], bytes], reasons: list[str]) -> None:
    bad = tmp_path / "bad.pdf"
    bad.write_bytes(content())
    assert bad.stat().st_size < 100_000
    good = paper(tmp_path, lambda document: prose(document, PROSE))
    documents, log = read(bad, good, max_memory=256 << 20, timeout=20)
    assert [document.fields["file"] for document in documents] == ["paper.pdf"]
    (reason,) = log.tally.dropped
    assert reason in reasons
    assert log.refused[0]["record"] == "bad.pdf"
    assert log.refused[0]["detail"]
