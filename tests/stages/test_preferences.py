"""Pairs of a team's own reach the objectives unchanged, in every shape in which they are brought."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from secft.__main__ import main
from secft.config.compose import read_config
from secft.config.schemas.training import PairsConfig
from secft.errors import stopping
from secft.evaluate.items import read_test_split
from secft.planning.dataset import row_flaws
from secft.planning.situation import Situation
from secft.train.objectives import OBJECTIVES, objective_of
from secft.train.views import NothingToLearnError, write_view

SUBJECTS = ("phishing", "injection", "theft", "flooding", "spoofing", "tampering", "leakage", "lateral movement")
BUILD = ["dataset", "build", "model=tiny", "source=jsonl", "synthesis=none"]


def question(number: int) -> str:
    return f"How does a small team defend mail server {number} against {SUBJECTS[number % 8]} in building {number * 7}?"


def better(number: int) -> str:
    return f"Restrict who may reach server {number}, keep its logs for {number + 30} days, and patch it every week."


def worse(number: int) -> str:
    return f"Server {number} will be fine; nobody in building {number * 7} ever heard of {SUBJECTS[number % 8]}."


def turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def spoken(who: str, value: str) -> dict[str, str]:
    return {"from": who, "value": value}


Shape = Callable[[str, str, str], dict[str, Any]]
SHAPES: dict[str, Shape] = {
    "texts": lambda q, c, r: {"prompt": q, "chosen": c, "rejected": r},
    "question": lambda q, c, r: {"question": q, "chosen": c, "rejected": r},
    "turns": lambda q, c, r: {
        "prompt": [turn("user", q)], "chosen": [turn("assistant", c)], "rejected": [turn("assistant", r)],
    },
    "one turn": lambda q, c, r: {
        "messages": [turn("user", q)], "chosen": turn("assistant", c), "rejected": turn("assistant", r),
    },
    "whole conversations": lambda q, c, r: {
        "prompt": q, "chosen": [turn("user", q), turn("assistant", c)],
        "rejected": [turn("user", q), turn("assistant", r)],
    },
    "implicit prompt": lambda q, c, r: {
        "chosen": [turn("user", q), turn("assistant", c)], "rejected": [turn("user", q), turn("assistant", r)],
    },
    "dialogue": lambda q, c, r: {
        "chosen": f"\n\nHuman: {q}\n\nAssistant: {c}", "rejected": f"\n\nHuman: {q}\n\nAssistant: {r}",
    },
    "sharegpt": lambda q, c, r: {
        "conversations": [spoken("human", q)], "chosen": spoken("gpt", c), "rejected": spoken("gpt", r),
    },
    "beside a conversation": lambda q, c, r: {"messages": [turn("user", q), turn("assistant", c)], "rejected": r},
    "alpaca": lambda q, c, r: {"instruction": q, "input": "", "chosen": c, "rejected": r},
    "system": lambda q, c, r: {"system": "Answer briefly.", "prompt": q, "chosen": c, "rejected": r},
    "scored": lambda q, c, r: {"prompt": q, "responses": [r, c], "scores": [1, 7]},
    "ultrafeedback": lambda q, c, r: {
        "instruction": q, "completions": [{"response": r, "overall_score": 2.5}, {"response": c, "overall_score": 8.0}],
    },
    "ranked": lambda q, c, r: {"prompt": q, "answers": [{"answer": r, "rank": 2}, {"answer": c, "rank": 1}]},
}  # fmt: skip


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A frozen dataset, curated as always: four rows of each shape, and eight questions with three worse answers."""
    place = tmp_path_factory.mktemp("own")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        rows = [
            SHAPES[name](question(n), better(n), worse(n))
            for start, name in enumerate(SHAPES)
            for n in range(start * 4, start * 4 + 4)
        ]
        rows += [
            {"prompt": question(n), "chosen": better(n), "rejected": f"{worse(n)} {more}"}
            for n in range(100, 108)
            for more in ("Relax.", "Ask somebody else.", "Delete its logs.")
        ]
        (place / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)))
        assert main([*BUILD, "source.jsonl.paths=[pairs.jsonl]"]) == 0
        yield place / "data" / "none" / "jsonl-v1"


def view(dataset: Path, name: str, out: Path, **settings: Any) -> list[dict[str, Any]]:
    """Return the rows of an objective, of all splits."""
    found = []
    for split in ("train", "validation", "test"):
        path = write_view(dataset / f"{split}.jsonl", OBJECTIVES[name].rows, PairsConfig(**settings), out, 0)
        found += [json.loads(line) for line in path.read_text().splitlines()]
    return found


