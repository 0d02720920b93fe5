"""The cache of converted and generated base models.

An entry is built in a temporary directory beside its final place and renamed
when complete, under a file lock: a killed process leaves rubbish that the next
one removes, never half an entry. Its manifest tells the digests of its files; an
entry that is not what it was is told and built again.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from secft.errors import InputError
from secft.files import flush_tree, read_json, replace_directory, share, write_json
from secft.integrity import changed_files, files_record, seal_holds, sealed
from secft.log import warn

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
    if _is_whole(entry):
        return entry
    entry.parent.mkdir(parents=True, exist_ok=True)
    with file_lock(entry.parent / f".{entry.name}.lock"):
        if _is_whole(entry):
            return entry
        if entry.is_dir():
            warn(f"{entry} is damaged or incomplete; it is not used and made again")
        for leftover in entry.parent.glob(f".{entry.name}.tmp-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        shutil.rmtree(entry, ignore_errors=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{entry.name}.tmp-", dir=entry.parent))
        try:
            manifest = build(temporary)
            flush_tree(temporary)
            write_json(temporary / MANIFEST, sealed({**manifest, **files_record(temporary)}))
            # mkdtemp makes a private directory; a shared cache must stay readable.
            share(temporary)
            replace_directory(temporary, entry)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    return entry


def kept_digests(entry: Path) -> dict[str, str]:
    """Return the SHA-256 of the files of an entry that cached_directory returned, by name."""
    return dict(read_json(entry / MANIFEST)["files"])


def _is_whole(entry: Path) -> bool:
    """Tell whether every file of an entry is what its manifest says; all of them are read."""
    try:
        manifest = read_json(entry / MANIFEST)
        return seal_holds(manifest) and not changed_files(entry, manifest, content=True)
    except (InputError, KeyError, TypeError):
        return False
