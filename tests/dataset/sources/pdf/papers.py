"""Documents to read: prose, headings, and tables drawn in the ways in which programs draw them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fpdf import FPDF

from secft.dataset import collect
from secft.dataset.sources.pdf import PdfSource
from secft.dataset.sources.source import ReadLog
from secft.records import Document

PROSE = "The quick reader checks every certificate and every chain of trust before any request leaves the machine. "
TICK = "✔"
ROW = 16.0


def read(*paths: Path | str, **settings: Any) -> tuple[list[Document], ReadLog]:
    log = ReadLog()
    config = PdfSource(paths=[str(path) for path in paths], **settings)
    return collect.read_documents(config, log), log


def text_of(documents: Sequence[Document]) -> str:
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


class Sheet:
    """A document on which a table is drawn cell by cell, lengths in points from the upper left corner.

    A tick is set in ZapfDingbats; cells may have several lines, apart by line breaks.
    """

    def __init__(self, widths: Sequence[float], left: float = 60, size: float = 9) -> None:
        self.document = FPDF(unit="pt", format="A4")
        self.document.set_auto_page_break(False)
        self.size = size
        self.edges = [left + sum(widths[:index]) for index in range(len(widths) + 1)]
        self.page()

    def page(self, y: float = 120) -> None:
        self.document.add_page()
        self.y = y

    def text(self, text: str, x: float | None = None, size: float = 0, bold: bool = False) -> None:
        self.document.set_font("Helvetica", "B" if bold else "", size or self.size)
        self.document.text(self.edges[0] if x is None else x, self.y, text)
        self.y += ROW

    def prose(self, lines: int = 4) -> None:
        self.y += ROW
        for number in range(lines):
            self.text(f"Line {number} tells how the controls are verified and who does it, and when again.", size=10)
        self.y += ROW

    def row(
        self, cells: Sequence[str], lines: bool = False, under: bool = False, fill: tuple[int, int, int] | None = None,
        fills: dict[int, tuple[int, int, int]] | None = None, bold: bool = False,
    ) -> None:  # fmt: skip
        height = max(cell.count("\n") + 1 for cell in cells) * ROW
        for index, cell in enumerate(cells):
            left, right = self.edges[index], self.edges[index + 1]
            color = (fills or {}).get(index, fill)
            if color:
                self.document.set_fill_color(*color)
                self.document.rect(left, self.y, right - left, height, style="F")
            if lines:
                self.document.rect(left, self.y, right - left, height)
            if under:
                self.document.line(left, self.y + height, right - 0.2, self.y + height)
            for number, text in enumerate(cell.split("\n")):
                self.word(text, left, right, self.y + ROW * number + 11, bold)
        self.y += height

    def word(self, text: str, left: float, right: float, y: float, bold: bool = False) -> None:
        if text == TICK:
            self.document.set_font("ZapfDingbats", size=self.size)
            text = "4"
        else:
            self.document.set_font("Helvetica", "B" if bold else "", self.size)
        narrow = right - left < 60
        x = (left + right - self.document.get_string_width(text)) / 2 if narrow else left + 3
        self.document.text(x, y, text)

    def save(self, path: Path) -> Path:
        self.document.output(str(path))
        return path
