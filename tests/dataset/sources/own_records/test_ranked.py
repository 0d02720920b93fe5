"""Ranked or scored answers to one question become pairs of the best one with each that is worse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from secft.dataset import collect
from secft.dataset.sources.own_records import JsonlSource, ParquetSource
from secft.dataset.sources.own_records.ranked import pairs_of
from secft.dataset.sources.reading.bad_record import BadRecordError
from secft.dataset.sources.source import ReadLog

THREE = ["best", "middle", "worst"]
TURNS = [[{"role": "assistant", "content": text}] for text in THREE]


def pairs(row: dict[str, Any]) -> list[tuple[Any, Any]]:
    return [(one["chosen"], one["rejected"]) for one in pairs_of(row)]


@pytest.mark.parametrize(
    "row",
    [
        {"ranked": THREE},
        {"ranked_responses": THREE},
        {"responses": THREE, "ranks": [1, 2, 3]},
        {"responses": THREE, "rank": [0, 1, 2]},
        {"completions": THREE, "scores": [9.5, 4, -1]},
        {"answers": THREE, "ratings": ["5", "3", "1"]},
        {"answers": [{"answer": text, "rank": rank} for rank, text in enumerate(THREE)]},
        {"completions": [{"response": text, "overall_score": 9 - place} for place, text in enumerate(THREE)]},
        {"output": THREE, "rewards": [0.3, 0.2, 0.1]},
    ],
)
def test_the_best_stands_against_each_worse_one(row: dict[str, Any]) -> None:
    assert pairs({"prompt": "Why?", **row}) == [("best", "middle"), ("best", "worst")]
    shuffled = {key: [*value[1:], value[0]] for key, value in row.items() if not key.startswith("ranked")}
    if shuffled:
        assert sorted(pairs({"prompt": "Why?", **shuffled})) == [("best", "middle"), ("best", "worst")]


def test_answers_may_be_turns() -> None:
    assert pairs({"prompt": "Why?", "responses": TURNS, "scores": [3, 2, 1]}) == [
        (TURNS[0], TURNS[1]), (TURNS[0], TURNS[2]),
    ]  # fmt: skip


def test_answers_as_good_as_the_best_make_no_pair() -> None:
    assert pairs({"prompt": "Why?", "responses": THREE, "scores": [2, 2, 1]}) == [("best", "worst")]
    with pytest.raises(BadRecordError, match="better"):
        list(pairs_of({"prompt": "Why?", "responses": THREE, "scores": [1, 1, 1]}))


@pytest.mark.parametrize(
    "row",
    [{"responses": THREE, "scores": [1, 2]}, {"responses": THREE, "scores": [1, "no", 2]},
     {"responses": THREE, "scores": [1, float("nan"), 2]}, {"responses": THREE, "scores": [True, False, True]},
     {"answers": [{"rank": 1}, {"rank": 2}]}],
)  # fmt: skip
def test_ranks_that_belong_to_nothing_are_refused(row: dict[str, Any]) -> None:
    with pytest.raises(BadRecordError):
        list(pairs_of({"prompt": "Why?", **row}))


@pytest.mark.parametrize(
    "row",
    [{"messages": []}, {"prompt": "Why?", "completion": "So."}, {"prompt": "a", "responses": THREE},
     {"prompt": "a", "chosen": "b", "rejected": "c", "scores": [2, 1], "responses": ["b", "c"]},
     {"prompt": "a", "output": ["only one"], "scores": [1]}],
)  # fmt: skip
def test_other_rows_stay_as_they_are(row: dict[str, Any]) -> None:
    assert list(pairs_of(row)) == [row]


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_a_ranked_row_gives_documents_with_ids_of_their_own(kind: str, tmp_path: Path) -> None:
    rows = [{"id": "a", "prompt": "Why?", "responses": THREE, "scores": [3, 2, 1], "model": "m"},
            {"id": "b", "prompt": "How?", "responses": THREE, "scores": [1, 2, 3], "model": "m"}]  # fmt: skip
    path = tmp_path / f"rows.{kind}"
    if kind == "jsonl":
        path.write_text("\n".join(map(json.dumps, rows)))
        source: Any = JsonlSource(paths=[str(path)])
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(rows), path)
        source = ParquetSource(paths=[str(path)])
    found = collect.read_documents(source, ReadLog())
    assert [(one.id.split(":")[1], one.fields["messages"][-1]["content"], one.fields["rejected"]) for one in found] == [
        ("a", "best", "middle"), ("a#1", "best", "worst"), ("b", "worst", "best"), ("b#1", "worst", "middle"),
    ]  # fmt: skip
