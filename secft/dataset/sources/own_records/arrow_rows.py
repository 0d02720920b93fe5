"""Rows of Parquet and Arrow files, a bounded batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from secft.errors import InputError

EXPECTED = "a Parquet file, or an Arrow file of a saved dataset"
BATCH_ROWS = 256
MAX_BATCH = 256 << 20
"""Most bytes of a batch of rows in memory."""
MAX_COLUMNS = 10_000


def rows(path: Path, wanted: Callable[[list[str]], list[str]]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file as column -> value.

    Args:
        path: Parquet, or Arrow in its file or stream format: recognised by content.
        wanted: chooses columns from all names; other columns are not read.

    Raises:
        InputError: the file is broken, is something else, or has none of the wanted columns.
    """
    import pyarrow as pa

    try:
        with path.open("rb") as stream:
            magic = stream.read(6)
        batches = _parquet(path, wanted) if magic[:4] == b"PAR1" else _arrow(path, magic == b"ARROW1", wanted)
        for batch in batches:
            if batch.nbytes > MAX_BATCH:
                raise InputError(f"{path}: {BATCH_ROWS} rows need more than {MAX_BATCH:,} bytes; refused.")
            yield from batch.to_pylist()
    except InputError:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"{path}: cannot be read ({reason}); expected {EXPECTED}.") from None


def _chosen(path: Path, names: list[str], wanted: Callable[[list[str]], list[str]]) -> list[str]:
    if len(names) > MAX_COLUMNS or len(set(names)) != len(names):
        raise InputError(f"{path}: has {len(names):,} columns, or two of the same name; refused.")
    chosen = wanted(names)
    if not chosen:
        shown = ", ".join(names[:20]) or "none"
        raise InputError(f"{path}: none of its columns is known ({shown}). Map yours: fields.<column>=user, and so on.")
    return chosen


def _parquet(path: Path, wanted: Callable[[list[str]], list[str]]) -> Iterator[Any]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
        columns = _chosen(path, file.schema_arrow.names, wanted)
        yield from file.iter_batches(batch_size=BATCH_ROWS, columns=columns, use_threads=False)


def _arrow(path: Path, is_file: bool, wanted: Callable[[list[str]], list[str]]) -> Iterator[Any]:
    import pyarrow as pa

    with pa.memory_map(str(path)) as source:
        reader = pa.ipc.open_file(source) if is_file else pa.ipc.open_stream(source)
        columns = _chosen(path, reader.schema.names, wanted)
        batches = (reader.get_batch(index) for index in range(reader.num_record_batches)) if is_file else reader
        for batch in batches:
            # Offsets in a file of unknown origin may point anywhere.
            batch.validate(full=True)
            for start in range(0, batch.num_rows, BATCH_ROWS):
                yield batch.select(columns).slice(start, BATCH_ROWS)
