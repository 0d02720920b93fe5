"""Screen the examples of a file in shards: each passes alone, so that workers can share them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from secft.config.schemas.curation import CurationConfig
from secft.dataset.curation.catalogue import DocumentCatalogue
from secft.dataset.curation.facts import ANSWER_TOO_SHORT, TOO_LONG, FactRules, facts_of
from secft.dataset.curation.funnel import Funnel
from secft.dataset.curation.label_noise import contradicts
from secft.dataset.curation.screens import judged, normalised, scrubbed, without_injection
from secft.dataset.curation.table import ExampleTable, read_table
from secft.errors import InputError
from secft.executor import Workplace
from secft.executor.shards import Rows, Shard, ShardTask, run_shards
from secft.files import plain, sha256_file
from secft.progress import meter
from secft.records import Example, example_from_record

SCREENED = "screened"


class TokenCounter(Protocol):
    """Counts tokens; it travels to workers by pickle."""

    def conversations(self, examples: Sequence[Example]) -> list[int]:
        """Return the tokens of whole conversations in the model's chat template."""
        ...

    def answers(self, texts: Sequence[str]) -> list[int]:
        """Return the tokens of answers."""
        ...

    @property
    def name(self) -> str:
        """What decides about the counts; it names shards."""
        ...


@dataclass(frozen=True)
class Screening:
    """What every worker is told.

    Attributes:
        examples_file: what ``synthesise`` wrote.
        settings: rules.
        tokens: counts tokens.
        max_tokens: longest conversation.
        seed: seed of ranks.
        known: what the documents say, or None.
    """

    examples_file: Path
    settings: CurationConfig
    tokens: TokenCounter
    max_tokens: int
    seed: int
    known: DocumentCatalogue | None

    @property
    def rules(self) -> FactRules:
        """On what facts depend besides the example."""
        return FactRules(self.seed, self.settings.split.by, frozenset(self.settings.max_examples_per_task))


@dataclass(frozen=True)
class _ScreeningShard:
    """A run of lines of the file of examples: bytes from one offset up to another."""

    screening: Screening
    start: int
    stop: int
    line: int


def screened(screening: Screening, place: Workplace, funnel: Funnel) -> ExampleTable:
    """Screen all examples of a file.

    Args:
        screening: what to do.
        place: on what and where shards are made; shards that a stopped attempt left there are used.
        funnel: told of every screen.

    Returns:
        The examples that passed.

    Raises:
        InputError: a line is broken, lacks a column, or repeats an id.
        MissingExtraError: a package that a rule needs is not installed.
        StorageError: the disk is full or cannot be written.
    """
    pieces = list(_pieces(screening, place.shard_size))
    content = sha256_file(screening.examples_file)
    facts = {"examples": content, "settings": plain(screening.settings), "seed": screening.seed,
             "tokens": screening.tokens.name, "max_tokens": screening.max_tokens,
             "known": screening.known is not None}  # fmt: skip
    tasks = (ShardTask({**facts, "start": piece.start, "stop": piece.stop}, piece) for piece in pieces)
    shards: list[Shard] = []
    with meter("dataset", len(pieces), "shards") as show:
        show.begin("judging examples")
        for shard in run_shards(place.executor, screen_piece, tasks, place.directory / SCREENED):
            funnel.add(shard.summary["funnel"])
            shards.append(shard)
            if len(pieces) > 1:
                show.advance(1)
    return read_table(shards, sum(shard.rows for shard in shards), screening.examples_file)


def _pieces(screening: Screening, size: int) -> Iterator[_ScreeningShard]:
    start = offset = first = 0
    with screening.examples_file.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            offset += len(line)
            if number % size == 0:
                yield _ScreeningShard(screening, start, offset, first)
                start, first = offset, number
    if offset > start or not offset:
        yield _ScreeningShard(screening, start, offset, first)


def screen_piece(piece: _ScreeningShard) -> Rows:
    """Screen some examples; runs in any process."""
    screening, settings = piece.screening, piece.screening.settings
    funnel = Funnel()
    ids, rows = _read(piece)
    rows = without_injection(rows, settings, funnel)
    rows = normalised(rows, funnel)
    rows = scrubbed(rows, settings, funnel)
    rows = judged(rows, settings, screening.known, funnel)
    rendered = {example.id: line for example, line in zip(rows, _lines(rows, screening), strict=True)}
    # An id that comes twice is told as such once all are seen.
    lines = (rendered.get(identifier) or json.dumps({"id": identifier}, ensure_ascii=False) for identifier in ids)
    return lines, lambda: {"funnel": funnel.steps}


def _lines(examples: Sequence[Example], screening: Screening) -> Iterator[str]:
    tokens = screening.tokens.conversations(examples)
    least = screening.settings.min_answer_tokens
    # An answer that is not empty has a token, so the default needs no counting.
    short = [False] * len(examples)
    if least > 1:
        answers = screening.tokens.answers([example.reply for example in examples])
        short = [count < least for count in answers]
    for example, count, too_short in zip(examples, tokens, short, strict=True):
        fault = ANSWER_TOO_SHORT if too_short else TOO_LONG if count > screening.max_tokens else 0
        facts = facts_of(example, count, fault, contradicts(example, screening.known), screening.rules)
        record = example.record()
        row = {"id": example.id, "facts": facts, "example": {**record, "provenance": vars(record["provenance"])}}
        yield json.dumps(row, ensure_ascii=False, allow_nan=False)


def _read(piece: _ScreeningShard) -> tuple[list[str], list[Example]]:
    path = piece.screening.examples_file
    ids, examples = [], []
    with path.open("rb") as stream:
        stream.seek(piece.start)
        number = piece.line
        while stream.tell() < piece.stop:
            number += 1
            example = _parsed(path, number, stream.readline())
            ids.append(example.id)
            examples.append(example)
    return ids, examples


def _parsed(path: Path, number: int, line: bytes) -> Example:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise InputError(f"{path}:{number}: not valid JSON ({error}).") from error
    if not isinstance(row, dict):
        raise InputError(f"{path}:{number}: expected a JSON object, found {type(row).__name__}.")
    try:
        return example_from_record(row)
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: an example lacks a column ({error}).") from None
