"""What a downloaded snapshot must hold: a sealed record beside it, and the digests that the names of its blobs tell.

A snapshot that another program downloaded has no record; the Hub's digests are the names of its blobs all the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from secft.errors import InputError
from secft.files import read_json, write_json
from secft.integrity import SEAL, seal_holds, sealed
from secft.models.downloads.cache import Snapshot, blob_of

FORMAT = 1
READ_BY_MODELS = (".safetensors", ".json", ".jinja", ".model", ".txt")
"""Suffixes of what may change how a model computes or writes."""
State = Literal["ok", "changed", "missing", "added", "unrecorded"]


@dataclass(frozen=True)
class CheckedFile:
    """One file of a model directory.

    Attributes:
        name: relative path.
        size: bytes; 0 where it is missing.
        state: ``ok``; ``changed``, ``missing`` or ``added`` since the download; ``unrecorded``: nothing tells what it
            must be.
        sha256: of what is there; empty where that was not read.
        detail: what is wrong, for people.
    """

    name: str
    size: int
    state: State
    sha256: str = ""
    detail: str = ""


def record_path(snapshot: Snapshot) -> Path:
    """Return where the record of a snapshot is; the cache of huggingface_hub takes no notice of it."""
    return snapshot.repository / ".secft" / f"{snapshot.commit}.json"


def write_record(snapshot: Snapshot, facts: Mapping[str, Any], names: Mapping[str, str]) -> None:
    """Write what was downloaded.

    Args:
        snapshot: whose files are all there.
        facts: what else it should tell.
        names: file -> SHA-256 of its content.
    """
    found = {name: (snapshot.path / name).stat() for name in names}
    record = {
        **facts,
        "format": FORMAT,
        "hub_id": snapshot.hub_id,
        "commit": snapshot.commit,
        "files": dict(names),
        "sizes": {name: one.st_size for name, one in found.items()},
        "times": {name: one.st_mtime_ns for name, one in found.items()},
    }
    write_json(record_path(snapshot), sealed(record))


def read_record(snapshot: Snapshot) -> dict[str, Any] | None:
    """Return the record of a snapshot, or None where there is none.

    Raises:
        InputError: somebody changed it, or it is of another snapshot.
    """
    path = record_path(snapshot)
    if not path.is_file():
        return None
    record = read_json(path)
    whole = isinstance(record, dict) and SEAL in record and seal_holds(record) and record.get("format") == FORMAT
    if not whole or (record["hub_id"], record["commit"]) != (snapshot.hub_id, snapshot.commit):
        raise InputError(f"{path} was changed: it is not the record that the download wrote")
    return dict(record)


def examine(snapshot: Snapshot, *, content: bool) -> list[CheckedFile]:
    """Compare the files of a snapshot with its record and with the names of their blobs.

    Args:
        snapshot: in the cache.
        content: read every file; otherwise only those that are not as large and as old as recorded.

    Raises:
        InputError: the record was changed.
    """
    record = read_record(snapshot) or {"files": {}, "sizes": {}, "times": {}}
    present = {path.relative_to(snapshot.path).as_posix() for path in snapshot.path.rglob("*")
               if path.is_file() or path.is_symlink()}  # fmt: skip
    return [_checked(snapshot.path / name, name, record, content) for name in sorted(present | set(record["files"]))]


def faults_of(files: list[CheckedFile]) -> list[str]:
    """Return what keeps a snapshot from being used: the model is not the one that was downloaded."""
    wrong = [one for one in files if one.state in ("changed", "missing")]
    wrong += [one for one in files if one.state == "added" and one.name.endswith(READ_BY_MODELS)]
    return [f"{one.name} {one.detail}" for one in wrong]


def _checked(path: Path, name: str, record: Mapping[str, Any], content: bool) -> CheckedFile:
    wanted, blob = record["files"].get(name), blob_of(path)
    try:
        found = path.stat()
        size = record["sizes"].get(name, found.st_size)
        if not path.is_file():
            raise FileNotFoundError(path)
    except OSError:
        return CheckedFile(name, 0, "missing", detail="is missing")
    if found.st_size != size:
        return CheckedFile(name, found.st_size, "changed", detail=f"has {found.st_size:,} bytes instead of {size:,}")
    if not content and (found.st_mtime_ns == record["times"].get(name) or wanted is None):
        return CheckedFile(name, size, "ok" if wanted or blob else "unrecorded", wanted or "")
    sha256, oid = content_digests(path)
    if (wanted and sha256 != wanted) or (blob and blob not in (sha256, oid)):
        return CheckedFile(name, size, "changed", sha256, "has other bytes than were downloaded")
    if not wanted and not blob and record["files"]:
        return CheckedFile(name, size, "added", sha256, "was added to what was downloaded")
    if not wanted and not blob:
        return CheckedFile(name, size, "unrecorded", sha256, "has no recorded digest")
    return CheckedFile(name, size, "ok", sha256)


def content_digests(path: Path) -> tuple[str, str]:
    """Return the SHA-256 of a file and its name as a blob of git, both in hexadecimal.

    A file that was read is not read again by this process while nothing touched it.
    """
    found = path.stat()
    return _digests(path.resolve(), found.st_size, (found.st_mtime_ns, found.st_ctime_ns, found.st_ino))


@lru_cache(maxsize=4096)
def _digests(path: Path, size: int, state: tuple[int, int, int]) -> tuple[str, str]:
    return read_digests(path, size)


def read_digests(path: Path, size: int) -> tuple[str, str]:
    """Read a file and return content_digests of it.

    Args:
        path: of the file.
        size: that it has, bytes.
    """
    sha256, oid = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    small = size <= 64 << 20  # what is larger is kept by Git LFS, which names it by its SHA-256
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            sha256.update(chunk)
            if small:
                oid.update(chunk)
    return sha256.hexdigest(), oid.hexdigest() if small else ""
