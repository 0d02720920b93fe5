"""The examples that passed the screens: texts on disk, in shards, and what is compared of them in columns.

Rows are numbered in natural order of ids, whatever order the shards have.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secft.dataset.curation.facts import COLUMNS
from secft.dataset.dedup.words import Rows, text_hash
from secft.dataset.natural import natural_bytes
from secft.errors import InputError
from secft.executor.shards import Shard
from secft.records import Example, example_from_record

Columns = NDArray[Any]

_NUMBERED = ("task", "group", "label", "license")
"""Columns that hold the number of a name."""


@dataclass(frozen=True)
class Places:
    """Where some examples are: a slice of a table that travels to workers.

    Attributes:
        paths: files of shards.
        rows: shape (n,), numbers of the rows in the table.
        shards: shape (n,), index into ``paths``.
        offsets: shape (n,), bytes from the beginning of the file.
    """

    paths: tuple[str, ...]
    rows: Rows
    shards: NDArray[np.int32]
    offsets: Rows

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield the examples in their order, as plain values."""
        for line in self._lines():
            yield json.loads(line)["example"]

    def examples(self) -> Iterator[Example]:
        """Yield the examples in their order."""
        return map(example_from_record, self.records())

    def _lines(self) -> Iterator[bytes]:
        """Yield lines; what lies one after the other in a file is read so, and one file is open at a time."""
        edges = np.flatnonzero(np.diff(self.shards)) + 1
        for shards, offsets in zip(np.split(self.shards, edges), np.split(self.offsets, edges), strict=True):
            if not shards.size:
                return
            with Path(self.paths[shards[0]]).open("rb", buffering=1 << 18) as stream:
                for offset in offsets.tolist():
                    if stream.tell() != offset:
                        stream.seek(offset)
                    yield stream.readline()


class Names:
    """Names by number, in the order in which they were first seen."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}

    def number(self, name: Any) -> int:
        """Return the number of a name."""
        return self._numbers.setdefault(name, len(self._numbers))

    def all(self) -> list[Any]:
        """Return all names in the order of their numbers."""
        return list(self._numbers)


@dataclass
class ExampleTable:
    """Examples by row, in natural order of ids.

    Attributes:
        paths: files of the shards.
        columns: shape (n,), see secft.dataset.curation.facts.COLUMNS.
        names: column -> names by number; a ``group`` is source, task and class.
    """

    paths: tuple[str, ...]
    columns: Columns
    names: dict[str, Names] = field(default_factory=lambda: {name: Names() for name in _NUMBERED})

    def __len__(self) -> int:
        return int(self.columns.size)

    def places(self, rows: Rows) -> Places:
        """Return where some rows are."""
        chosen = self.columns[rows]
        used, shards = np.unique(chosen["shard"], return_inverse=True)
        return Places(tuple(self.paths[one] for one in used), rows, shards.astype(np.int32), chosen["offset"])

    def parts(self, rows: Rows, size: int) -> Iterator[Places]:
        """Yield the places of rows in parts of so many."""
        for start in range(0, rows.size, size):
            yield self.places(rows[start : start + size])

    def records(self, rows: Rows) -> Iterator[dict[str, Any]]:
        """Yield rows as plain values, one after the other."""
        for part in self.parts(rows, 4096):
            yield from part.records()

    def examples(self, rows: Rows) -> Iterator[Example]:
        """Yield rows, one after the other."""
        return map(example_from_record, self.records(rows))


def read_table(shards: Iterable[Shard], count: int, examples_file: Path) -> ExampleTable:
    """Gather the columns of screened examples.

    Args:
        shards: what ``screening.screen_piece`` wrote: a row for every example, also for dropped ones.
        count: most examples.
        examples_file: named in errors.

    Raises:
        InputError: an id comes twice.
    """
    table = ExampleTable((), np.zeros(count, COLUMNS))
    keys = _SortKeys()
    ids = np.zeros(count, np.uint64)
    paths: list[str] = []
    seen = kept = 0
    for number, shard in enumerate(shards):
        paths.append(str(shard.path))
        for offset, row in _rows_of(shard.path):
            ids[seen] = text_hash(row["id"])
            seen += 1
            if "facts" in row:
                _fill(table, kept, {**row["facts"], "shard": number, "offset": offset})
                keys.add(row["id"])
                kept += 1
    _refuse_repeats(ids[:seen], paths, examples_file)
    order = keys.order()
    return ExampleTable(tuple(paths), table.columns[:kept][order], table.names)


def _rows_of(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    offset = 0
    with path.open("rb") as stream:
        for line in stream:
            yield offset, json.loads(line)
            offset += len(line)


def _fill(table: ExampleTable, row: int, facts: dict[str, Any]) -> None:
    group = (facts.pop("source"), facts["task"], facts.pop("class"))
    numbered = {name: table.names[name].number(facts[name] if name != "group" else group) for name in _NUMBERED}
    values = {**facts, **numbered}
    values["text"] = tuple(values["text"])
    table.columns[row] = tuple(values[name] for name in COLUMNS.names or ())


class _SortKeys:
    """Ids in a form whose bytes sort as secft.dataset.natural.natural does."""

    def __init__(self) -> None:
        self._chunks: list[Any] = []
        self._waiting: list[bytes] = []

    def add(self, identifier: str) -> None:
        self._waiting.append(natural_bytes(identifier))
        if len(self._waiting) == 1 << 16:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        self._chunks.append(pa.array(self._waiting, pa.large_binary()))
        self._waiting = []

    def order(self) -> Rows:
        """Return the places of all ids in natural order; equal ones stay as they came."""
        import pyarrow as pa
        import pyarrow.compute as pc

        self._flush()
        whole = pa.concat_arrays(self._chunks)
        order: Rows = pc.array_sort_indices(whole).to_numpy().astype(np.int64)
        return order


def _refuse_repeats(ids: NDArray[np.uint64], paths: list[str], examples_file: Path) -> None:
    ordered = np.sort(ids)
    suspects = set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())
    if not suspects:
        return
    counts: dict[str, int] = {}
    for path in paths:
        for _, row in _rows_of(Path(path)):
            if text_hash(row["id"]) in suspects:
                counts[row["id"]] = counts.get(row["id"], 0) + 1
    repeated = [name for name, number in counts.items() if number > 1]
    if repeated:
        raise InputError(f"{examples_file}: {len(repeated)} example id(s) come twice, for example {repeated[0]!r}.")
