"""Sort JSON lines by their id with memory for one run of them only: sorted runs in files, merged as they are read."""

from __future__ import annotations

import heapq
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any

from secft.files import storage_errors

RUN_LINES, RUN_CHARACTERS = 50_000, 32 << 20
"""Most lines, and most characters, that are sorted in memory at a time."""

FAN_IN = 128
"""Most files that are merged at a time; each is open."""

_HEAD = '{"id": "'

Key = Callable[[str], Any]
"""What ids are sorted by; different ids may have the same key."""

Row = tuple[Any, str, str]
"""Key, id and line of a row."""


def row_id(line: str) -> str:
    """Return the id of a line that json_line wrote; where it stands first, the rest is not looked at."""
    if line.startswith(_HEAD):
        name = line[len(_HEAD) : line.index('"', len(_HEAD))]
        if "\\" not in name:
            return name
    identifier: str = json.loads(line)["id"]
    return identifier


def sorted_lines(
    lines: Iterable[str], key: Key, directory: Path, run_lines: int = RUN_LINES, run_characters: int = RUN_CHARACTERS
) -> Iterator[str]:
    """Sort lines by the key of their id; lines of the same key stay in the order in which they came.

    Args:
        lines: without their ends; all are read before this returns.
        key: what ids are sorted by.
        directory: where runs are kept until the last line is taken.
        run_lines: most lines in memory.
        run_characters: most characters in memory, but for one line.

    Raises:
        StorageError: the disk is full or cannot be written.
    """
    runs = _Runs(key, directory)
    for run in _cut(lines, run_lines, run_characters):
        runs.add(run)
    return runs.lines()


def merged_rows(files: Sequence[tuple[Path, int]], key: Key, directory: Path) -> Iterator[Row]:
    """Merge files of sorted lines; rows of the same key come in the order of the files.

    Args:
        files: each with the number of lines to read of it.
        key: what ids are sorted by.
        directory: where intermediate files are kept where there are more than FAN_IN files.

    Raises:
        StorageError: the disk is full or cannot be written.
    """
    if len(files) <= FAN_IN:
        yield from heapq.merge(*(_rows(path, count, key) for path, count in files), key=itemgetter(0))
        return
    with storage_errors(directory), tempfile.TemporaryDirectory(prefix=".merge-", dir=directory) as place:
        fewer = [
            _written(Path(place) / f"{start}", (line for _, _, line in merged_rows(group, key, directory)))
            for start in range(0, len(files), FAN_IN)
            if (group := files[start : start + FAN_IN])
        ]
        yield from merged_rows(fewer, key, directory)


def with_repeats(rows: Iterable[Row]) -> Iterator[tuple[Row, bool]]:
    """Yield sorted rows, and whether a row with the same id came before."""
    last, ids = None, set[str]()
    for row in rows:
        if row[0] != last:
            last, ids = row[0], set()
        yield row, row[1] in ids
        ids.add(row[1])


class _Runs:
    """Sorted runs: the last one in memory, those before it in files."""

    def __init__(self, key: Key, directory: Path) -> None:
        self._key = key
        self._directory = directory
        self._place: Path | None = None
        self._files: list[tuple[Path, int]] = []
        self._largest: Any = None
        self._run: list[tuple[Any, str]] = []

    def add(self, lines: list[str]) -> None:
        if self._run:
            self._write()
        self._run = sorted(((self._key(row_id(line)), line) for line in lines), key=itemgetter(0))

    def lines(self) -> Iterator[str]:
        try:
            if self._place is None:
                yield from (line for _, line in self._run)
                return
            self._write()
            yield from (line for _, _, line in merged_rows(self._files, self._key, self._place))
        finally:
            if self._place is not None:
                shutil.rmtree(self._place, ignore_errors=True)

    def _write(self) -> None:
        with storage_errors(self._directory):
            if self._place is None:
                self._directory.mkdir(parents=True, exist_ok=True)
                self._place = Path(tempfile.mkdtemp(prefix=".runs-", dir=self._directory))
            lines = (line for _, line in self._run)
            if self._files and self._run[0][0] >= self._largest:
                # What comes in order, as most files do, is one run however long it is.
                path, before = self._files[-1]
                self._files[-1] = (path, before + _written(path, lines, "a")[1])
            else:
                self._files.append(_written(self._place / f"{len(self._files)}", lines))
            self._largest = self._run[-1][0]
            self._run = []


def _cut(lines: Iterable[str], most_lines: int, most_characters: int) -> Iterator[list[str]]:
    run: list[str] = []
    characters = 0
    for line in lines:
        run.append(line)
        characters += len(line)
        if len(run) >= most_lines or characters >= most_characters:
            yield run
            run, characters = [], 0
    if run:
        yield run


def _rows(path: Path, count: int, key: Key) -> Iterator[Row]:
    with path.open(encoding="utf-8", newline="\n", buffering=1 << 16) as stream:
        for line in islice(stream, count):
            identifier = row_id(line)
            yield key(identifier), identifier, line.rstrip("\n")


def _written(path: Path, lines: Iterable[str], mode: str = "w") -> tuple[Path, int]:
    count = 0
    with path.open(mode, encoding="utf-8") as stream:
        for line in lines:
            stream.write(f"{line}\n")
            count += 1
    return path, count
