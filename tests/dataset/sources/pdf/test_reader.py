from __future__ import annotations

import io
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pikepdf
import pypdfium2
import pytest
from fpdf import FPDF

from secft.dataset import collect
from secft.dataset.sources.pdf import PdfSource, reader
from secft.dataset.sources.pdf.layout import areas_of
from secft.dataset.sources.pdf.segments import Segment
from secft.dataset.sources.pdf.words import DocumentWords, plain
from secft.dataset.sources.source import ReadLog
from secft.errors import FetchRefused, InputError, MissingExtraError
from secft.files import canonical_json
from secft.records import Document

OWASP = Path(__file__).resolve().parents[4] / ".." / "shared" / "data" / "owasp" / "pdf"
needs_owasp = pytest.mark.skipif(not OWASP.is_dir(), reason="the OWASP PDFs are not in ../shared/data/owasp/pdf")
PROSE = "The quick reader checks every certificate and every chain of trust before any request leaves the machine. "


def read(*paths: Path | str, **settings: Any) -> tuple[list[Document], ReadLog]:
    log = ReadLog()
    config = PdfSource(paths=[str(path) for path in paths], **settings)
    return collect.read_documents(config, log), log


def text_of(documents: list[Document]) -> str:
    return "\n".join(document.text for document in documents)


class Paper(FPDF):
    """A document with a running header and a page number."""

    def header(self) -> None:
        self.set_font("Helvetica", size=9)
        self.cell(0, 6, f"Handbook of Testing - Chapter {1 + self.page_no() // 3}", align="R")
        self.ln(12)

    def footer(self) -> None:
        self.set_y(-14)
        self.set_font("Helvetica", size=9)
        self.cell(0, 6, f"Page {self.page_no()} of {{nb}}", align="C")


def paper(tmp_path: Path, draw: Callable[[FPDF], None], kind: type[FPDF] = Paper, name: str = "paper.pdf") -> Path:
    document = kind()
    document.set_auto_page_break(True, 20)
    document.add_page()
    document.set_font("Helvetica", size=11)
    draw(document)
    path = tmp_path / name
    document.output(str(path))
    return path


def headline(document: FPDF, text: str, size: float = 16) -> None:
    document.set_font("Helvetica", "B", size)
    document.multi_cell(0, 9, text, new_x="LMARGIN", new_y="NEXT")
    document.set_font("Helvetica", size=11)


def prose(document: FPDF, text: str) -> None:
    document.multi_cell(0, 5.5, text, align="L", new_x="LMARGIN", new_y="NEXT")
    document.ln(4)


def test_sections_pages_and_provenance(tmp_path: Path) -> None:
    def draw(document: FPDF) -> None:
        headline(document, "Password Storage", 20)
        prose(document, PROSE * 2)
        headline(document, "Argon2")
        prose(document, PROSE * 6)
        document.add_page()
        headline(document, "Session Management", 20)
        prose(document, PROSE * 6 + "See CVE-2021-44228 and CWE-79.")

    path = paper(tmp_path, draw)
    documents, log = read(path, license="CC0", chunk_tokens=200)
    assert log.tally.dropped == {"pdf.margin": 1}
    assert log.refused[0]["detail"] == "Handbook of Testing - Chapter 1 (2 of 2 pages)"
    first, second, third = documents
    assert [document.fields["section"] for document in documents] == [
        "Password Storage",
        "Password Storage > Argon2",
        "Session Management",
    ]
    assert [document.fields["pages"] for document in documents] == [[1, 1], [1, 1], [2, 2]]
    assert second.text == (PROSE * 6).strip()
    assert (first.id, first.kind, first.title) == ("pdf:paper.pdf#1", "guide", "paper: Password Storage")
    assert (first.path, first.url, first.license) == (str(path), "", "CC0")
    assert second.fields["parent"] == first.fields["parent"] == "pdf:paper.pdf > Password Storage"
    assert (third.fields["cves"], third.fields["cwes"]) == (["CVE-2021-44228"], ["CWE-79"])
    assert first.source_version.startswith("sha256:")


def test_running_headers_footers_and_page_numbers_go(tmp_path: Path) -> None:
    def draw(document: FPDF) -> None:
        for number in range(7):
            headline(document, f"Part {number}")
            prose(document, f"Only here: {number}. " + PROSE * 5)
            if number < 6:
                document.add_page()

    documents, _ = read(paper(tmp_path, draw), chunk_tokens=160)
    text = text_of(documents)
    assert "Handbook" not in text
    assert "Page" not in text
    assert re.findall(r"Only here: (\d)", text) == list("0123456")
    assert re.findall(r"Part (\d)", str([d.fields["section"] for d in documents])) == list("0123456")


