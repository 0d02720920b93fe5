"""What the report of a dataset tells, read row by row: only counts and the samples that are shown stay in memory."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

from secft.files import read_jsonl

SPLITS = ("train", "validation", "test")
SAMPLES, ACCEPTED, REJECTED, REFUSED, PAIRS = 50, 5, 10, 5, 8
"""How many are shown."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class DatasetFacts:
    """Everything that a report of a dataset may mention.

    Attributes:
        manifest: of the dataset.
        matrix: (source, task) -> examples in all splits.
        samples: task -> rows of the training split, drawn by seed.
        duplicates: some pairs that were taken for duplicates, of every step.
        refused: source -> records that became no document, drawn by seed.
        written: task -> documents ``seen``, ``kept`` and ``dropped`` (reason -> number) when examples were written.
        teacher: ``asked``, ``accepted`` and ``rejected``, each a name -> number; empty where no model was asked.
        spent: tokens, cost and seconds of this run; empty where no model was asked.
        accepted: examples that a model wrote, drawn by seed, each with ``passage``.
        rejected: what a model wrote and was not accepted, drawn by seed.
    """

    manifest: Row
    matrix: Mapping[tuple[str, str], int]
    samples: Mapping[str, list[Row]]
    duplicates: list[Row] = field(default_factory=list)
    refused: Mapping[str, list[Row]] = field(default_factory=dict)
    written: Mapping[str, Row] = field(default_factory=dict)
    teacher: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    spent: Row = field(default_factory=dict)
    accepted: list[Row] = field(default_factory=list)
    rejected: list[Row] = field(default_factory=list)


def read_dataset_facts(
    manifest: Row, dataset: Path, documents: Path, examples: Path, summary: Row, seed: int
) -> DatasetFacts:
    """Read what a report tells.

    Args:
        manifest: of the dataset.
        dataset: directory of the frozen dataset.
        documents: directory with ``documents.jsonl`` and ``refused.jsonl``.
        examples: directory with ``examples.jsonl`` and, where a model was asked, ``rejected.jsonl``.
        summary: of the synthesis, with ``documents``, and with ``teacher`` and ``spent`` where a model was asked.
        seed: decides which samples are shown.

    Raises:
        InputError: a file is broken.
    """
    matrix: Counter[tuple[str, str]] = Counter()
    for split in SPLITS:
        matrix.update((row["source"], row["task"]) for row in read_jsonl(dataset / f"{split}.jsonl"))
    written = (row for row in read_jsonl(examples / "examples.jsonl") if row["provenance"]["teacher"])
    accepted = drawn(written, ACCEPTED, seed) if summary.get("teacher") else []
    return DatasetFacts(
        manifest=manifest,
        matrix=matrix,
        samples=in_turns(drawn_of_each(read_jsonl(dataset / "train.jsonl"), "task", SAMPLES, seed), SAMPLES),
        duplicates=first_of_each(_rows(dataset / "duplicates.jsonl"), "step", PAIRS),
        refused=drawn_of_each(_rows(documents / "refused.jsonl"), "source", REFUSED, seed),
        written=summary.get("documents") or {},
        teacher=summary.get("teacher") or {},
        spent=summary.get("spent") or {},
        accepted=with_passages(accepted, documents / "documents.jsonl"),
        rejected=drawn(_rows(examples / "rejected.jsonl"), REJECTED, seed),
    )


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    return read_jsonl(path) if path.is_file() else iter(())


def _rank(seed: int, row: Row) -> str:
    name = row.get("id") or "\x1f".join(str(row.get(key)) for key in ("document", "record", "task", "question"))
    return hashlib.sha256(f"{seed}\x1f{name}".encode("utf-8", "surrogatepass")).hexdigest()


def drawn(rows: Iterable[Row], count: int, seed: int) -> list[Row]:
    """Return so many rows, by the rank that seed and name give them."""
    kept: list[tuple[str, Row]] = []
    for row in rows:
        kept.append((_rank(seed, row), row))
        if len(kept) >= 4 * count + 64:
            kept = sorted(kept, key=lambda pair: pair[0])[:count]
    return [row for _, row in sorted(kept, key=lambda pair: pair[0])[:count]]


def drawn_of_each(rows: Iterable[Row], key: str, count: int, seed: int) -> dict[str, list[Row]]:
    """Return value of the key -> so many rows with it, drawn by seed."""
    kept: dict[str, list[tuple[str, Row]]] = defaultdict(list)
    for row in rows:
        group = kept[row[key]]
        group.append((_rank(seed, row), row))
        if len(group) >= 4 * count + 64:
            group[:] = sorted(group, key=lambda pair: pair[0])[:count]
    return {
        name: [row for _, row in sorted(group, key=lambda pair: pair[0])[:count]]
        for name, group in sorted(kept.items())
    }


def in_turns(groups: Mapping[str, Sequence[Row]], count: int) -> dict[str, list[Row]]:
    """Return so many rows of all groups: one of each in turn, so that a small group is shown, too."""
    turns = zip_longest(*([(name, row) for row in rows] for name, rows in groups.items()))
    taken: dict[str, list[Row]] = {name: [] for name in groups}
    for name, row in islice((pair for turn in turns for pair in turn if pair is not None), count):
        taken[name].append(row)
    return {name: rows for name, rows in taken.items() if rows}


def first_of_each(rows: Iterable[Row], key: str, count: int) -> list[Row]:
    """Return at most so many rows for each value of the key, in their order."""
    seen: Counter[str] = Counter()
    kept = []
    for row in rows:
        seen[row[key]] += 1
        if seen[row[key]] <= count:
            kept.append(row)
    return kept


def with_passages(accepted: list[Row], documents: Path) -> list[Row]:
    """Add ``passage``: the parts of the document that an example's answer comes from."""
    wanted = {row["provenance"]["document"] for row in accepted}
    found: dict[str, Row] = {}
    if wanted:
        found = {row["id"]: row for row in _rows(documents) if row["id"] in wanted}
    return [{**row, "passage": _passage(row, found.get(row["provenance"]["document"], {}))} for row in accepted]


def _passage(example: Row, document: Row) -> str:
    parts = document.get("fields", {})
    told = [_plain(parts[name]) for name in example["provenance"]["fields"] if name in parts]
    return "\n".join(told) or str(document.get("text", ""))


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return "\n\n".join(text for item in value if (text := _plain(item)))
    if isinstance(value, Mapping):
        return "\n".join(text for item in value.values() if (text := _plain(item)))
    return str(value or "").strip()
