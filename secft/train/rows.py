"""From JSONL files to batches: read, tokenise, check, pack, collate.

A batch is flat: every row and every example in it stand one after the other,
``lengths`` says where each ends. There is no padding to skip later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from secft.errors import InputError
from secft.files import read_jsonl
from secft.models.turns import begin_id, end_of_text_id
from secft.train.packing import pack_rows, unpacked_rows
from secft.train.template import IGNORED, TokenisedExample, check_examples, tokenise_conversation, truncate

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

    from secft.train.job import TrainJob


class Row(TypedDict):
    """One or more whole examples, concatenated; lists have one entry per token, lengths one per example."""

    input_ids: list[int]
    labels: list[int]
    lengths: list[int]


@dataclass(frozen=True)
class LoadedExamples:
    """Tokenised examples of one file, with what had to be left out.

    Attributes:
        examples: in file order.
        dropped: examples longer than max_length that were left out.
        truncated: examples cut to max_length.
    """

    examples: list[TokenisedExample]
    dropped: int
    truncated: int

    @property
    def tokens(self) -> int:
        """Tokens of all examples."""
        return sum(len(example.input_ids) for example in self.examples)


def load_examples(path: Path, tokenizer: PreTrainedTokenizerBase, job: TrainJob) -> LoadedExamples:
    """Tokenise a file and check its loss masks.

    Raises:
        InputError: if a line has no messages, a mask cannot be right, or nothing is left to train on.
    """
    kept: list[TokenisedExample] = []
    dropped = truncated = 0
    for number, row in enumerate(read_jsonl(path), start=1):
        messages = row.get("messages")
        if not isinstance(messages, list) or not messages:
            raise InputError(f"{path}:{number}: no messages")
        for example in tokenise_conversation(tokenizer, str(row.get("id", number)), messages, row.get("tools") or ()):
            if len(example.input_ids) <= job.trainer.max_length:
                kept.append(example)
            elif job.overlong == "truncate" and truncate(example, job.trainer.max_length).trained:
                kept.append(truncate(example, job.trainer.max_length))
                truncated += 1
            else:
                dropped += 1
    if not kept:
        raise InputError(f"{path}: no example is left to train on ({dropped} exceed {job.trainer.max_length} tokens)")
    check_examples(tokenizer, kept, allow_truncated=truncated > 0)
    return LoadedExamples(kept, dropped, truncated)


def tokenise_texts(path: Path, tokenizer: Any, job: TrainJob) -> LoadedExamples:
    """Tokenise texts, end each with the end-of-text token, and cut them into pieces of at most max_length tokens.

    Nothing is left out: a piece goes on where the one before it ended. A single token predicts nothing and is no piece.

    Raises:
        InputError: a line has no text, or nothing is left.
    """
    pieces: list[TokenisedExample] = []
    begins, ends = ([token] if token is not None else [] for token in (begin_id(tokenizer), end_of_text_id(tokenizer)))
    for number, row in enumerate(read_jsonl(path), start=1):
        text = row.get("text")
        if not isinstance(text, str):
            raise InputError(f"{path}:{number}: no text")
        ids = [*begins, *tokenizer(text, add_special_tokens=False)["input_ids"], *ends]
        for start in range(0, len(ids), job.trainer.max_length):
            piece = tuple(ids[start : start + job.trainer.max_length])
            if len(piece) > 1:
                pieces.append(TokenisedExample(f"{row.get('id', number)}@{start}", piece, piece))
    if not pieces:
        raise InputError(f"{path}: no text is left to train on")
    return LoadedExamples(pieces, 0, 0)


def build_rows(examples: Sequence[TokenisedExample], max_length: int, *, packing: bool, seed: int) -> list[Row]:
    """Group examples into rows, packed or one each."""
    lengths = [len(example.input_ids) for example in examples]
    groups = pack_rows(lengths, max_length, seed) if packing else unpacked_rows(len(examples))
    return [_row([examples[index] for index in group]) for group in groups]


def _row(examples: Sequence[TokenisedExample]) -> Row:
    return Row(
        input_ids=[token for example in examples for token in example.input_ids],
        labels=[label for example in examples for label in example.labels],
        lengths=[len(example.input_ids) for example in examples],
    )


def collate(rows: Sequence[Row | Mapping[str, Any]]) -> dict[str, torch.Tensor]:
    """Concatenate rows into one flat batch.

    Args:
        rows: rows with T tokens and N examples in all.

    Returns:
        ``input_ids`` (T,), ``position_ids`` (T,) restarting in every example, ``lengths`` (N,), and
        ``labels`` (T,) already shifted: entry t is the token that position t has to predict, or -100.
        The last position of an example never has a target.
    """
    import torch

    lengths = [length for row in rows for length in row["lengths"]]
    labels: list[int] = []
    for row in rows:
        start = 0
        for length in row["lengths"]:
            labels.extend(row["labels"][start + 1 : start + length])
            labels.append(IGNORED)
            start += length
    return {
        "input_ids": torch.tensor([token for row in rows for token in row["input_ids"]], dtype=torch.long),
        "labels": torch.tensor(labels, dtype=torch.long),
        "position_ids": torch.cat([torch.arange(length) for length in lengths]),
        "lengths": torch.tensor(lengths, dtype=torch.long),
    }


def batches(rows: Sequence[Row], rows_per_batch: int) -> Iterator[dict[str, torch.Tensor]]:
    """Yield flat batches in order, for evaluation."""
    for start in range(0, len(rows), rows_per_batch):
        yield collate(rows[start : start + rows_per_batch])
