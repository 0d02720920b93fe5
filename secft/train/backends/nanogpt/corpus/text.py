"""Lines of text files, read as a stream: plain or gzip, of bounded length, UTF-8.

What cannot be read is refused with a reason: ``missing``, ``outside`` (a link that leads out of a folder), ``binary``,
``empty``, ``too large``, ``damaged``.
"""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

MOST_FILES = 100_000
LONGEST_LINE = 64 * 2**10
"""Bytes after which a line is cut into several."""
HEAD = 8192


@dataclass
class Reading:
    """What was met on the way.

    Attributes:
        refused: (file, reason), in order.
        counts: ``cut lines``, ``undecodable lines``.
    """

    refused: list[tuple[str, str]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


class _UnreadableText(Exception):
    """A file that is left out."""


def text_files(paths: Iterable[Path], reading: Reading) -> list[Path]:
    """Return the files of paths, folders walked in order of their names; hidden files are left out.

    Args:
        paths: files and folders, in the order that counts.
        reading: receives what is refused.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            root = path.resolve()
            for inner in sorted(path.rglob("*")):
                if inner.is_dir() or any(part.startswith(".") for part in inner.relative_to(path).parts):
                    continue
                if inner.resolve().is_relative_to(root):
                    found[inner] = None
                else:
                    reading.refused.append((str(inner), "outside"))
        elif path.is_file():
            found[path] = None
        else:
            reading.refused.append((str(path), "missing"))
    for extra in list(found)[MOST_FILES:]:
        reading.refused.append((str(extra), "too many files"))
        del found[extra]
    return list(found)


def lines(path: Path, reading: Reading, most_bytes: int) -> Iterator[str]:
    """Yield the lines of a file; every line end becomes a line feed.

    A byte that is not UTF-8 becomes U+FFFD; a line longer than LONGEST_LINE bytes is cut. If the file turns out to be
    refused, what was yielded before is to be thrown away.

    Args:
        path: the file; a name that ends in ``.gz`` is unpacked on the way.
        reading: receives counts and the refusal.
        most_bytes: a file that is longer, unpacked, is refused.
    """
    try:
        with _opened(path) as stream:
            yield from _lines(stream, reading, most_bytes)
    except _UnreadableText as refusal:
        reading.refused.append((str(path), str(refusal)))
    except (OSError, EOFError, zlib.error):
        reading.refused.append((str(path), "damaged"))


def _opened(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _lines(stream: IO[bytes], reading: Reading, most_bytes: int) -> Iterator[str]:
    total = 0
    while raw := stream.readline(LONGEST_LINE):
        if total < HEAD and b"\x00" in raw:
            raise _UnreadableText("binary")
        total += len(raw)
        if total > most_bytes:
            raise _UnreadableText("too large")
        raw = _whole(raw, stream, reading)
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            reading.counts["undecodable lines"] += 1
            text = raw.decode("utf-8", "replace")
        yield text.replace("\r\n", "\n").replace("\r", "\n")
    if total == 0:
        raise _UnreadableText("empty")


def _whole(raw: bytes, stream: IO[bytes], reading: Reading) -> bytes:
    """Complete a character that the end of a piece cut in two."""
    if raw.endswith(b"\n") or len(raw) < LONGEST_LINE:
        return raw
    reading.counts["cut lines"] += 1
    while 0x80 <= _next(stream) < 0xC0 and len(raw) < LONGEST_LINE + 3:
        raw += stream.read(1)
    return raw


def _next(stream: IO[bytes]) -> int:
    ahead = stream.peek(1)[:1]  # type: ignore[attr-defined]
    return ahead[0] if ahead else 0
