"""Reading order: columns are read down, tables across; lists, code, contents, turned pages."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pikepdf
import pytest
from fpdf import FPDF

from secft.dataset.sources.pdf.layout import areas_of
from secft.dataset.sources.pdf.segments import Segment, upright
from tests.dataset.sources.pdf.papers import PROSE, columns, headline, paper, prose, read, text_of


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


def test_words_from_right_to_left_have_places_too() -> None:
    """The first character stands on the right of the last; sides of characters are left, top, right, bottom."""
    first = np.array([[90, 30, 96, 20], [10, 30, 16, 20]], dtype=np.float32)
    last = np.array([[60, 30, 66, 20], [40, 30, 46, 20]], dtype=np.float32)
    left, bottom, right, top = upright(first, last, 0)
    assert (left.tolist(), right.tolist()) == ([60, 10], [96, 46])
    assert (bottom.tolist(), top.tolist()) == ([20, 20], [30, 30])
