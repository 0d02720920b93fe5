"""Rows as token ids and labels, made here by the code that backend=trl uses, for a backend that takes them as they are.

Rows of ``train.jsonl`` and ``validation.jsonl`` have ``id``, ``input_ids`` and ``labels`` (not shifted, -100 where a
token carries no loss).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from secft.config.schemas.training import SampledTrainer
from secft.errors import InputError
from secft.files import read_jsonl, write_jsonl
from secft.models.conversation import render_conversation
from secft.train.backends.exported_rows import ExportedRows, plain_question
from secft.train.job import TrainJob
from secft.train.rows import LoadedExamples, load_examples, tokenise_texts
from secft.train.views import tools_of_row


def conversations(job: TrainJob, tokenizer: Any, place: Path) -> ExportedRows:
    """Write a job's conversations, with loss on what the assistant says.

    Raises:
        InputError: a row cannot be trained, or none is left.
    """
    return _tokenised(job, place, lambda path: load_examples(path, tokenizer, job))


def texts(job: TrainJob, tokenizer: Any, place: Path) -> ExportedRows:
    """Write a job's plain texts in pieces, with loss on every token.

    Raises:
        InputError: a row has no text, or none is left.
    """
    return _tokenised(job, place, lambda path: tokenise_texts(path, tokenizer, job))


def _tokenised(job: TrainJob, place: Path, load: Callable[[Path], LoadedExamples]) -> ExportedRows:
    train = load(Path(job.train_file))
    validation: Path | None = None
    if job.validation_file is not None:
        validation = _write(load(Path(job.validation_file)), place / "validation.jsonl")
    path = _write(train, place / "train.jsonl")
    return ExportedRows(path, validation, len(train.examples), train.dropped, train.truncated)


def _write(loaded: LoadedExamples, path: Path) -> Path:
    rows = ({"id": e.id, "input_ids": list(e.input_ids), "labels": list(e.labels)} for e in loaded.examples)
    write_jsonl(path, rows)
    return path


def questions(job: TrainJob, tokenizer: Any, place: Path) -> ExportedRows:
    """Write the questions of a job that leave room for an answer; the others are counted.

    Raises:
        InputError: none is left.
    """
    room = job.trainer.max_length - job.settings(SampledTrainer).sampling.max_new_tokens
    train, count, dropped = _short(Path(job.train_file), tokenizer, room, place / "train.jsonl")
    if not count:
        raise InputError(f"{job.train_file}: no question leaves room for an answer ({dropped} exceed {room} tokens)")
    if job.validation_file is None:
        return ExportedRows(train, None, count, dropped, 0)
    validation, held_out, _ = _short(Path(job.validation_file), tokenizer, room, place / "validation.jsonl")
    return ExportedRows(train, validation if held_out else None, count, dropped, 0)


def _short(source: Path, tokenizer: Any, room: int, path: Path) -> tuple[Path, int, int]:
    kept: list[dict[str, Any]] = []
    dropped = 0
    for row in read_jsonl(source):
        text = render_conversation(tokenizer, row["prompt"], tools_of_row(row), generation_prompt=True)
        if len(tokenizer(text, add_special_tokens=False)["input_ids"]) <= room:
            kept.append(plain_question(tokenizer, row, "unsloth"))
        else:
            dropped += 1
    write_jsonl(path, kept)
    return path, len(kept), dropped
