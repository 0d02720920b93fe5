"""The records of files about CVEs: JSON, JSONL and zip archives of them, taken one record at a time."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from secft.dataset.sources.reading.input_files import MAX_STREAM_BYTES, opened, read_lines
from secft.dataset.sources.reading.json_stream import MAX_RECORD, BrokenJsonError, json_records
from secft.dataset.sources.reading.json_values import clean
from secft.dataset.sources.reading.unpacking import METHODS, REMEDY, STREAM, allowed
from secft.dataset.sources.source import ReadLog
from secft.errors import InputError
from secft.reasons import Reason

EXPECTED = "CVE records: an NVD JSON 2.0 feed, or CVE JSON 5 records"
SUFFIXES = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz", ".zip")
MAX_MEMBERS = 2_000_000
"""Most members of an archive; the whole CVE list has about 350,000."""
_ARRAYS = ("vulnerabilities",)
_LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
_BROKEN_ARCHIVE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)


def records_of_file(path: str, log: ReadLog) -> Iterator[tuple[str, Any]]:
    """Yield (where, value) for each record of a file; what is broken is refused and counted.

    Args:
        path: a file; the content decides what it is, except that names of JSONL files end so.
        log: counts what is refused.
    """
    try:
        if zipfile.is_zipfile(path):
            yield from _of_archive(path, log)
        elif path.lower().endswith(_LINES):
            yield from _of_lines(path, log)
        else:
            with opened(Path(path), EXPECTED) as stream:
                yield from _of_stream(clean(path), stream, log)
    except InputError as error:
        log.refuse(clean(path), Reason("file.broken"), clean(str(error)))


def _of_stream(where: str, stream: BinaryIO, log: ReadLog) -> Iterator[tuple[str, Any]]:
    count = 0
    try:
        for record in json_records(stream, _ARRAYS):
            count += 1
            yield f"{where}#{count}", record
    except BrokenJsonError as error:
        log.refuse(where, Reason("file.broken"), f"after {count} record(s): {error}")
        return
    if not count:
        log.refuse(where, Reason("file.no_records"))


def _of_lines(path: str, log: ReadLog) -> Iterator[tuple[str, Any]]:
    for number, line in read_lines(Path(path), EXPECTED, MAX_RECORD):
        where = f"{clean(path)}#{number}"
        if line is None:
            log.refuse(where, Reason("file.broken_line"), f"longer than {MAX_RECORD:,} bytes")
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            log.refuse(where, Reason("file.broken_line"), str(error))
            continue
        yield where, record


def _of_archive(path: str, log: ReadLog) -> Iterator[tuple[str, Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = sorted(archive.infolist(), key=lambda member: member.filename)
            most = min(MAX_STREAM_BYTES, allowed(Path(path).stat().st_size, STREAM))
            if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > most:
                raise InputError(f"{path}: the archive is too large; expected {EXPECTED}; {REMEDY}.")
            for member in members:
                yield from _of_member(path, archive, member, log)
    except (*_BROKEN_ARCHIVE, OSError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: broken zip archive ({error}); expected {EXPECTED}.") from None


def _of_member(path: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo, log: ReadLog) -> Iterator[tuple[str, Any]]:
    name = member.filename.lower()
    where = clean(f"{path}!{member.filename}")
    if name.endswith(".zip"):
        log.refuse(where, Reason("archive.nested"), "unpack the outer one first")
    elif name.endswith((".json", ".jsonl", ".ndjson")) and not member.is_dir():
        if member.compress_type not in METHODS:
            log.refuse(where, Reason("archive.not_plain"))
            return
        try:
            with archive.open(member) as stream:
                yield from _of_stream(where, cast(BinaryIO, stream), log)
        except _BROKEN_ARCHIVE as error:
            log.refuse(where, Reason("file.broken"), str(error))
