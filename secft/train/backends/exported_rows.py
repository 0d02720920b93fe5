"""Rows as a backend in another environment gets them: measured, checked, and in the form that it reads.

Every backend has its own idea of what to do with a row that is too long, and says little about it. So rows are
tokenised here first, by the rule of the trl backend: what is too long is left out and counted, a loss mask that cannot
be right is refused, and some rows travel along as rendered text, so that the backend's rendering can be compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from secft.errors import InputError
from secft.files import json_line, read_jsonl
from secft.models.conversation import prepare_conversation, render_conversation
from secft.models.loading import load_tokenizer
from secft.models.turns import without_tail
from secft.records import Message
from secft.train.template import (
    TokenisedExample,
    check_examples,
    decode_trained,
    tokenise_conversation,
    tokenise_example,
)
from secft.train.views import CONVERSATIONS, TEXTS, RowKind, tools_of_row

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from secft.train.job import TrainJob

COMPARED = 24
CHUNK = 500
ELSE = "use backend=trl"
"""What to do where another program would make something else of a row."""
Row = dict[str, Any]
Shape = Callable[[Row], Row]


@dataclass
class ExportedRows:
    """What a backend gets.

    Attributes:
        train: file of training rows; its name tells its content.
        validation: file of held-out rows, or None.
        examples: rows in train.
        dropped: training rows left out because they exceed max_length.
        truncated: training rows that the backend will cut to max_length.
        expected: some training conversations as ``messages``, rendered ``text`` and ``trained`` part.
    """

    train: Path
    validation: Path | None
    examples: int
    dropped: int
    truncated: int
    expected: list[Row] = field(default_factory=list)


def open_tokenizer(job: TrainJob) -> PreTrainedTokenizerBase:
    """Load the tokenizer of a job's base model."""
    tokenizer: PreTrainedTokenizerBase = load_tokenizer(job.model_dir, template=False, local_files_only=job.offline)
    return tokenizer


def export_rows(job: TrainJob, tokenizer: PreTrainedTokenizerBase, directory: Path, shape: Shape) -> ExportedRows:
    """Write the rows of a job for a backend.

    Args:
        job: with files by objective, as TrainJob tells.
        tokenizer: of the base model.
        directory: receives the files.
        shape: turns a row into the form that the backend reads.

    Raises:
        InputError: a row cannot be read or trained, or no row is left.
    """
    directory.mkdir(parents=True, exist_ok=True)
    train = _Measured(job, tokenizer, Path(job.train_file))
    path = write_rows(directory, "train", (shape(row) for row in train.rows()))
    if not train.kept:
        raise InputError(
            f"{job.train_file}: no row is left to train on ({train.dropped} exceed {job.trainer.max_length} tokens)"
        )
    validation: Path | None = None
    if job.validation_file is not None:
        held_out = _Measured(job, tokenizer, Path(job.validation_file))
        written = write_rows(directory, "validation", (shape(row) for row in held_out.rows()))
        validation = written if held_out.kept else None
    return ExportedRows(path, validation, train.kept, train.dropped, train.truncated, train.expected)


class _Measured:
    """Rows of a file that fit, with counts of those that do not."""

    def __init__(self, job: TrainJob, tokenizer: PreTrainedTokenizerBase, path: Path) -> None:
        self.job, self.tokenizer, self.path = job, tokenizer, path
        self.kind = job.objective.rows
        self.kept = self.dropped = self.truncated = 0
        self.expected: list[Row] = []

    def rows(self) -> Iterator[Row]:
        """Yield the rows that fit, in file order."""
        waiting: list[TokenisedExample] = []
        for row in read_jsonl(self.path):
            if self.kind is TEXTS:
                # Plain text has no end that could be lost: backends cut it into pieces.
                self.kept += 1
                yield row
                continue
            if not self._fits(row, waiting):
                continue
            self.kept += 1
            if len(waiting) >= CHUNK:
                self._check(waiting)
            yield row
        self._check(waiting)

    def _fits(self, row: Row, waiting: list[TokenisedExample]) -> bool:
        conversations, tools = self.kind.conversations(row), tools_of_row(row)
        if self.kind is CONVERSATIONS:
            examples = tokenise_conversation(self.tokenizer, str(row.get("id")), conversations[0], tools)
        else:
            examples = [tokenise_example(self.tokenizer, str(row.get("id")), one, tools) for one in conversations]
        if max(len(example.input_ids) for example in examples) > self.job.trainer.max_length:
            if self.job.overlong != "truncate" or self.kind is not CONVERSATIONS:
                self.dropped += 1
                return False
            self.truncated += 1
            return True
        waiting += examples
        if len(self.expected) < COMPARED:
            parts = decode_trained(self.tokenizer, examples[-1 if self.kind is CONVERSATIONS else 0])
            text, trained = "".join(part for part, _ in parts), "".join(part for part, learned in parts if learned)
            ready = prepare_conversation(self.tokenizer, conversations[0], tools)
            self.expected.append({"messages": ready.messages, "text": text, "trained": trained})
        return True

    def _check(self, waiting: list[TokenisedExample]) -> None:
        if waiting:
            check_examples(self.tokenizer, waiting)
            waiting.clear()


