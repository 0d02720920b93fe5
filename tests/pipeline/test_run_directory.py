"""Reports are written once for what they tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from secft.errors import LockedError
from secft.run_directory import RunDirectory


def opened(outputs: Path) -> RunDirectory:
    directory = RunDirectory(outputs, "run")
    directory.open({"seed": 1}, "python -m secft")
    return directory


def test_reports_that_tell_the_same_stay_as_they_are_and_others_replace_them(tmp_path: Path) -> None:
    first = opened(tmp_path)
    assert first.write_reports("one", lambda: {"CARD.md": "a", "EVIDENCE_1_20260131-0915.md": "b"})
    first.close()
    (first.path / "CARD.md").write_text("a, read and approved")
    again = opened(tmp_path)
    assert not again.write_reports("one", lambda: {"CARD.md": "never", "EVIDENCE_1_20260131-0916.md": "never"})
    assert (again.path / "CARD.md").read_text() == "a, read and approved"
    (again.path / "CARD.md").unlink()
    assert again.write_reports("one", lambda: {"CARD.md": "a", "EVIDENCE_1_20260131-0915.md": "b"}), (
        "a missing one is written again"
    )
    assert again.write_reports("two", lambda: {"CARD.md": "c", "EVIDENCE_1_20260131-0917.md": "d"})
    again.close()
    assert sorted(path.name for path in again.path.glob("*.md")) == ["CARD.md", "EVIDENCE_1_20260131-0917.md"]


@pytest.mark.parametrize(
    ("later", "comment", "stays"),
    [
        ("EVIDENCE_1_20260131-0917.md", "", False),
        ("EVIDENCE_1_20260131-0917.md", "supervisor: ok", True),
        ("EVIDENCE_2_20260131-0917.md", "supervisor: ok", True),
        ("EVIDENCE_2_20260131-0917.md", "", True),
    ],
)
def test_reports_that_a_reader_changed_and_those_of_other_iterations_stay(
    tmp_path: Path, later: str, comment: str, stays: bool
) -> None:
    directory = opened(tmp_path)
    directory.write_reports("one", lambda: {"CARD.md": "a", "EVIDENCE_1_20260131-0915.md": "b"})
    directory.close()
    before = directory.path / "EVIDENCE_1_20260131-0915.md"
    before.write_text(before.read_text() + comment)
    again = opened(tmp_path)
    assert again.write_reports("two", lambda: {"CARD.md": "a", later: "c"})
    again.close()
    assert before.is_file() == stays
    assert not stays or before.read_text() == f"b{comment}"
    assert (again.path / later).read_text() == "c"


def test_two_processes_do_not_write_one_run(tmp_path: Path) -> None:
    first = opened(tmp_path)
    with pytest.raises(LockedError, match="the same run is going on"):
        opened(tmp_path)
    first.close()
    opened(tmp_path).close()
