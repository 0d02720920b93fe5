"""Rows of prompts and answers, tokenised by secft: the same chat template, and an end of turn that is learned.

Rows for trl: ``prompt_ids``, ``chosen_ids``, ``rejected_ids``; kto ``prompt_ids``, ``completion_ids``, ``label``.
White space that the template puts after the end of turn is in no row: generation stops before it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secft.errors import InputError
from secft.files import read_jsonl
from secft.records import Message
from secft.train.job import TrainJob
from secft.train.template import answer_span, closing_ids

Row = dict[str, Any]


@dataclass(frozen=True)
class LoadedRows:
    """Tokenised rows of one file.

    Attributes:
        rows: in file order.
        dropped: rows longer than max_length that were left out.
        truncated: rows whose answers were cut to max_length.
    """

    rows: list[Row]
    dropped: int
    truncated: int


def tokenise_answer(
    tokenizer: Any, messages: Sequence[Message], tools: Sequence[dict[str, Any]] = ()
) -> tuple[list[int], list[int]]:
    """Split a conversation into the ids before its last answer and those of the answer, its end of turn included.

    Raises:
        InputError: the chat template cannot tell where the answer begins.
    """
    text, (begin, end) = answer_span(tokenizer, messages, tools)
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = list(encoded["input_ids"]), list(encoded["offset_mapping"])
    first = next((k for k, (low, high) in enumerate(offsets) if low >= begin and high > low), len(ids))
    last = max((k for k, (low, high) in enumerate(offsets) if high > low and high <= end), default=first - 1)
    return ids[:first], ids[first : last + 1]


def tokenise_pair(tokenizer: Any, row: Mapping[str, Any]) -> Row:
    """Tokenise one pair."""
    tools = row.get("tools") or ()
    prompt, chosen = tokenise_answer(tokenizer, [*row["prompt"], *row["chosen"]], tools)
    other, rejected = tokenise_answer(tokenizer, [*row["prompt"], *row["rejected"]], tools)
    if prompt != other:
        raise InputError(f"{row['id']}: the chat template renders the question differently with another answer")
    return {"prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": rejected}


def tokenise_judged(tokenizer: Any, row: Mapping[str, Any]) -> Row:
    """Tokenise one answer that is good or bad."""
    prompt, completion = tokenise_answer(tokenizer, [*row["prompt"], *row["completion"]], row.get("tools") or ())
    return {"prompt_ids": prompt, "completion_ids": completion, "label": bool(row["label"])}


def load_rows(path: Path, tokenizer: Any, job: TrainJob, tokenise: Callable[[Any, Row], Row]) -> LoadedRows:
    """Tokenise a view and fit its rows to max_length.

    Raises:
        InputError: a row lacks a part, an answer has no end of turn, or nothing is left.
    """
    closing, rows = closing_ids(tokenizer), []
    dropped = truncated = 0
    for number, source in enumerate(read_jsonl(path), start=1):
        try:
            row = tokenise(tokenizer, source)
        except (KeyError, TypeError, IndexError) as error:
            raise InputError(f"{path}:{number}: not a row of {job.objective.name} ({error!r})") from error
        answers = [row[key] for key in ANSWERS if key in row]
        if not all(answer and answer[-1] in closing for answer in answers):
            raise InputError(f"{path}:{number}: the end of an answer's turn would not be learned")
        room = job.trainer.max_length - len(row["prompt_ids"])
        if max(map(len, answers)) <= room:
            rows.append(row)
        elif job.overlong == "truncate" and room > 0:
            rows.append({key: value[:room] if key in ANSWERS else value for key, value in row.items()})
            truncated += 1
        else:
            dropped += 1
    if not rows:
        raise InputError(f"{path}: no row is left to train on ({dropped} exceed {job.trainer.max_length} tokens)")
    return LoadedRows(rows, dropped, truncated)


ANSWERS = ("chosen_ids", "rejected_ids", "completion_ids")


def with_other_answers(rows: Sequence[Row], seed: int) -> list[Row]:
    """Shuffle judged rows and give each the answer to another question, from which kto estimates its divergence.

    Source: Ethayarajh et al. 2024, section 4.1: the reference point is estimated from mismatched answers.
    """
    order = list(rows)
    random.Random(seed).shuffle(order)
    shifted = [*order[1:], *order[:1]]
    return [{**row, "KL_completion_ids": other["completion_ids"]} for row, other in zip(order, shifted, strict=True)]


def whole_conversations(rows: Sequence[Row]) -> list[Row]:
    """Return pairs as whole conversations: a score is of an answer to its question."""
    return [
        {f"{side}_ids": [*row["prompt_ids"], *row[f"{side}_ids"]] for side in ("chosen", "rejected")} for row in rows
    ]
