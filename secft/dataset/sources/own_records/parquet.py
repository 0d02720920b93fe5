"""A dataset of your own: Parquet files, or a Hugging Face dataset that ``save_to_disk`` wrote.

Rows are read in batches, and only the columns that mean something. Shapes of a row, mapping of columns, and fields of
the documents: see chat_record.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from secft.dataset.sources.own_records import ParquetSource
from secft.dataset.sources.own_records.arrow_rows import rows
from secft.dataset.sources.own_records.bad_rows import Row, Tolerance, accepted
from secft.dataset.sources.own_records.chat_record import TARGETS, Origin, columns_problems, documents_of_row
from secft.dataset.sources.own_records.saved_dataset import INFO, is_saved_dataset, saved_files, saved_license
from secft.dataset.sources.reading.bad_record import BadRecordError
from secft.dataset.sources.reading.input_files import expand_paths, paths_problems, refused_links
from secft.dataset.sources.reading.json_values import clean
from secft.dataset.sources.source import Reader, ReadLog
from secft.errors import InputError, Problem
from secft.files import sha256_file
from secft.reasons import Reason
from secft.records import Document

EXPECTED = "rows with `messages`, a question and an answer, or columns mapped to them with fields"
SUFFIXES = (".parquet",)


def _files(config: ParquetSource) -> dict[str, str]:
    """Return file -> licence, each file once, in order."""
    found: dict[str, str] = {}
    for path in config.paths:
        if is_saved_dataset(path):
            named = saved_license(Path(path)) if config.license == "unknown" else ""
            found.update((str(file), named or config.license) for file in saved_files(Path(path)))
        else:
            found.update((file, config.license) for file in expand_paths([path], SUFFIXES))
    return found


def _label(path: str, config: ParquetSource) -> str:
    below = (named for named in config.paths if path != named and Path(path).is_relative_to(named))
    named = next(below, None)
    return Path(path).relative_to(named).as_posix() if named else Path(path).name


def _labels(config: ParquetSource) -> dict[str, str]:
    """Return file -> what distinguishes it in ids: its path below what was configured, its name, or its whole path."""
    labels = {path: _label(path, config) for path in _files(config)}
    several = {label for label, count in Counter(labels.values()).items() if count > 1}
    return {path: clean(path if label in several else label) for path, label in labels.items()}


def _rows(config: ParquetSource, log: ReadLog) -> Iterator[Row]:
    others: list[str] = []

    def wanted(names: list[str]) -> list[str]:
        chosen = [name for name in names if name in config.fields or name in TARGETS]
        others[:] = [name for name in names if name not in chosen]
        return chosen

    labels = _labels(config)
    for path, license_name in _files(config).items():
        version = f"sha256:{sha256_file(Path(path))[:12]}"
        origin = Origin(
            "parquet", version, license_name, config.url, clean(path), config.fields, config.reasoning == "keep"
        )
        label, number = labels[path], 0
        try:
            for number, row in enumerate(rows(Path(path), wanted), start=1):
                try:
                    for document in documents_of_row(_without_nulls(row), f"{label}#{number:07d}", origin, log):
                        yield f"{label} row {number}", document
                except BadRecordError as error:
                    yield f"{label} row {number}", error
        except InputError as error:
            if number:  # what came before the broken place is good
                yield f"{label} row {number + 1}", BadRecordError(Reason("file.broken_rest"))
            else:
                raise InputError(str(error)) from None
        log.unused.update({str(Reason("unused.column", clean(name)[:40])): number for name in others})


def _without_nulls(value: Any) -> Any:
    """Return a value without the nulls that stand where other rows have a field."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _read(config: ParquetSource, log: ReadLog) -> Iterator[Document]:
    """Yield one document per good row; bad rows are counted by reason.

    Raises:
        InputError: a file is missing, broken or without a known column, or more rows are bad than ``max_bad_rows``.
    """
    for link in refused_links([path for path in config.paths if not is_saved_dataset(path)], SUFFIXES):
        log.refuse(clean(link), Reason("file.link_outside"))
    where = ", ".join(config.paths)
    tolerance = Tolerance(config.max_bad_rows, "max_bad_rows", "row", where, EXPECTED)
    empty = True
    for document in accepted(_rows(config, log), log, tolerance):
        empty = False
        yield document
    if empty and not log.refused:
        raise InputError(f"{where}: holds no rows; expected {EXPECTED}.")


def _external_files(config: ParquetSource) -> dict[str, Path]:
    saved = [Path(path) / INFO for path in config.paths if is_saved_dataset(path)]
    return {str(path): path for path in [*map(Path, _files(config)), *saved] if path.is_file()}


def _problems(config: ParquetSource, key: str) -> list[Problem]:
    return paths_problems(config.paths, f"{key}.paths") + columns_problems(config.fields, f"{key}.fields")


READER = Reader(read=_read, external_files=_external_files, problems=_problems)