def write_rows(directory: Path, name: str, rows: Iterable[Row]) -> Path:
    """Write rows and name the file by its content: backends keep tokenised rows by path."""
    directory.mkdir(parents=True, exist_ok=True)
    temporary, hashed = directory / f"{name}.tmp", hashlib.sha256()
    with temporary.open("wb") as handle:
        for row in rows:
            line = json_line(row).encode() + b"\n"
            hashed.update(line)
            handle.write(line)
    path = directory / f"{name}-{hashed.hexdigest()[:16]}.jsonl"
    temporary.replace(path)
    return path


def plain_conversation(
    tokenizer: PreTrainedTokenizerBase, row: Row, messages: list[Message], backend: str
) -> list[dict[str, Any]]:
    """Return a conversation for a program that renders roles and contents by itself.

    Raises:
        InputError: it has calls or reasoning that the model's template renders.
    """
    ready = prepare_conversation(tokenizer, messages, tools_of_row(row))
    if ready.plain:
        return ready.messages
    raise InputError(
        f"row {row.get('id')!r} has tool calls or reasoning, which {backend} would render differently; {ELSE}"
    )


def whole_conversation(
    tokenizer: PreTrainedTokenizerBase, row: Row, messages: list[Message], backend: str
) -> list[dict[str, Any]]:
    """Return a conversation for a program that renders roles and contents, and learns every answer.

    Raises:
        InputError: see plain_conversation; or a turn is not learned, or the template gives several rows of tokens.
    """
    plain, tools = plain_conversation(tokenizer, row, messages, backend), tools_of_row(row)
    if not all(prepare_conversation(tokenizer, messages, tools).answers):
        raise InputError(f"row {row.get('id')!r} has turns of weight 0, which {backend} would learn; {ELSE}")
    if len(tokenise_conversation(tokenizer, str(row.get("id")), messages, tools)) > 1:
        raise InputError(
            f"row {row.get('id')!r}: the chat template renders turns differently once the conversation goes on, and "
            f"{backend} would render it once; {ELSE}"
        )
    return plain


def plain_answers(tokenizer: PreTrainedTokenizerBase, row: Row, kind: RowKind, backend: str) -> Row:
    """Return a row of answers for a program that renders prompts and answers by itself.

    Raises:
        InputError: see plain_conversation.
    """
    found = {key: value for key, value in row.items() if key != "tools"}
    for answer, messages in zip(kind.answers, kind.conversations(row), strict=True):
        turns = plain_conversation(tokenizer, row, messages, backend)
        found |= {"prompt": turns[:-1], answer: turns[-1:]}
    return found


def plain_question(tokenizer: PreTrainedTokenizerBase, row: Row, backend: str) -> Row:
    """Return a question for a program that renders it by itself.

    Raises:
        InputError: see plain_conversation.
    """
    found = {key: value for key, value in row.items() if key != "tools"}
    return {**found, "prompt": plain_conversation(tokenizer, row, row["prompt"], backend)}


def split_answer(
    tokenizer: PreTrainedTokenizerBase, messages: list[Message], tools: list[dict[str, Any]]
) -> tuple[str, str]:
    """Render a conversation as the prompt and the last answer with its end of turn.

    Raises:
        InputError: the template renders the prompt differently once it is answered.
    """
    prompt = render_conversation(tokenizer, messages[:-1], tools, generation_prompt=True)
    whole = render_conversation(tokenizer, messages, tools)
    if not whole.startswith(prompt):
        raise InputError("the chat template renders a prompt differently once it is answered; use backend=trl")
    return _without_double_start(tokenizer, prompt), without_tail(tokenizer, whole)[len(prompt) :]


def _without_double_start(tokenizer: PreTrainedTokenizerBase, prompt: str) -> str:
    """Leave out a beginning-of-text token that the tokenizer adds by itself."""
    start: Any = tokenizer.bos_token
    encoded: Any = tokenizer("")
    adds = bool(encoded["input_ids"]) and encoded["input_ids"][0] == tokenizer.bos_token_id
    return prompt.removeprefix(start) if start and adds else prompt
