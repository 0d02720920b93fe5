"""Documents made for benchmarks/pdf.py, with what stands in them: tables drawn in ten ways, text in two columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from fpdf import FPDF

ROW = 15.0
TICK = "✔"
FILLED = "●"
"""How the truth tells a cell that is filled, or a dot that is drawn."""
GREY, BLUE = (228, 228, 228), (40, 60, 120)
HEAD = ("#", "Description", "L1", "L2", "L3", "CWE")
WIDTHS = (40.0, 280.0, 20.0, 20.0, 20.0, 36.0)
ROWS = (
    (
        "1.1",
        "Verify that sessions end on the server when a person signs out of the application in any way.",
        "xxx",
        "613",
    ),
    ("1.2", "Verify that the threat model is kept.", " xx", "1053"),
    ("1.3", "Verify that two operators approve a change before it reaches the machines of the customers.", "  x", ""),
    ("1.4", "Verify that the password is never written to a log file.", "x x", "532"),
    ("1.5", "Verify that keys are renewed.", " x ", "320"),
    ("1.6", "Verify that backups are tested, and that the test tells how long it takes to be back at work.", "xxx", ""),
)


@dataclass(slots=True)
class MadeDocument:
    """A document and its truth.

    Attributes:
        name: of the file, without ending.
        rows: of its tables.
        sentences: in reading order.
    """

    name: str
    rows: list[tuple[str, ...]] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)


class _Sheet:
    def __init__(self, widths: Sequence[float], left: float = 60) -> None:
        self.pdf = FPDF(unit="pt", format="A4")
        self.pdf.set_auto_page_break(False)
        self.edges = [left + sum(widths[:index]) for index in range(len(widths) + 1)]
        self.page(100)

    def page(self, y: float = 60) -> None:
        self.pdf.add_page()
        self.y = y

    def wrapped(self, text: str, width: float) -> list[str]:
        if text in (TICK, FILLED):
            return [text]
        lines = [""]
        self.pdf.set_font("Helvetica", size=9)
        for word in text.split():
            if lines[-1] and self.pdf.get_string_width(f"{lines[-1]} {word}") > width:
                lines.append("")
            lines[-1] = f"{lines[-1]} {word}".strip()
        return lines

    def row(self, cells: Sequence[str], style: str = "", fill: tuple[int, int, int] | None = None) -> None:
        places = list(pairwise(self.edges))
        texts = [self.wrapped(cell, right - left - 6) for cell, (left, right) in zip(cells, places, strict=True)]
        height = max(map(len, texts)) * ROW
        for lines, (left, right) in zip(texts, places, strict=True):
            color = BLUE if lines == [FILLED] and style == "filled" else fill
            if color:
                self.pdf.set_fill_color(*color)
                self.pdf.rect(left, self.y, right - left, height, style="F")
            if style in ("lines", "filled", "dots"):
                self.pdf.rect(left, self.y, right - left, height)
            if style == "under":
                self.pdf.line(left, self.y + height, right - 0.2, self.y + height)
            for number, text in enumerate(lines):
                self.word(text, left, right, self.y + ROW * number + 11, style)
        self.y += height

    def word(self, text: str, left: float, right: float, y: float, style: str) -> None:
        if text == FILLED:
            if style == "dots":
                self.pdf.set_fill_color(0, 0, 0)
                self.pdf.ellipse((left + right) / 2 - 4, y - 8, 8, 8, style="F")
            return
        self.pdf.set_font("ZapfDingbats" if text == TICK else "Helvetica", size=9)
        text = "4" if text == TICK else text
        x = (left + right - self.pdf.get_string_width(text)) / 2 if right - left < 80 else left + 3
        self.pdf.text(x, y, text)

    def prose(self, sentences: Sequence[str], left: float = 60, width: float = 420) -> list[str]:
        for sentence in sentences:
            for line in self.wrapped(sentence, width):
                self.pdf.text(left, self.y, line)
                self.y += 12
        self.y += ROW
        return list(sentences)


def _requirements(mark: str = TICK, prefix: str = "") -> list[tuple[str, ...]]:
    return [
        (prefix + number, text, *(mark if sign == "x" else "" for sign in signs), cwe)
        for number, text, signs, cwe in ROWS
    ]


def _sentences(name: str, count: int) -> list[str]:
    topics = ("keys", "locks", "doors", "alarms", "guards", "fences", "badges", "logs")
    return [
        f"{name} sentence {number} tells how the {topics[number % 8]} are looked after, and by whom it is done."
        for number in range(count)
    ]


def _levels(folder: Path, name: str, style: str, mark: str = TICK) -> MadeDocument:
    sheet, made = _Sheet(WIDTHS), MadeDocument(name)
    made.sentences += sheet.prose(_sentences("First", 4))
    sheet.row(HEAD, "under" if style == "under" else style)
    for number, row in enumerate(_requirements(mark)):
        sheet.row(row, "" if style == "under" else style, GREY if style == "stripes" and number % 2 == 0 else None)
        made.rows.append(row)
    sheet.y += 2 * ROW
    made.sentences += sheet.prose(_sentences("Last", 4))
    sheet.pdf.output(str(folder / f"{name}.pdf"))
    return made


def _long(folder: Path, name: str, style: str, again: bool) -> MadeDocument:
    """A table over four pages; on the last three a column stays empty."""
    sheet, made = _Sheet(WIDTHS), MadeDocument(name)
    for page in range(4):
        if page:
            sheet.page()
        if page == 0 or again:
            sheet.row(HEAD, style)
        for whole in _requirements(prefix=f"{page + 1}."):
            row = whole if page == 0 else (*whole[:2], "", *whole[3:])
            sheet.row(row, "" if style == "under" else style)
            made.rows.append(row)
    sheet.pdf.output(str(folder / f"{name}.pdf"))
    return made


def _roles(folder: Path) -> MadeDocument:
    """A matrix of roles whose head has two lines."""
    sheet, made = _Sheet((150, 70, 60, 60, 60)), MadeDocument("roles")
    top, edges = sheet.y, sheet.edges
    for left, right, high, low, text in (
        (0, 1, 0, 2, "Task"), (1, 3, 0, 1, "Engineering"), (3, 5, 0, 1, "Security"),
        (1, 2, 1, 2, "Dev"), (2, 3, 1, 2, "Ops"), (3, 4, 1, 2, "CISO"), (4, 5, 1, 2, "SOC"),
    ):  # fmt: skip
        sheet.pdf.rect(edges[left], top + ROW * high, edges[right] - edges[left], ROW * (low - high))
        sheet.word(text, edges[left], edges[right], top + ROW * (high + low) / 2 + 3, "lines")
    sheet.y = top + 2 * ROW
    made.rows = [("Patch servers", "C", "R", "A", "I"), ("Answer incidents", "", "C", "A", "R")]
    made.rows.append(("Review code", "R/A", "", "C", ""))
    for row in made.rows:
        sheet.row(row, "lines")
    sheet.pdf.output(str(folder / "roles.pdf"))
    return made


def _two_columns(folder: Path, by_line: bool) -> MadeDocument:
    name = "columns_by_line" if by_line else "columns"
    sheet, made = _Sheet((200,)), MadeDocument(name)
    made.sentences = [*_sentences("Left", 8), *_sentences("Right", 8)]
    top = sheet.y
    placed = []
    for side in (0, 1):
        sheet.y = top
        for sentence in made.sentences[8 * side : 8 * side + 8]:
            for line in sheet.wrapped(sentence, 215):
                placed.append((side, sheet.y, line))
                sheet.y += 12
    for side, y, line in sorted(placed, key=lambda item: (item[1], item[0])) if by_line else placed:
        sheet.pdf.text(60 + 245 * side, y, line)
    sheet.pdf.output(str(folder / f"{name}.pdf"))
    return made


def make(folder: Path) -> list[MadeDocument]:
    """Write the documents into a folder and return what stands in them."""
    return [
        _levels(folder, "lines", "lines"),
        _levels(folder, "rule_under_head", "under"),
        _levels(folder, "stripes", "stripes"),
        _levels(folder, "nothing_drawn", ""),
        _levels(folder, "filled_cells", "filled", FILLED),
        _levels(folder, "drawn_dots", "dots", FILLED),
        _levels(folder, "crosses", "lines", "x"),
        _long(folder, "pages_head_repeated", "lines", again=True),
        _long(folder, "pages_head_once", "lines", again=False),
        _long(folder, "pages_rule_repeated", "under", again=True),
        _long(folder, "pages_rule_once", "under", again=False),
        _roles(folder),
        _two_columns(folder, by_line=False),
        _two_columns(folder, by_line=True),
    ]
