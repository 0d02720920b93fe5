"""The cache of converted and generated base models.

An entry is built in a temporary directory beside its final place and renamed
when complete, under a file lock: a killed process leaves rubbish that the next
one removes, never half an entry.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"


def default_cache_dir() -> Path:
    """Return ``$SECFT_CACHE``, else ``$XDG_CACHE_HOME/secft``, else ``~/.cache/secft``."""
    explicit = os.environ.get("SECFT_CACHE")
    if explicit:
        return Path(explicit).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base).expanduser() if base else Path.home() / ".cache") / "secft"


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock; the kernel releases it when the process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)


def cached_directory(entry: Path, build: Callable[[Path], dict[str, Any]]) -> Path:
    """Return a finished cache entry, building it first if needed.

    Args:
        entry: final directory; its name must identify the content.
        build: fills an empty directory and returns what the manifest records.

    Returns:
        The entry, complete.
    """
    if (entry / MANIFEST).is_file():
        return entry
    entry.parent.mkdir(parents=True, exist_ok=True)
    with file_lock(entry.parent / f".{entry.name}.lock"):
        if (entry / MANIFEST).is_file():
            return entry
        for leftover in entry.parent.glob(f".{entry.name}.tmp-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        shutil.rmtree(entry, ignore_errors=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{entry.name}.tmp-", dir=entry.parent))
        try:
            manifest = build(temporary)
            _flush(temporary)
            (temporary / MANIFEST).write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n", encoding="utf-8")
            # mkdtemp makes a private directory; a shared cache must stay readable.
            temporary.chmod(0o755)
            temporary.rename(entry)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    return entry


def _flush(directory: Path) -> None:
    """Push file contents to the disk, so that the manifest cannot outlive them in a crash."""
    for path in directory.iterdir():
        with path.open("rb") as handle:
            os.fsync(handle.fileno())
