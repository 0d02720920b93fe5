"""What a finished directory must hold: digests of its files, and a seal on its manifest.

A manifest tells of every file its SHA-256, its size and the time of its last change. A file whose size and time are
those of the manifest counts as unchanged where only the presence of a result is asked; where the content is used, it is
read and compared. The seal is a digest of the manifest itself, so that an edited number in it is found, too.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from secft.files import digest, sha256_file, tree_digests

SEAL = "seal"


def files_record(directory: Path, leave_out: Collection[str] = ("manifest.json",)) -> dict[str, Any]:
    """Return ``files`` (path -> SHA-256), ``sizes`` (bytes) and ``times`` (nanoseconds) of a directory's files."""
    files = tree_digests(directory, leave_out)
    facts = {name: (directory / name).stat() for name in files}
    return {
        "files": files,
        "sizes": {name: fact.st_size for name, fact in facts.items()},
        "times": {name: fact.st_mtime_ns for name, fact in facts.items()},
    }


def changed_files(
    directory: Path, record: Mapping[str, Any], *, content: bool, leave_out: Collection[str] = ("manifest.json",)
) -> list[str]:
    """Return the files of a directory that are missing, added or other than its record says.

    Args:
        directory: what is checked.
        record: ``files``, ``sizes`` and, if it has them, ``times``; see files_record.
        content: read every file; otherwise only those whose time is another one.
        leave_out: names that the record does not hold.
    """
    files, sizes, times = record["files"], record["sizes"], record.get("times", {})
    changed = [
        name for name in files if not _is_same(directory / name, files[name], sizes[name], times.get(name), content)
    ]
    if content:
        present = {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()}
        changed += present - set(files) - set(leave_out)
    return sorted(changed)


def _is_same(path: Path, wanted: str, size: int, time: int | None, content: bool) -> bool:
    try:
        found = path.stat()
        if not path.is_file() or found.st_size != size:
            return False
        if not content and found.st_mtime_ns == time:
            return True
        if sha256_file(path) != wanted:
            return False
    except OSError:
        return False
    if time is not None and found.st_mtime_ns != time:
        # A copy of the directory has other times; once read, it need not be read again.
        with suppress(OSError):
            os.utime(path, ns=(found.st_atime_ns, time))
    return True


def sealed(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest with a digest of all that it says."""
    return {**manifest, SEAL: digest(manifest)}


def seal_holds(manifest: Mapping[str, Any]) -> bool:
    """Tell whether a manifest says what it said when it was sealed; one without a seal is of an older version."""
    if SEAL not in manifest:
        return "times" not in manifest
    return bool(manifest[SEAL] == digest({key: value for key, value in manifest.items() if key != SEAL}))
