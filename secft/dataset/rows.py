"""The rows of a dataset as JSON lines and as Parquet, with the same columns and types in every split."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from secft.errors import InputError
from secft.files import json_line, read_jsonl, storage_errors, write_jsonl
from secft.records import OPTIONAL_COLUMNS, OPTIONAL_PARTS

COLUMNS = {
    "id": "string",
    "task": "string",
    "entity": "string",
    "family": "string",
    "system": "string",
    "user": "string",
    "assistant": "string",
    "messages": "messages",
    "choices": "strings",
    "answer": "int64",
    "rejected": "string",
    "source": "string",
    "provenance": "provenance",
}
"""Column -> type, in the order of Example.record."""

OPTIONAL: dict[str, Any] = {name: None if name == "label" else [] for name in OPTIONAL_COLUMNS}
"""Columns of a dataset in which some row has them -> what the other rows have there; Parquet holds them as JSON."""
GROUP = 4096
"""Rows of a row group."""
MESSAGE = ("role", "content")
"""Parts that every message has."""
AS_JSON = ("tool_calls",)
"""Parts of a message that Parquet holds as JSON: arguments of different calls have no columns in common."""
NUMBERS = ("weight",)
PROVENANCE = (
    "document", "fields", "source", "source_version", "license", "url", "teacher", "prompt", "parameters", "response",
)  # fmt: skip
"""Parts of a provenance; all are strings but ``fields``, a list of them."""

Record = Mapping[str, Any]


@dataclass
class RowLayout:
    """Which optional parts the rows of a dataset have; the same for all of its splits.

    Attributes:
        parts: optional parts of messages, in the order of OPTIONAL_PARTS.
        columns: optional columns, in the order of OPTIONAL_COLUMNS.
    """

    parts: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    def notice(self, record: Record) -> None:
        """Take in what a row has."""
        found = {part for message in record["messages"] for part in message if part not in MESSAGE}
        if not found <= set(self.parts):
            self.parts = tuple(part for part in OPTIONAL_PARTS if part in found or part in self.parts)
        if any(name in record and name not in self.columns for name in OPTIONAL_COLUMNS):
            self.columns = tuple(name for name in OPTIONAL_COLUMNS if name in record or name in self.columns)

    @property
    def message(self) -> tuple[tuple[str, str], ...]:
        """Parts of a message with their types."""
        names = (*MESSAGE, *self.parts)
        return tuple((name, "int64" if name in NUMBERS else "string") for name in names)

    @property
    def types(self) -> dict[str, str]:
        """Columns with their types."""
        return {**COLUMNS, **dict.fromkeys(self.columns, "json")}

    def whole(self, record: Record) -> Record:
        """Return a row with all columns of the dataset."""
        missing = {name: OPTIONAL[name] for name in self.columns if name not in record}
        return {**record, **missing} if missing else record


def _schema(layout: RowLayout) -> Any:
    # pyarrow takes a third of a second to import, so plans and errors do without.
    import pyarrow as pa

    text = pa.string()
    message = pa.struct([pa.field(name, pa.int64() if kind == "int64" else text) for name, kind in layout.message])
    provenance = [pa.field(name, pa.list_(text) if name == "fields" else text) for name in PROVENANCE]
    types = {
        "string": text,
        "json": text,
        "int64": pa.int64(),
        "strings": pa.list_(text),
        "messages": pa.list_(message),
        "provenance": pa.struct(provenance),
    }
    return pa.schema([pa.field(column, types[kind]) for column, kind in layout.types.items()])


def features(layout: RowLayout) -> list[dict[str, Any]]:
    """Return the columns in the form of a Hugging Face dataset card."""
    provenance = [{"name": name, "list" if name == "fields" else "dtype": "string"} for name in PROVENANCE]
    special: dict[str, dict[str, Any]] = {
        "messages": {"list": [{"name": name, "dtype": kind} for name, kind in layout.message]},
        "strings": {"list": "string"},
        "json": {"dtype": "string"},
        "provenance": {"struct": provenance},
    }
    return [{"name": column, **special.get(kind, {"dtype": kind})} for column, kind in layout.types.items()]


def write_splits(directory: Path, splits: Mapping[str, Iterable[Record]]) -> RowLayout:
    """Write ``<split>.jsonl`` and ``<split>.parquet`` (zstd) of all splits, one group of rows after the other.

    The bytes depend on the rows and on the version of pyarrow only. Optional columns that some row has are in all rows
    of all splits; optional parts of messages are in the messages that have them, and null in Parquet elsewhere.

    Args:
        directory: an existing or new one.
        splits: name of the files -> what ``Example.record`` gives, with plain values only; each is read once.

    Returns:
        What optional parts the rows have.

    Raises:
        StorageError: the disk is full or cannot be written.
    """
    layout = RowLayout()

    def noticed(records: Iterable[Record]) -> Iterator[Record]:
        for record in records:
            layout.notice(record)
            yield record

    for split, records in splits.items():
        write_jsonl(directory / f"{split}.jsonl", noticed(records))
    for split in splits:
        path = directory / f"{split}.jsonl"
        if layout.columns:
            partial = path.with_suffix(".partial")
            write_jsonl(partial, map(layout.whole, read_jsonl(path)))
            partial.replace(path)
        _write_parquet(directory / f"{split}.parquet", read_jsonl(path), layout)
    return layout


def _write_parquet(path: Path, records: Iterable[Record], layout: RowLayout) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema(layout)
    with storage_errors(path), pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for group in _groups(records):
            rows = [_flat(record, layout) for record in group] if layout.parts or layout.columns else group
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))


def _flat(record: Record, layout: RowLayout) -> Record:
    """Return a row whose optional columns and calls are JSON."""
    columns = {name: json_line(record[name]) for name in layout.columns}
    messages = [
        {name: json_line(value) if name in AS_JSON else value for name, value in message.items()}
        for message in record["messages"]
    ]
    return {**record, "messages": messages, **columns}


def _groups(records: Iterable[Record]) -> Iterator[list[Record]]:
    stream = iter(records)
    while group := list(islice(stream, GROUP)):
        yield group


def read_parquet(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a split as plain values, as ``<split>.jsonl`` has them.

    Raises:
        InputError: the file is no Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=GROUP):
                yield from map(_full, batch.to_pylist())
    except (pa.ArrowInvalid, pa.ArrowTypeError, OSError, ValueError) as error:
        raise InputError(f"{path.name}: cannot be read as Parquet ({error}).") from None


def _full(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as it was before _flat."""
    for name in OPTIONAL_COLUMNS:
        if name in row:
            row[name] = json.loads(row[name])
    row["messages"] = [
        {name: json.loads(value) if name in AS_JSON else value for name, value in message.items() if value is not None}
        for message in row["messages"]
    ]
    return row
