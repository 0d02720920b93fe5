"""What stands in the caches of a place, what of it is in use, and what can go.

Only what is made again by the same command is ever offered: artifacts of stages that no run in ``outputs`` names, what
killed processes left half-built, kept answers and compiled loops that nothing has used for a while. Datasets, models,
runs, replies that were paid for and downloads are the user's and are counted only.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from secft.artifact import MANIFEST
from secft.config.roots import PathsConfig
from secft.documents.run_record import read_run_record
from secft.files import storage_errors
from secft.models.cache import default_cache_dir

DAY = 86_400
UNFINISHED = re.compile(r"\.(?P<name>.+)\.building")
LEFT_OVER = re.compile(r"\..+\.(?:tmp|old|tmp-.+)")
KEPT = {"replies": "replies of models, paid for", "web": "downloaded pages", "nvd": "downloaded pages"}
"""Folders of the cache of a place that are the user's -> what they hold."""


@dataclass(frozen=True)
class CacheItem:
    """One directory or file of a cache.

    Attributes:
        path: where it is.
        size: bytes on the disk, of all its files.
        reason: why it stays or can go, in words.
        removable: it can go.
        lock: file that a process holds while it makes the item; None where there is none.
    """

    path: Path
    size: int
    reason: str
    removable: bool
    lock: Path | None = None


def survey(paths: PathsConfig, days: float) -> list[CacheItem]:
    """Return what stands in the caches.

    Args:
        paths: the places of a project.
        days: what is unfinished or unused stays for so long.
    """
    before = time.time() - days * DAY
    cache = Path(paths.cache)
    return [
        *_artifacts(cache / "stages", _users(Path(paths.outputs)), before),
        *_left_over([Path(paths.data), Path(paths.models)], before),
        *(
            CacheItem(cache / name, tree_size(cache / name), what, False)
            for name, what in KEPT.items()
            if (cache / name).is_dir()
        ),
        *_common(default_cache_dir(), before),
    ]


def remove(item: CacheItem) -> bool:
    """Remove an item unless a process has begun to use it; return whether it is gone.

    Raises:
        StorageError: it cannot be removed.
    """
    with storage_errors(item.path), _held(item.lock) as free:
        if not free or not item.path.exists():
            return False
        if item.path.is_dir():
            shutil.rmtree(item.path)
        else:
            item.path.unlink()
    return True


def tree_size(path: Path) -> int:
    """Return the bytes of a file, or of all files below a directory; what disappears meanwhile counts nothing."""
    if path.is_file():
        return path.stat().st_size
    total = 0
    for file in path.rglob("*"):
        try:
            total += file.lstat().st_size if file.is_file() else 0
        except OSError:
            continue
    return total


def _users(outputs: Path) -> dict[tuple[str, str], str]:
    """Return (stage, name of an artifact) -> the run that used it, the first by name."""
    users: dict[tuple[str, str], str] = {}
    for directory in sorted({path.parent for path in outputs.glob("**/run.json")}):
        record = read_run_record(directory)
        for stage in record.stages if record else ():
            users.setdefault((stage.stage, Path(stage.artifact).name), record.run if record else "")
    return users


def _artifacts(stages: Path, users: dict[tuple[str, str], str], before: float) -> Iterator[CacheItem]:
    for place in sorted(stages.glob("*/*")):
        if not place.is_dir():
            continue
        unfinished, left = UNFINISHED.fullmatch(place.name), LEFT_OVER.fullmatch(place.name)
        name = unfinished["name"] if unfinished else place.name
        lock = place.with_name(f".{name}.lock")
        size, used = tree_size(place), _last_change(place)
        with _held(lock) as free:
            if not free:
                yield CacheItem(place, size, "a process is making it", False)
            elif left:
                yield CacheItem(place, size, "left by a process that was killed", True, lock)
            elif unfinished and used >= before:
                yield CacheItem(place, size, "unfinished; the run that began it goes on from here", False)
            elif unfinished:
                yield CacheItem(place, size, "unfinished, and nobody went on with it", True, lock)
            elif run := users.get((place.parent.name, place.name)):
                yield CacheItem(place, size, f"used by the run {run}", False)
            else:
                yield CacheItem(place, size, "no run in outputs uses it", True, lock)


def _left_over(roots: list[Path], before: float) -> Iterator[CacheItem]:
    for root in roots:
        for place in sorted(root.glob("*/.*.tmp")):
            if place.stat().st_mtime < before:
                yield CacheItem(place, tree_size(place), "left by a process that was killed", True)


def _common(cache: Path, before: float) -> Iterator[CacheItem]:
    """Yield what all projects of this user share."""
    for place in sorted((cache / "models").glob("*")):
        if LEFT_OVER.fullmatch(place.name) and place.stat().st_mtime < before:
            yield CacheItem(place, tree_size(place), "left by a process that was killed", True)
        elif (place / MANIFEST).is_file():
            yield CacheItem(place, tree_size(place), "a converted base model", False)
    for folder, what in (("baselines", "answers of a base model"), ("kernels", "compiled loops")):
        for place in sorted((cache / folder).glob("*")):
            used = max(place.stat().st_atime, place.stat().st_mtime)
            if place.is_file() and used < before:
                yield CacheItem(place, place.stat().st_size, f"{what}, unused", True)


def _last_change(directory: Path) -> float:
    times = [directory.stat().st_mtime]
    for path in directory.rglob("*"):
        try:
            times.append(path.lstat().st_mtime)
        except OSError:
            continue
    return max(times)


@contextmanager
def _held(lock: Path | None) -> Iterator[bool]:
    """Hold a lock if nobody else does; yield whether nobody does. A lock file that is not there is not made."""
    if lock is None or not lock.is_file():
        yield True
        return
    held = FileLock(lock)
    try:
        held.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        held.release()
