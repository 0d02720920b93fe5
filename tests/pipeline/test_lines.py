from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from secft.files import json_line, plain, read_jsonl, write_jsonl
from secft.records import Provenance


class Colour(StrEnum):
    RED = "red"


class Point(NamedTuple):
    x: int
    y: int


@dataclass
class Inner:
    path: Path
    names: frozenset[str]


@dataclass
class Outer:
    inner: Inner
    many: tuple[Inner, ...]
    by: dict[int, Inner]
    rest: dict[str, Any] = field(default_factory=dict)


INNER = Inner(Path("a/b"), frozenset({"z", "a"}))
SHOWN = {"path": "a/b", "names": ["a", "z"]}


def test_plain_values_of_every_kind() -> None:
    outer = Outer(INNER, (INNER,), {10: INNER, 9: INNER}, {"x": (1, 2.5, None, True), "p": Point(1, 2)})
    assert plain(outer) == {
        "inner": SHOWN,
        "many": [SHOWN],
        "by": {"10": SHOWN, "9": SHOWN},
        "rest": {"x": [1, 2.5, None, True], "p": [1, 2]},
    }
    assert list(plain(outer)["by"]) == ["10", "9"]
    assert plain(OrderedDict({None: {1, 3, 2}, True: Colour.RED})) == {"None": [1, 2, 3], "True": "red"}
    assert plain(Provenance("d", ("a",), "s", "1", "l", "")) == {
        **asdict(Provenance("d", ("a",), "s", "1", "l", "")),
        "fields": ["a"],
    }


def test_what_is_plain_is_not_shared_with_its_origin() -> None:
    row = {"a": [1, {"b": 2}]}
    copy = plain(row)
    copy["a"][1]["b"] = 3
    assert row == {"a": [1, {"b": 2}]}


def test_a_line_that_is_written_already_is_written_as_it_is(tmp_path: Path) -> None:
    row = {"b": "ü\u2028", "a": [1.5, -0.0], "c": {"d": None}}
    assert json_line(row) == json.dumps(row, ensure_ascii=False)
    assert write_jsonl(tmp_path / "rows.jsonl", [row, json_line(row)]) == 2
    assert list(read_jsonl(tmp_path / "rows.jsonl")) == [row, row]
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_line({"a": float("nan")})
