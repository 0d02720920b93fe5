"""Pairs are tokenised as conversations are: the same text, and an answer that ends with its end of turn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secft.errors import InputError
from secft.train import TrainJob
from secft.train.backends.trl.paired_rows import (
    load_rows,
    tokenise_answer,
    tokenise_judged,
    tokenise_pair,
    with_other_answers,
)
from secft.train.template import IGNORED, end_of_turn_ids, tokenise_example
from tests.train.conftest import write_rows

Make = Callable[..., TrainJob]
QUESTION = {"role": "user", "content": "Explain token."}


def said(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def pair(words: int) -> dict[str, Any]:
    return {
        "id": str(words),
        "prompt": [QUESTION],
        "chosen": [said("token " * words + "end")],
        "rejected": [said("session")],
    }


@pytest.mark.parametrize(
    "messages",
    [
        [QUESTION, said("A token.")],
        [{"role": "system", "content": "Be brief."}, QUESTION, said("A token."), QUESTION, said("Still a token.")],
    ],
)
def test_the_answer_is_what_imitation_would_learn_of_the_last_turn(tokenizer: Any, messages: list[Any]) -> None:
    prompt, answer = tokenise_answer(tokenizer, messages)
    whole = tokenise_example(tokenizer, "x", messages)
    ids = [*prompt, *answer]
    assert list(whole.input_ids[: len(ids)]) == ids
    assert list(whole.labels[len(prompt) : len(ids)]) == answer
    assert all(label == IGNORED for label in whole.labels[len(ids) :])
    assert answer[-1] in end_of_turn_ids(tokenizer)
    rendered = tokenizer.apply_chat_template(messages[:-1], tokenize=False, add_generation_prompt=True)
    assert tokenizer.decode(prompt) == rendered


def test_long_pairs_are_dropped_or_cut_and_counted(make_job: Make, tokenizer: Any, tmp_path: Path) -> None:
    view = write_rows(tmp_path / "pairs.jsonl", [pair(2), pair(60)])
    dropped = load_rows(view, tokenizer, make_job(objective="dpo", max_length=48), tokenise_pair)
    assert (len(dropped.rows), dropped.dropped, dropped.truncated) == (1, 1, 0)
    cut = load_rows(view, tokenizer, make_job(objective="dpo", max_length=48, overlong="truncate"), tokenise_pair)
    assert (len(cut.rows), cut.dropped, cut.truncated) == (2, 0, 1)
    longest = max(len(row["prompt_ids"]) + len(row["chosen_ids"]) for row in cut.rows)
    assert longest == 48


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": "1", "prompt": [QUESTION], "chosen": [said("a")]}, "not a row of dpo"),
        ({"id": "1", "prompt": [], "chosen": [said("a")], "rejected": [said("b")]}, "cannot begin"),
    ],
)
def test_broken_pairs_are_input_errors(
    make_job: Make, tokenizer: Any, tmp_path: Path, row: dict[str, Any], message: str
) -> None:
    view = write_rows(tmp_path / "pairs.jsonl", [row])
    with pytest.raises(InputError, match=message):
        load_rows(view, tokenizer, make_job(objective="dpo"), tokenise_pair)


def test_kto_estimates_its_divergence_from_answers_to_other_questions(tokenizer: Any) -> None:
    rows = [
        tokenise_judged(
            tokenizer, {"prompt": [QUESTION], "completion": [said(f"token {n}")], "label": n % 2 == 0, "id": str(n)}
        )
        for n in range(6)
    ]
    mixed = with_other_answers(rows, 3)
    assert mixed == with_other_answers(rows, 3) != with_other_answers(rows, 4)
    assert sorted(map(str, (row["completion_ids"] for row in mixed))) == sorted(
        map(str, (row["KL_completion_ids"] for row in mixed))
    )
    assert all(row["KL_completion_ids"] != row["completion_ids"] for row in mixed)
    assert sum(row["label"] for row in mixed) == 3