def columns(document: FPDF, by_line: bool = False) -> None:
    headline(document, "A title across both columns of the page", 18)
    top = document.get_y() + 4
    left = [f"Left line {index} tells a story about keys that" for index in range(12)]
    right = [f"Right line {index} goes on about the locks which" for index in range(12)]
    order = (
        [(side, index) for index in range(12) for side in (0, 1)]
        if by_line
        else [(side, index) for side in (1, 0) for index in range(12)]
    )
    for side, index in order:
        document.set_xy(10 + 98 * side, top + 5.5 * index)
        document.cell(90, 5.5, (left, right)[side][index])


@pytest.mark.parametrize("by_line", [False, True])
def test_columns_are_read_down(tmp_path: Path, by_line: bool) -> None:
    documents, _ = read(paper(tmp_path, lambda document: columns(document, by_line)))
    found = re.findall(r"(Left|Right) line (\d+)", text_of(documents))
    assert found == [(side, str(index)) for side in ("Left", "Right") for index in range(12)]


def test_tables_are_read_across_and_long_ones_repeat_their_head(tmp_path: Path) -> None:
    rows = [
        ("ID", "Requirement", "Level"),
        *((f"V{n}.1", f"Verify that control {n} holds " + "under every condition " * 3, "2") for n in range(12)),
    ]

    def draw(document: FPDF) -> None:
        prose(document, PROSE * 2)
        with document.table(col_widths=(20, 140, 20), text_align="LEFT", line_height=5.5) as table:
            for row in rows:
                table.row(row)
        document.ln(6)
        prose(document, "After the table. " + PROSE)

    documents, _ = read(paper(tmp_path, draw), chunk_tokens=200)
    lines = [line for document in documents for line in document.text.splitlines() if " | " in line]
    assert [line for line in lines if line != "ID | Requirement | Level"] == [
        " | ".join(cell.strip() for cell in row) for row in rows[1:]
    ]
    with_rows = [document.text for document in documents if "V1.1 |" in document.text or "V9.1 |" in document.text]
    assert len(with_rows) == 2
    assert all("ID | Requirement | Level" in text for text in with_rows)
    assert "After the table." in documents[-1].text


def test_lists_and_code_keep_their_lines(tmp_path: Path) -> None:
    def draw(document: FPDF) -> None:
        prose(document, PROSE)
        for item in ("check the first thing", "check the second thing " + "very carefully and " * 8):
            document.cell(6, 5.5, "-")
            document.multi_cell(0, 5.5, item, new_x="LMARGIN", new_y="NEXT")
        document.ln(5)
        document.set_font("Courier", size=10)
        for line in ("def check(value):", "    if value:", "        return 1"):
            document.cell(0, 5, line, new_x="LMARGIN", new_y="NEXT")

    (document,), _ = read(paper(tmp_path, draw))
    assert "\n- check the first thing\n- check the second thing very carefully and very" in document.text
    assert "def check(value):\n    if value:\n        return 1" in document.text


def test_divided_words_are_made_whole() -> None:
    words = DocumentWords(
        ["implementation of cross-site requests", "a network side channel", "long-term plans", "time"]
    )
    assert words.joined("the imple-", "mentation") == "the implementation"
    assert words.joined("a cross-", "site request") == "a cross-site request"
    assert words.joined("the side-", "channel attack") == "the side-channel attack"
    assert words.joined("unknown atta-", "ckers") == "unknown attackers"
    assert words.joined("see CWE-", "79") == "see CWE-79"
    assert words.joined("the Open-", "SSL library") == "the Open-SSL library"
    assert words.joined("a dash -", "after") == "a dash - after"
    assert words.joined("no", "hyphen") == "no hyphen"
    assert DocumentWords(["see example.com, com-", "plementing this"]).joined("com-", "plementing") == "complementing"


def test_divided_words_in_a_document(tmp_path: Path) -> None:
    lines = ["Encryption protects data, and encryp-", "tion needs keys. The cross-site attack and the cross-",
             "site request differ. This is the last line of it."]  # fmt: skip

    def draw(document: FPDF) -> None:
        for line in lines:
            document.cell(0, 5.5, line, new_x="LMARGIN", new_y="NEXT")

    (document,), _ = read(paper(tmp_path, draw, FPDF))
    assert document.text.startswith("Encryption protects data, and encryption needs keys.")
    assert "the cross-site request differ" in document.text


def test_ligatures_and_soft_hyphens() -> None:
    assert plain("e\ufb03cient \ufb01le") == "efficient file"
    assert plain("co\u00adop divi\u00ad") == "coop divi-"
    assert plain("high\u2011value a\u00a0b") == "high-value a b"


