"""Pages of the NVD API on this machine: immutable files named after their content, and a marker when all are there.

``<cache>/<address>/<window>-<page size>/<start>-<count>-<total>-<sha256>.json`` and ``complete.json``.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from secft.errors import InputError
from secft.files import read_json, sha256_file, write_json, write_text

COMPLETE = "complete.json"
_NAME = re.compile(r"(\d{9})-(\d+)-(\d+)-([0-9a-f]{64})\.json")
_TIMESTAMP = re.compile(rb'"timestamp"\s*:\s*"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)[^"]{0,20}"')


@dataclass(frozen=True)
class NvdPage:
    """One page of a window.

    Attributes:
        path: its file.
        start: number of its first entry in the window, from 0.
        count: how many entries it has.
        total: how many entries the window had when it was asked for.
    """

    path: Path
    start: int
    count: int
    total: int


def _page(path: Path) -> NvdPage | None:
    match = _NAME.fullmatch(path.name)
    return NvdPage(path, int(match[1]), int(match[2]), int(match[3])) if match else None


def store_page(folder: Path, start: int, count: int, total: int, body: str) -> NvdPage:
    """Write a page under the name of its content.

    Raises:
        StorageError: the disk is full or cannot be written.
    """
    sha256 = hashlib.sha256(body.encode()).hexdigest()
    path = folder / f"{start:09d}-{count}-{total}-{sha256}.json"
    write_text(path, body)
    return NvdPage(path, start, count, total)


def stored_pages(folder: Path) -> list[NvdPage]:
    """Return the pages of a window from its start on, as far as they follow each other and are intact."""
    found = {page.start: page for path in sorted(folder.glob("*.json")) if (page := _page(path)) is not None}
    pages: list[NvdPage] = []
    start = 0
    while (page := found.get(start)) is not None and sha256_file(page.path) == page.path.stem.rpartition("-")[2]:
        pages.append(page)
        if not page.count:
            break
        start += page.count
    return pages


def is_complete(folder: Path) -> bool:
    """Tell whether all pages of a window are here."""
    return (folder / COMPLETE).is_file()


def finish(folder: Path, pages: list[NvdPage]) -> None:
    """Write the marker: nothing of this window is asked for again."""
    write_json(folder / COMPLETE, {"total": pages[-1].total, "pages": [page.path.name for page in pages]})


def complete_pages(folder: Path) -> list[Path]:
    """Return the pages of a complete window, in order; nothing for one that is not complete.

    Raises:
        InputError: the marker is broken, or names a page that is not here.
    """
    if not is_complete(folder):
        return []
    marker = read_json(folder / COMPLETE)
    names = marker.get("pages", []) if isinstance(marker, dict) else []
    paths = [folder / name for name in names if isinstance(name, str) and _NAME.fullmatch(name)]
    if not paths or not all(path.is_file() for path in paths):
        raise InputError(f"{folder}: pages of the NVD API are missing. Remove the folder; it is downloaded again.")
    return paths


def forget(folder: Path) -> None:
    """Remove the pages of a window that changed while it was downloaded."""
    for path in folder.glob("*.json"):
        path.unlink()


def asked_at(path: Path) -> str:
    """Return when NVD wrote a page (ISO 8601, UTC), as its head says; the first day of the era if it does not."""
    with path.open("rb") as stream:
        match = _TIMESTAMP.search(stream.read(4096))
    return f"{match[1].decode()}Z" if match else "1970-01-01T00:00:00Z"
