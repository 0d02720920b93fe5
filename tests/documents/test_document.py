"""Records to JSON and back: types are checked, what is unknown is passed over."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from secft.documents.document import as_json, from_json, read_document
from secft.errors import InputError


@dataclass(frozen=True)
class Inner:
    number: float | None
    note: str | None = None


@dataclass(frozen=True)
class Outer:
    name: str
    parts: dict[str, Inner] = field(default_factory=dict)


def test_a_record_comes_back_as_it_was() -> None:
    record = Outer("a", {"x": Inner(1.5), "y": Inner(None, "none")})
    assert as_json(record) == {"name": "a", "parts": {"x": {"number": 1.5}, "y": {"number": None, "note": "none"}}}
    assert from_json(Outer, as_json(record), "here") == record


def test_what_a_later_version_adds_is_passed_over() -> None:
    assert from_json(Outer, {"name": "a", "new": 3}, "here") == Outer("a")


@pytest.mark.parametrize(
    ("value", "place"), [({}, "name"), ({"name": "a", "parts": {"x": {"number": "many"}}}, "parts.x.number"), ([], "")]
)
def test_what_is_no_such_record_is_an_input_error_with_its_place(value: object, place: str) -> None:
    with pytest.raises(InputError, match=f"here: {place}"):
        from_json(Outer, value, "here")


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.json"):
        read_document(Outer, tmp_path / "gone.json")