def test_tables_of_contents_go(tmp_path: Path) -> None:
    def draw(document: FPDF) -> None:
        headline(document, "Table of Contents", 18)
        for number in range(1, 6):
            prose(document, f"Chapter {number} about something {'. ' * 40}{number}")
        document.add_page()
        headline(document, "Chapter 1 about something", 18)
        prose(document, PROSE * 3)

    documents, _ = read(paper(tmp_path, draw))
    assert len(documents) == 1
    assert ". . ." not in documents[0].text
    assert documents[0].fields["pages"] == [2, 2]


def test_turned_pages_are_read_upright(tmp_path: Path) -> None:
    path = paper(tmp_path, lambda document: prose(document, PROSE * 4), FPDF)
    with pikepdf.open(path, allow_overwriting_input=True) as file:
        file.pages[0].rotate(90, relative=True)
        file.save(path)
    assert text_of(read(path)[0]) == (PROSE * 4).strip()

    def draw(document: FPDF) -> None:
        with document.rotation(90, 100, 150):
            prose(document, PROSE * 3)

    assert text_of(read(paper(tmp_path, draw, FPDF, "turned.pdf"))[0]).replace("\n\n", " ") == (PROSE * 3).strip()


def test_columns_of_unlevel_lines_and_narrow_tables() -> None:
    def segment(text: str, left: float, bottom: float, order: int) -> Segment:
        return Segment(text, left, left + 5 * len(text), bottom, bottom + 10, 10, False, False, order)

    left = [segment(f"left column line number {n}", 50, 700 - 12 * n, n) for n in range(5)]
    right = [segment(f"right column line number {n}", 300, 694 - 12 * n, 10 + n) for n in range(5)]
    assert [area.lines[0].text[:4] for area in areas_of([*left, *right])] == ["left", "righ"]
    cells = [segment(f"{name}{n}", 50 + 100 * index, 700 - 14 * n, 3 * n + index)
             for n in range(4) for index, name in enumerate("abc")]  # fmt: skip
    (area,) = areas_of(cells)
    assert (area.kind, [line.text for line in area.lines]) == ("table", [f"a{n} | b{n} | c{n}" for n in range(4)])


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


def test_limits_and_links_are_counted(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    good = paper(folder, lambda document: prose(document, PROSE))
    (tmp_path / "out.pdf").write_bytes(good.read_bytes())
    (folder / "link.pdf").symlink_to(tmp_path / "out.pdf")
    documents, log = read(folder)
    assert len(documents) == 1
    assert log.tally.dropped == {"file.link_outside": 1}
    assert read(good, max_bytes=100)[1].tally.dropped == {"file.too_large": 1}
    two = paper(tmp_path, lambda document: document.add_page(), name="two.pdf")
    assert read(two, max_pages=1)[1].tally.dropped == {"pdf.too_many_pages": 1}
    assert read(good, timeout=0.001)[1].tally.dropped == {"process.timed_out": 1}
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match=r"no file ends in \.pdf"):
        read(tmp_path / "none")


def test_files_of_one_name_have_ids_of_their_own(tmp_path: Path) -> None:
    paths = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        paths.append(paper(tmp_path / name, lambda document: prose(document, PROSE), name="same.pdf"))
    assert [document.id for document in read(*paths)[0]] == [f"pdf:{name}/same.pdf#1" for name in "ab"]
    assert [document.id for document in read(tmp_path)[0]] == [
        f"pdf:{tmp_path.name}/{name}/same.pdf#1" for name in ("a", "b")
    ]


def test_problems_are_told_before_the_run(tmp_path: Path) -> None:
    path = paper(tmp_path, lambda document: prose(document, PROSE))
    assert reader.READER.problems(PdfSource(paths=[str(path), "https://example.org/a.pdf"]), "source.pdf") == []
    (missing,) = reader.READER.problems(PdfSource(paths=["nowhere.pdf"]), "source.pdf")
    assert (missing.key, missing.value) == ("source.pdf.paths", "nowhere.pdf")
    (bad,) = reader.READER.problems(PdfSource(paths=["http://user:word@example.org/a.pdf"]), "source.pdf")
    assert "credentials" in bad.reason
    assert "word" not in str(bad)
    (absent,) = reader.READER.problems(PdfSource(paths=[str(path)], engine="docling"), "source.pdf")
    assert (absent.key, absent.remedy) == ("source.pdf.engine", "Run: pip install docling")
    with pytest.raises(MissingExtraError, match="pip install docling"):
        read(path, engine="docling")


