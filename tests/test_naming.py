"""Names of runs, datasets and models: letters of any language, one directory, never a path."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from secft.errors import InputError
from secft.naming import check_name, directory_name, fault_of


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("audit-2026", "audit-2026"),
        ("auditoría 2026", "auditoría-2026"),
        (unicodedata.normalize("NFD", "auditoría"), "auditoría"),
        ("Überprüfung_v1.2", "Überprüfung_v1.2"),
        ("проверка", "проверка"),
        ("監査2026", "監査2026"),
        ("सुरक्षा", "सुरक्षा"),
        ("ความปลอดภัย", "ความปลอดภัย"),
        ("  two   words ", "two-words"),
        ("lr=1e-4,r=8", "lr=1e-4,r=8"),
        ("a" * 100, "a" * 100),
    ],
)
def test_names_people_give(tmp_path: Path, name: str, made: str) -> None:
    assert fault_of(name) == ""
    assert check_name(name, "a run") == directory_name(name) == made
    (tmp_path / made).mkdir()
    assert directory_name(made) == made, "a directory's name names itself"


@pytest.mark.parametrize(
    "name",
    [
        "", " ", ".", "..", "../x", "../../x", "/etc", "a/b", "a\\b", "~", "~root", ".hidden", "-rf", "_x", "a\0b",
        "a\nb\x1b[31m", "a:b", 'a"b', "a*b", "a|b", "<a>", "a\u202eb", "a\ud800", "con", "NUL.txt", "lpt1", "ends.",
        "a" * 101, "é" * 101, "監" * 80, "$(id)", "`id`", "a;b", "a%2fb", "\u200b",
    ],
)  # fmt: skip
def test_names_that_are_refused(name: str) -> None:
    assert fault_of(name)
    with pytest.raises(InputError, match="cannot be the name of a run"):
        check_name(name, "a run")