GIVEN = {(question(n), better(n), worse(n)) for n in range(len(SHAPES) * 4)} | {
    (question(n), better(n), f"{worse(n)} {more}")
    for n in range(100, 108)
    for more in ("Relax.", "Ask somebody else.", "Delete its logs.")
}


@pytest.mark.parametrize("name", ["dpo", "orpo", "simpo", "reward"])
@pytest.mark.parametrize("corrupt", [False, True])
def test_pairs_of_every_shape_arrive_as_they_were_given(
    dataset: Path, tmp_path: Path, name: str, corrupt: bool
) -> None:
    rows = view(dataset, name, tmp_path, corrupt=corrupt)
    found = [(one["prompt"][-1]["content"], one["chosen"][0]["content"], one["rejected"][0]["content"]) for one in rows]
    assert len(found) == len(set(found)) == len(GIVEN)
    assert set(found) == GIVEN


def test_kto_is_given_both_answers_of_each_pair(dataset: Path, tmp_path: Path) -> None:
    rows = view(dataset, "kto", tmp_path)
    found = {(one["prompt"][-1]["content"], one["completion"][0]["content"], one["label"]) for one in rows}
    assert found == {(q, c, True) for q, c, _ in GIVEN} | {(q, r, False) for q, _, r in GIVEN}


def test_rows_of_one_question_stand_in_one_split(dataset: Path) -> None:
    places: dict[str, set[str]] = {}
    for split in ("train", "validation", "test"):
        for line in (dataset / f"{split}.jsonl").read_text().splitlines():
            places.setdefault(json.loads(line)["user"], set()).add(split)
    assert {len(found) for found in places.values()} == {1}
    assert {split for found in places.values() for split in found} >= {"train", "test"}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A frozen dataset of single answers, good and bad, some of them to the same question."""
    place = tmp_path_factory.mktemp("judged")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        rows: list[dict[str, Any]] = [
            {"prompt": question(n), "completion": text, "label": label}
            for n in range(12) for text, label in ((better(n), True), (worse(n), False))
        ]  # fmt: skip
        rows += [
            {"prompt": [turn("user", question(n))], "completion": [turn("assistant", worse(n))], "label": False}
            for n in range(12, 24)
        ]
        (place / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
        assert main([*BUILD, "source.jsonl.paths=[rows.jsonl]"]) == 0
        yield place / "data" / "none" / "jsonl-v1"


def test_single_answers_reach_kto_with_their_label(judged: Path, tmp_path: Path) -> None:
    found = {(one["prompt"][-1]["content"], one["completion"][0]["content"], one["label"])
             for one in view(judged, "kto", tmp_path)}  # fmt: skip
    given = {(question(n), better(n), True) for n in range(12)}
    assert found == given | {(question(n), worse(n), False) for n in range(24)}
    with pytest.raises(NothingToLearnError, match="no row has a worse answer"):
        view(judged, "dpo", tmp_path)


def test_a_bad_answer_is_not_imitated_and_measures_nothing(judged: Path, tmp_path: Path) -> None:
    for trainer in ("lora", "continue"):
        rows = objective_of(read_config([f"trainer={trainer}"]).trainer).rows
        learned = write_view(judged / "train.jsonl", rows, PairsConfig(), tmp_path, 0).read_text()
        assert question(0).split("server")[0] in learned
        assert "will be fine" not in learned
    assert "will be fine" not in json.dumps(read_test_split(judged))


def test_checks_tell_what_becomes_of_rows_without_a_worse_answer(dataset: Path, judged: Path) -> None:
    def flaws(place: Path, *overrides: str) -> list[str]:
        found = row_flaws(Situation(read_config(["model=tiny", *overrides]), place))
        return [f"{'stops: ' if one in stopping(found) else ''}{one}" for one in found]

    assert not [text for text in flaws(dataset, "trainer=dpo") if "worse" in text]
    assert [text for text in flaws(judged, "trainer=dpo") if "stops" in text and "trainer.pairs.corrupt=true" in text]
    assert not [text for text in flaws(judged, "trainer=kto") if "worse" in text]
    made = flaws(judged, "trainer=dpo", "trainer.pairs.corrupt=true")
    assert [text for text in made if "(100 %) bring no worse answer; theirs are made of right ones" in text]