@contextmanager
def server(answers: dict[str, tuple[int, bytes]]) -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            status, body = answers.get(self.path, (404, b"no"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", asked
        running.shutdown()
        thread.join()


def test_addresses_are_fetched_once_and_kept(tmp_path: Path) -> None:
    content = paper(tmp_path, lambda document: prose(document, PROSE)).read_bytes()
    with server({"/a.pdf": (200, content), "/page": (200, b"<html>")}) as (home, asked):
        url = f"{home}/a.pdf"
        cache = str(tmp_path / "cache")
        config = PdfSource(paths=[url], allow_hosts=["127.0.0.1"], cache=cache)
        assert reader.READER.refresh
        assert reader.READER.external_files(config) == {}
        for _ in range(2):
            reader.READER.refresh(config)
        assert asked == ["/a.pdf"]
        (file,) = reader.READER.external_files(config).values()
        assert file.read_bytes() == content
        (document,) = collect.read_documents(config, ReadLog())
        assert (document.id, document.url, document.path) == (f"pdf:{url}#1", url, "")
        assert document.fetched
        with pytest.raises(FetchRefused):
            reader.READER.refresh(PdfSource(paths=[url], cache=str(tmp_path / "other")))
        for path, said in (("/page", "expected a PDF"), ("/none", "status 404")):
            with pytest.raises(InputError, match=said):
                reader.READER.refresh(PdfSource(paths=[home + path], allow_hosts=["127.0.0.1"], cache=cache))


def test_the_result_depends_on_nothing_but_the_files(tmp_path: Path) -> None:
    paths = [
        paper(tmp_path, columns, name="one.pdf"),
        paper(tmp_path, lambda document: prose(document, PROSE), name="two.pdf"),
    ]
    once = canonical_json(read(*paths)[0])
    assert canonical_json(read(*reversed(paths))[0]) == once
    config = PdfSource(paths=[str(path) for path in paths])
    assert reader.READER.read_part
    separate = [document for path in paths for document in reader.READER.read_part(config, str(path), ReadLog())]
    assert canonical_json(separate) == once


@needs_owasp
def test_owasp_documents() -> None:
    documents, log = read(OWASP, license="CC-BY-SA-4.0")
    assert log.tally.dropped == {"pdf.margin": 2}
    assert "Application Security Verification Standard (119 of 120 pages)" in {row["detail"] for row in log.refused}
    files = {document.fields["file"].rsplit("/", 1)[-1]: document.fields["file"] for document in documents}
    assert len(files) == 4
    assert all(document.text.strip() for document in documents)
    by_file = {short: [d for d in documents if d.fields["file"] == name] for short, name in files.items()}
    asvs = by_file["owasp-asvs-5.0.pdf"]
    chapters = {document.fields["headings"][0] for document in asvs if document.fields["headings"]}
    assert {"V1 Encoding and Sanitization", "V6 Authentication", "V17 WebRTC"} <= chapters
    rows = [line for document in asvs for line in document.text.splitlines()]
    requirements = {
        match[1]: match[2] for row in rows if (match := re.match(r"(\d+\.\d+\.\d+) \| .+ \| ([123])$", row))
    }
    assert len(requirements) > 330
    assert requirements["1.2.1"] == "1"


def digits_apart(line: str) -> str:
    return re.sub(r"(?<![A-Za-z])\d+", "0", " ".join(line.split()))


@needs_owasp
@pytest.mark.parametrize("path", sorted(OWASP.glob("*.pdf")), ids=lambda path: path.stem)
def test_no_running_header_stays_and_no_text_is_lost(path: Path) -> None:
    """Lines that PDFium itself finds at the edges of three pages or more, against the result."""
    documents, _ = read(path)
    result = text_of(documents)
    edges: Counter[tuple[str, int]] = Counter()
    words: Counter[str] = Counter()
    with pypdfium2.PdfDocument(path) as file:
        for page in file:
            text, height = page.get_textpage(), page.get_height()
            boxes = [text.get_rect(index) for index in range(text.count_rects())]
            edge = [box for box in boxes if not 0.07 * height < box[1] < 0.93 * height]
            edges.update({(digits_apart(text.get_text_bounded(*box)), round(box[1] / 3)) for box in edge})
            if not re.search(r"(?:\. ){8}", text.get_text_range()):
                words.update(re.findall(r"[a-z]{5,}", text.get_text_range()))
    lines = Counter(digits_apart(line) for line in result.splitlines())
    running = {line for (line, _), count in edges.items() if count >= 3 and line}
    assert {line: lines[line] for line in running if lines[line] > 1} == {}
    found = Counter(re.findall(r"[a-z]{5,}", result + " ".join(document.title for document in documents)))
    missing = sum(max(0, count - found[word]) for word, count in words.items() if word not in " ".join(running).lower())
    assert missing < 0.03 * sum(words.values())
