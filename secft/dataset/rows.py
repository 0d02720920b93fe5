"""The rows of a dataset as JSON lines and as Parquet, with the same columns and types in every split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from secft.errors import InputError
from secft.files import storage_errors, write_jsonl

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

GROUP = 4096
"""Rows of a row group."""
MESSAGE = ("role", "content")
"""Parts of a message."""
PROVENANCE = (
    "document", "fields", "source", "source_version", "license", "url", "teacher", "prompt", "parameters", "response",
)  # fmt: skip
"""Parts of a provenance; all are strings but ``fields``, a list of them."""


def _schema() -> Any:
    # pyarrow takes a third of a second to import, so plans and errors do without.
    import pyarrow as pa

    text = pa.string()
    message = pa.struct([pa.field(name, text) for name in MESSAGE])
    provenance = [pa.field(name, pa.list_(text) if name == "fields" else text) for name in PROVENANCE]
    types = {
        "string": text,
        "int64": pa.int64(),
        "strings": pa.list_(text),
        "messages": pa.list_(message),
        "provenance": pa.struct(provenance),
    }
    return pa.schema([pa.field(column, types[kind]) for column, kind in COLUMNS.items()])


def features() -> list[dict[str, Any]]:
    """Return the columns in the form of a Hugging Face dataset card."""
    provenance = [{"name": name, "list" if name == "fields" else "dtype": "string"} for name in PROVENANCE]
    special: dict[str, dict[str, Any]] = {
        "messages": {"list": [{"name": name, "dtype": "string"} for name in MESSAGE]},
        "strings": {"list": "string"},
        "provenance": {"struct": provenance},
    }
    return [{"name": column, **special.get(kind, {"dtype": kind})} for column, kind in COLUMNS.items()]


def write_rows(directory: Path, split: str, records: Iterable[Mapping[str, Any]]) -> None:
    """Write ``<split>.jsonl`` and ``<split>.parquet`` (zstd) with the same rows, one group of rows after the other.

    The bytes depend on the rows and on the version of pyarrow only.

    Args:
        directory: an existing or new one.
        split: name of the files.
        records: what ``Example.record`` gives, with plain values only.

    Raises:
        StorageError: the disk is full or cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = directory / f"{split}.parquet"
    with storage_errors(path):
        directory.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(path, _schema(), compression="zstd") as writer:

            def written(groups: Iterable[list[Mapping[str, Any]]]) -> Iterator[Mapping[str, Any]]:
                for rows in groups:
                    writer.write_table(pa.Table.from_pylist(rows, schema=_schema()))
                    yield from rows

            write_jsonl(directory / f"{split}.jsonl", written(_groups(records)))


def _groups(records: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    stream = iter(records)
    while group := list(islice(stream, GROUP)):
        yield group


def read_parquet(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a split as plain values.

    Raises:
        InputError: the file is no Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=GROUP):
                yield from batch.to_pylist()
    except (pa.ArrowInvalid, pa.ArrowTypeError, OSError) as error:
        raise InputError(f"{path.name}: cannot be read as Parquet ({error}).") from None
