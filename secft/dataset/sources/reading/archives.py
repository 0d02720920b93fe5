"""Texts that come packed: members of tar and zip archives, and JSONL with one file or record a line.

Members are read in memory and never unpacked onto the disk; their names are checked all the same, since ids and
paths of documents are made of them.
"""

from __future__ import annotations

import json
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from secft.dataset.sources.reading.input_files import opened, read_input, read_lines
from secft.dataset.sources.reading.json_values import clean
from secft.dataset.sources.reading.paths import is_named, is_refused_link, shown_name
from secft.dataset.sources.reading.unpacking import METHODS, REMEDY, STREAM, allowed
from secft.dataset.sources.source import ReadLog
from secft.errors import InputError
from secft.reasons import Reason

MAX_MEMBER = 64 << 20
"""Most bytes of one member of an archive, and of one line of JSONL."""
MAX_ARCHIVE = 4 << 30
"""Most bytes of all members of an archive."""
_SLACK = 2 << 20
"""Bytes that the headers between two members of a tar archive may take."""

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".zip")
LINES = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")


@dataclass(frozen=True)
class Packed:
    """One text.

    Attributes:
        name: path inside an archive or as a line of JSONL says, else the file's name.
        data: its bytes; empty where the line holds the record itself.
        record: the line's object, where it is no file.
    """

    name: str
    data: bytes = b""
    record: dict[str, Any] | None = None

    @property
    def text(self) -> str:
        """The bytes as text without a byte order mark; bytes that are not UTF-8 become replacement characters."""
        return self.data.decode("utf-8-sig", "replace")


class _Metered:
    """A stream that refuses to give more bytes than allowed: a small archive can hold headers of any size."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream, self.allowed, self.total = stream, _SLACK, 0

    def read(self, size: int = -1) -> bytes:
        """Return at most ``size`` bytes, 1 MiB if that is not said."""
        data = self.stream.read(min(size, 1 << 20) if size >= 0 else 1 << 20)
        self.allowed -= len(data)
        self.total += len(data)
        if self.allowed < 0 or self.total > MAX_ARCHIVE:
            raise InputError("the archive is larger than allowed after decompression")
        return data


def _safe(name: str) -> bool:
    path = PurePosixPath(name)
    odd = any(not character.isprintable() for character in name) or "\\" in name or ":" in path.parts[0]
    return not (odd or path.is_absolute() or ".." in path.parts)


def _fault(name: str, size: int, plain: bool, seen: set[str]) -> Reason | None:
    """Return why a member is not read, or None."""
    if not name.strip("/.") or not _safe(name):
        return Reason("archive.unsafe_name")
    if not plain:
        return Reason("archive.not_plain")
    if size > MAX_MEMBER:
        return Reason("archive.too_large")
    return Reason("archive.repeated") if name in seen else None


def _wanted(name: str, suffixes: Collection[str]) -> bool:
    hidden = any(part.startswith(".") and part not in (".", "..") for part in name.split("/"))
    return not hidden and name.lower().endswith(tuple(suffixes))


def _zip_members(path: Path, suffixes: Collection[str], expected: str, log: ReadLog) -> Iterator[Packed]:
    seen: set[str] = set()
    total, most = 0, min(MAX_ARCHIVE, allowed(path.stat().st_size, STREAM))
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise InputError(f"{path}: not a whole zip archive ({error}); expected {expected}.") from None
    with archive:
        for info in archive.infolist():
            if info.is_dir() or not _wanted(info.filename, suffixes):
                continue
            linked = stat.S_ISLNK(info.external_attr >> 16)
            plain = not linked and not info.flag_bits & 1 and info.compress_type in METHODS
            reason = _fault(info.filename, info.file_size, plain, seen)
            data = b"" if reason else _zip_bytes(archive, info)
            if reason or data is None:
                log.refuse(clean(info.filename), reason or Reason("archive.broken"))
                continue
            total += len(data)
            if total > most:
                raise InputError(f"{path}: larger than {most:,} bytes after decompression; {REMEDY}.")
            seen.add(info.filename)
            yield Packed(info.filename, data)


def _zip_bytes(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes | None:
    """Return a member's bytes, or None if it is broken or larger than it says."""
    try:
        with archive.open(info) as member:
            data = member.read(info.file_size + 1)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, EOFError):
        return None
    return data if len(data) == info.file_size else None


