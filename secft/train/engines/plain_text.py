"""Going on with pretraining: plain text, every token of which is learned, through the same forward pass as sft."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from secft.errors import InputError
from secft.files import read_jsonl
from secft.train.engines.loading import LoadedJob, load_examples_job
from secft.train.job import TrainJob
from secft.train.rows import LoadedExamples
from secft.train.template import TokenisedExample


def load_texts(job: TrainJob, tokenizer: Any) -> LoadedJob:
    """Load a job over plain text."""
    train = tokenise_texts(Path(job.train_file), tokenizer, job)
    validation = None
    if job.validation_file is not None:
        validation = tokenise_texts(Path(job.validation_file), tokenizer, job)
    return load_examples_job(job, tokenizer, train, validation)


def tokenise_texts(path: Path, tokenizer: Any, job: TrainJob) -> LoadedExamples:
    """Tokenise texts, end each with the end-of-text token, and cut them into pieces of at most max_length tokens.

    Nothing is left out: a piece goes on where the one before it ended. A single token predicts nothing and is no piece.

    Raises:
        InputError: a line has no text, or nothing is left.
    """
    pieces: list[TokenisedExample] = []
    for number, row in enumerate(read_jsonl(path), start=1):
        text = row.get("text")
        if not isinstance(text, str):
            raise InputError(f"{path}:{number}: no text")
        ids = [*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        for start in range(0, len(ids), job.max_length):
            piece = tuple(ids[start : start + job.max_length])
            if len(piece) > 1:
                pieces.append(TokenisedExample(f"{row.get('id', number)}@{start}", piece, piece))
    if not pieces:
        raise InputError(f"{path}: no text is left to train on")
    return LoadedExamples(pieces, 0, 0)
