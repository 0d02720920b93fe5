"""Which column a mark stands in is kept, however a table is drawn and wherever it goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from secft.dataset.sources.pdf.extract import ExtractionTask, extract
from tests.dataset.sources.pdf.papers import ROW, TICK, Sheet

HEAD = ("#", "Description", "L1", "L2", "L3", "CWE")
WIDTHS = (40, 270, 20, 20, 20, 30)
ROWS = [
    (
        "1.1",
        "Verify that sessions end on the server\nwhen a person signs out of the program.",
        TICK,
        TICK,
        TICK,
        "613",
    ),
    ("1.2", "Verify that the threat model is kept.", "", TICK, TICK, "1053"),
    ("1.3", "Verify that two operators approve a change.", "", "", TICK, ""),
    ("1.4", "Verify that the password is never\nwritten to a log by any component.", TICK, "", TICK, "532"),
]
WANTED = [
    "# | Description | L1 | L2 | L3 | CWE",
    "1.1 | Verify that sessions end on the server when a person signs out of the program. "
    f"| L1: {TICK} | L2: {TICK} | L3: {TICK} | 613",
    f"1.2 | Verify that the threat model is kept. |  | L2: {TICK} | L3: {TICK} | 1053",
    f"1.3 | Verify that two operators approve a change. |  |  | L3: {TICK} | ",
    f"1.4 | Verify that the password is never written to a log by any component. | L1: {TICK} |  | L3: {TICK} | 532",
]
GREY, BLUE, GREEN, RED = (225, 225, 225), (40, 60, 120), (0, 160, 60), (220, 40, 40)


def tables(path: Path) -> list[list[str]]:
    found = extract(ExtractionTask(str(path), 100))
    return [block.text.splitlines() for block in found.blocks if block.kind in ("table", "list")]


def all_text(path: Path) -> str:
    return "\n".join(block.text for block in extract(ExtractionTask(str(path), 100)).blocks)


@pytest.mark.parametrize("drawn", ["lines", "rule", "stripes", "nothing"])
def test_marks_stand_under_their_heads(tmp_path: Path, drawn: str) -> None:
    sheet = Sheet(WIDTHS)
    sheet.prose()
    sheet.row(HEAD, lines=drawn == "lines", under=drawn == "rule", bold=True)
    for number, row in enumerate(ROWS):
        sheet.row(row, lines=drawn == "lines", fill=GREY if drawn == "stripes" and number % 2 == 0 else None)
    sheet.prose()
    path = sheet.save(tmp_path / "a.pdf")
    assert tables(path) == [WANTED]
    assert all_text(path).count("Line 0 tells") == 2


@pytest.mark.parametrize("lines", [True, False])
@pytest.mark.parametrize("again", [True, False])
def test_a_table_goes_on_where_a_column_stays_empty(tmp_path: Path, lines: bool, again: bool) -> None:
    sheet = Sheet(WIDTHS)
    sheet.prose()
    sheet.row(HEAD, lines=lines, under=not lines, bold=True)
    for row in ROWS:
        sheet.row(row, lines=lines)
    for page in (2, 3, 4):
        sheet.page(60)
        if again:
            sheet.row(HEAD, lines=lines, under=not lines, bold=True)
        for number in range(5):
            sheet.row(
                (f"{page}.{number}", f"Verify control {number} of part {page} by hand.", "", TICK, TICK, "16"),
                lines=lines,
            )
        sheet.row((f"{page}.9", "Verify the rest.", "", TICK, "", "16"), lines=lines)
    found = tables(sheet.save(tmp_path / "a.pdf"))
    assert found[0] == WANTED
    assert len(found) == 4
    for page, rows in zip((2, 3, 4), found[1:], strict=True):
        assert rows[0] == WANTED[0]
        assert rows[1] == f"{page}.0 | Verify control 0 of part {page} by hand. |  | L2: {TICK} | L3: {TICK} | 16"
        assert rows[6] == f"{page}.9 | Verify the rest. |  | L2: {TICK} |  | 16"
        assert len(rows) == 7


def test_roles_with_a_head_of_two_lines(tmp_path: Path) -> None:
    sheet = Sheet((150, 60, 60, 60, 60))
    top = sheet.y
    for left, right, high, low, name in (
        (0, 1, 0, 2, "Task"), (1, 3, 0, 1, "Engineering"), (3, 5, 0, 1, "Security"), (1, 2, 1, 2, "Dev"),
        (2, 3, 1, 2, "Ops"), (3, 4, 1, 2, "CISO"), (4, 5, 1, 2, "SOC"),
    ):  # fmt: skip
        edges = sheet.edges
        sheet.document.rect(edges[left], top + 16 * high, edges[right] - edges[left], 16 * (low - high))
        sheet.word(name, edges[left], edges[right], top + 8 * (high + low) + 3)
    sheet.y = top + 32
    for row in (
        ("Patch servers", "C", "R", "A", "I"),
        ("Answer incidents", "", "C", "A", "R"),
        ("Review code", "R/A", "", "C", ""),
    ):
        sheet.row(row, lines=True)
    assert tables(sheet.save(tmp_path / "a.pdf")) == [[
        "Task | Engineering Dev | Engineering Ops | Security CISO | Security SOC",
        "Patch servers | Engineering Dev: C | Engineering Ops: R | Security CISO: A | Security SOC: I",
        "Answer incidents |  | Engineering Ops: C | Security CISO: A | Security SOC: R",
        "Review code | Engineering Dev: R/A |  | Security CISO: C | ",
    ]]  # fmt: skip


def test_filled_cells_are_marks_and_stripes_are_not(tmp_path: Path) -> None:
    sheet = Sheet((180, 60, 60, 60))
    sheet.row(("Permission", "Guest", "Editor", "Admin"), lines=True, bold=True)
    sheet.row(("Read pages", "", "", ""), lines=True, fill=GREY, fills={1: BLUE, 2: BLUE, 3: BLUE})
    sheet.row(("Write pages", "", "", ""), lines=True, fills={2: BLUE, 3: BLUE})
    sheet.row(("Delete pages", "", "", ""), lines=True, fill=GREY, fills={3: BLUE})
    assert tables(sheet.save(tmp_path / "a.pdf")) == [[
        "Permission | Guest | Editor | Admin",
        "Read pages | Guest: ● | Editor: ● | Admin: ●",
        "Write pages |  | Editor: ● | Admin: ●",
        "Delete pages |  |  | Admin: ●",
    ]]  # fmt: skip


def test_colours_are_named_where_they_differ(tmp_path: Path) -> None:
    sheet = Sheet((180, 60, 60))
    sheet.row(("Control", "2024", "2025"), lines=True, bold=True)
    sheet.row(("Backups are tested", "", ""), lines=True, fills={1: RED, 2: GREEN})
    sheet.row(("Keys are rotated", "", ""), lines=True, fills={1: GREEN, 2: GREEN})
    rows = tables(sheet.save(tmp_path / "a.pdf"))[0]
    assert rows[1:] == [
        "Backups are tested | 2024: ● red | 2025: ● green",
        "Keys are rotated | 2024: ● green | 2025: ● green",
    ]


def test_drawn_marks_and_turned_heads(tmp_path: Path) -> None:
    sheet = Sheet((180, 24, 24, 24))
    top = sheet.y
    sheet.document.set_font("Helvetica", "B", 9)
    for index, name in enumerate(("Control", "Required", "Tested", "Automated")):
        left, right = sheet.edges[index], sheet.edges[index + 1]
        sheet.document.rect(left, top, right - left, 60)
        if index == 0:
            sheet.document.text(left + 3, top + 40, name)
            continue
        with sheet.document.rotation(90, left + 15, top + 56):
            sheet.document.text(left + 15, top + 56, name)
    sheet.y = top + 60
    for name, marks in (("Logs are kept", (1, 3)), ("Alerts are raised", (2,)), ("Access is reviewed", (1, 2, 3))):
        y = sheet.y
        sheet.row((name, "", "", ""), lines=True)
        for mark in marks:
            sheet.document.set_fill_color(0, 0, 0)
            sheet.document.ellipse(sheet.edges[mark] + 8, y + 4, 8, 8, style="F")
    assert tables(sheet.save(tmp_path / "a.pdf")) == [[
        "Control | Required | Tested | Automated",
        "Logs are kept | Required: ● |  | Automated: ●",
        "Alerts are raised |  | Tested: ● | ",
        "Access is reviewed | Required: ● | Tested: ● | Automated: ●",
    ]]  # fmt: skip


def test_cells_over_several_rows_and_across_the_table(tmp_path: Path) -> None:
    sheet = Sheet((90, 180, 50, 50))
    sheet.row(("Area", "Control", "Low", "High"), lines=True, bold=True)
    top, edges = sheet.y, sheet.edges
    sheet.document.rect(edges[0], top, edges[1] - edges[0], 3 * 16)
    sheet.word("Access", edges[0], edges[1], top + 28)
    for name, low, high in (
        ("Accounts are named", "x", "x"),
        ("Rights are reviewed", "", "x"),
        ("Keys are stored", "", "x"),
    ):
        y = sheet.y
        for left, right, text in ((1, 2, name), (2, 3, low), (3, 4, high)):
            sheet.document.rect(edges[left], y, edges[right] - edges[left], 16)
            sheet.word(text, edges[left], edges[right], y + 11)
        sheet.y += 16
    assert tables(sheet.save(tmp_path / "a.pdf")) == [[
        "Area | Control | Low | High",
        "Access | Accounts are named | Low: x | High: x",
        "Access | Rights are reviewed |  | High: x",
        "Access | Keys are stored |  | High: x",
    ]]  # fmt: skip


def test_words_in_a_column_of_marks_are_told_with_its_head(tmp_path: Path) -> None:
    sheet = Sheet((40, 250, 60, 60))
    sheet.row(("#", "Description", "L1", "L2"), under=True, bold=True)
    sheet.row(("1.1", "Verify that sessions end.", TICK, TICK))
    sheet.row(("1.2", "Verify that tokens are bound.", "", TICK))
    sheet.y += 3 * ROW
    sheet.text("Timeouts", size=14, bold=True)
    sheet.y += ROW
    sheet.row(("#", "Description", "L1", "L2"), under=True, bold=True)
    sheet.row(("2.1", "Verify that sessions expire.", "30 days", "12 hours"))
    sheet.row(("2.2", "Verify that they are listed.", "", TICK))
    found = tables(sheet.save(tmp_path / "a.pdf"))
    assert found[1][1:] == [
        "2.1 | Verify that sessions expire. | L1: 30 days | L2: 12 hours",
        f"2.2 | Verify that they are listed. |  | L2: {TICK}",
    ]


def test_boxes_with_prose_are_no_table(tmp_path: Path) -> None:
    sheet = Sheet((235, 235))
    sentence = "A box tells how it is found and what\nis done about it, in some detail."
    for titles in (("What is it?", "How is it found?"), ("Who is at risk?", "How is it prevented?")):
        y = sheet.y
        sheet.row(["\n".join(["", sentence, sentence, sentence, sentence])] * 2, lines=True)
        after, sheet.y = sheet.y, y + 11
        for index, title in enumerate(titles):
            sheet.document.set_font("Helvetica", "B", 13)
            sheet.document.text(sheet.edges[index] + 3, sheet.y, title)
        sheet.y = after
    found = extract(ExtractionTask(str(sheet.save(tmp_path / "a.pdf")), 100))
    assert [block.text for block in found.blocks if block.kind == "heading"] != []
    assert " | " not in "\n".join(block.text for block in found.blocks)


def test_a_table_in_one_of_two_columns_is_read_with_it(tmp_path: Path) -> None:
    sheet = Sheet((110, 50, 50), left=50)
    start = sheet.y
    for number in range(6):
        sheet.text(f"Left line {number} tells a story about keys and locks")
    sheet.y += 4
    sheet.row(("Key", "Old", "New"), lines=True, bold=True)
    sheet.row(("Door", "x", ""), lines=True)
    sheet.row(("Safe", "", "x"), lines=True)
    sheet.y += 14
    for number in range(6, 12):
        sheet.text(f"Left line {number} tells a story about keys and locks")
    end, sheet.y = sheet.y, start
    number = 0
    while sheet.y < end:
        sheet.text(f"Right line {number} goes on about doors and their frames", x=310)
        number += 1
    text = all_text(sheet.save(tmp_path / "a.pdf"))
    assert "Key | Old | New\nDoor | Old: x | \nSafe |  | New: x" in text
    assert text.index("Left line 5") < text.index("Key | Old") < text.index("Left line 6") < text.index("Right line 0")