def _tar_members(path: Path, suffixes: Collection[str], expected: str, log: ReadLog) -> Iterator[Packed]:
    seen: set[str] = set()
    with opened(path, expected) as stream:
        metered = _Metered(stream)
        try:
            with tarfile.open(fileobj=cast(BinaryIO, metered), mode="r|") as archive:
                for member in archive:
                    metered.allowed = member.size + _SLACK
                    if member.isdir() or not _wanted(member.name, suffixes):
                        continue
                    plain = member.isreg() and not member.issparse()
                    reason = _fault(member.name, member.size, plain, seen)
                    source = None if reason else archive.extractfile(member)
                    if source is None:
                        log.refuse(clean(member.name), reason or Reason("archive.not_plain"))
                        continue
                    seen.add(member.name)
                    yield Packed(member.name.removeprefix("./"), source.read())
        except (tarfile.TarError, InputError, ValueError) as error:
            raise InputError(f"{path}: not a whole tar archive ({error}); expected {expected}.") from None


def _lines(path: Path, shown: str, expected: str, log: ReadLog) -> Iterator[Packed]:
    for number, line in read_lines(path, expected, MAX_MEMBER):
        name = f"{shown}:{number}"
        try:
            row = json.loads(line) if line is not None else None
        except (ValueError, RecursionError):
            log.refuse(name, Reason("record.not_json"))
            continue
        if not isinstance(row, dict):
            log.refuse(name, Reason("record.long_line") if line is None else Reason("record.not_object"))
        elif isinstance(row.get("path"), str) and isinstance(row.get("text"), str):
            if not row["path"].strip("/.") or not _safe(row["path"]):
                log.refuse(name, Reason("archive.unsafe_name"))
            else:
                yield Packed(row["path"], row["text"].encode("utf-8", "replace"))
        else:
            yield Packed(name, record=row)


def read_packed(
    path: Path, suffixes: Collection[str], expected: str, log: ReadLog, shown: str = ""
) -> Iterator[Packed]:
    """Yield the texts of one input file: of an archive, of JSONL, or the file itself.

    Args:
        path: the file; archives are recognised by their content, JSONL by its name.
        shown: what the file is called in names of texts; by default its name.
        suffixes: how names of wanted members end; others are passed over.
        expected: what the file should be, for errors.
        log: counts members that are refused: unsafe names, links, too large, broken.

    Raises:
        InputError: the file cannot be read, is a broken archive, or is larger than allowed.
    """
    name = path.name.lower()
    with opened(path, expected) as stream:
        start = stream.read(512)
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        yield from _zip_members(path, suffixes, expected, log)
    elif start[257:262] == b"ustar" or name.endswith(ARCHIVES):
        yield from _tar_members(path, suffixes, expected, log)
    elif name.endswith(LINES):
        yield from _lines(path, shown or path.name, expected, log)
    else:
        yield Packed((shown or path.name).removesuffix(".gz"), read_input(path, expected))


def packed_suffixes(suffixes: Collection[str]) -> tuple[str, ...]:
    """Return how names of input files end that hold texts with these suffixes: themselves, gzipped, or packed."""
    return (*suffixes, *(f"{suffix}.gz" for suffix in suffixes), *ARCHIVES, *LINES)


def read_part(
    paths: Sequence[str], part: str, suffixes: Collection[str], expected: str, log: ReadLog
) -> Iterator[Packed]:
    """Yield the texts of one of parts_of; a file that a folder brought along and that is broken is counted.

    Raises:
        InputError: the file was named itself, and cannot be read.
    """
    name = shown_name(paths, part)
    if is_refused_link(paths, part):
        log.refuse(name, Reason("file.link_outside"))
        return
    try:
        yield from read_packed(Path(part), suffixes, expected, log, name)
    except InputError as error:
        if is_named(paths, part):
            raise
        log.refuse(name, Reason("file.unreadable"), str(error))
