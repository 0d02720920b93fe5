"""The table of docs/hardening.md: each row names a test, and that test is there."""

from __future__ import annotations

import ast
import re

import pytest

from tests.architecture.layers import ROOT

TEXT = (ROOT / "docs/hardening.md").read_text(encoding="utf-8")
HEADER = ["what was tried", "before", "now", "test"]
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`( \*)?")
SECTIONS = 15


def rows() -> list[list[str]]:
    """Return the cells of all rows, the heads of the tables included."""
    lines = [line for line in TEXT.splitlines() if line.startswith("|") and not set(line) <= set("|-")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in lines]


ROWS = [row for row in rows() if row != HEADER]


def test_every_section_has_a_table_of_four_columns() -> None:
    assert rows().count(HEADER) == SECTIONS
    assert re.findall(r"^### (\d+)\.", TEXT, re.MULTILINE) == [str(number) for number in range(1, SECTIONS + 1)]
    assert len(ROWS) > 80
    assert [row for row in ROWS if len(row) != len(HEADER) or not all(row)] == []


@pytest.mark.parametrize("cell", sorted({row[-1] for row in ROWS}))
def test_a_row_names_a_test_that_is_there(cell: str) -> None:
    named = TEST.fullmatch(cell)
    assert named, "a row ends with one test: `tests/PATH.py::test_NAME`, and * where it is slow"
    path, function, is_slow = named[1], named[2], bool(named[3])
    assert (ROOT / path).is_file(), path
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function]
    assert len(found) == 1, f"{path} has no {function}"
    marks = [ast.unparse(node) for node in found[0].decorator_list]
    marks += [ast.unparse(node.value) for node in tree.body if isinstance(node, ast.Assign)
              and ast.unparse(node.targets[0]) == "pytestmark"]  # fmt: skip
    assert any("slow" in mark for mark in marks) == is_slow, "slow tests, and only they, are marked with *"
