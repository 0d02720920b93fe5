"""The cache of huggingface_hub on this machine: where the revisions of a repository lie.

``models--OWNER--NAME/snapshots/COMMIT/FILE`` is a link to ``blobs/DIGEST``, where DIGEST is what the Hub says of the
file; ``refs/BRANCH`` holds the commit that a branch was at. Other programs read and write the same place.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from secft.errors import InputError

PARTIAL = ".incomplete"
"""Suffix of a blob that is being downloaded, or whose download was interrupted."""
COMMIT = re.compile(r"[0-9a-f]{40}")
_BLOB = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PART = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_HUB_ID = re.compile(rf"(?:{_PART}/)?{_PART}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+/-]{0,199}")


@dataclass(frozen=True)
class Snapshot:
    """One revision of a repository in the cache.

    Attributes:
        hub_id: ``owner/name``.
        commit: name of the revision; 40 hexadecimal digits where it came from the Hub.
        path: directory with its files.
    """

    hub_id: str
    commit: str
    path: Path

    @property
    def repository(self) -> Path:
        """Directory of the repository in the cache."""
        return self.path.parent.parent


def hub_cache_dir() -> Path:
    """Return the cache directory that huggingface_hub would use, without importing it."""
    if explicit := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(explicit).expanduser()
    if home := os.environ.get("HF_HOME"):
        return Path(home).expanduser() / "hub"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base).expanduser() if base else Path.home() / ".cache") / "huggingface" / "hub"


def is_hub_id(text: str) -> bool:
    """Tell whether a text is ``OWNER/NAME`` (or ``NAME``) as the Hub allows it, and leads nowhere as a path."""
    return bool(_HUB_ID.fullmatch(text)) and "--" not in text and ".." not in text and not text.endswith(".git")


def check_revision(revision: str) -> str:
    """Return a branch, tag or commit that leads nowhere as a path.

    Raises:
        InputError: it does, or holds what no revision holds.
    """
    if not _REVISION.fullmatch(revision) or ".." in revision or "//" in revision or revision.endswith("/"):
        raise InputError(f"revision {revision!r} is no branch, tag or commit.")
    return revision


def repository_dir(hub_id: str) -> Path:
    """Return where a repository lies in the cache, whether it is there or not."""
    return hub_cache_dir() / f"models--{hub_id.replace('/', '--')}"


def snapshot_dir(hub_id: str, revision: str) -> Path | None:
    """Find a downloaded snapshot.

    Args:
        hub_id: ``owner/name``.
        revision: branch, tag or commit.

    Returns:
        The snapshot's directory, or None when it was never downloaded.

    Raises:
        InputError: the revision is none.
    """
    repository = repository_dir(hub_id)
    reference = repository / "refs" / check_revision(revision)
    try:
        commit = reference.read_text(encoding="utf-8").strip() if reference.is_file() else revision
    except UnicodeDecodeError:
        return None
    snapshot = repository / "snapshots" / commit
    return snapshot if re.fullmatch(_PART, commit) and snapshot.is_dir() else None


def snapshots(hub_id: str | None = None) -> list[Snapshot]:
    """Return the snapshots of a repository, or with None of all, by name and commit."""
    if hub_id == "":
        return []
    pattern = repository_dir(hub_id).name if hub_id else "models--*"
    found = sorted(path for path in hub_cache_dir().glob(f"{pattern}/snapshots/*") if path.is_dir())
    return [one for one in map(snapshot_at, found) if one]


def snapshot_at(path: Path) -> Snapshot | None:
    """Return the snapshot that a directory is, or None where it lies in no cache of the Hub."""
    repository = path.parent.parent
    if path.parent.name != "snapshots" or not repository.name.startswith("models--"):
        return None
    return Snapshot(repository.name.removeprefix("models--").replace("--", "/", 1), path.name, path)


def references(snapshot: Snapshot) -> list[str]:
    """Return the branches and tags that were at a snapshot's commit when they were last asked for."""
    root = snapshot.repository / "refs"
    named = (path for path in sorted(root.rglob("*")) if path.is_file() and path.stat().st_size < 100)
    return [path.relative_to(root).as_posix() for path in named
            if path.read_bytes().strip() == snapshot.commit.encode()]  # fmt: skip


def lock_of(hub_id: str) -> Path:
    """Return the file that a download of a repository holds while it goes on."""
    return hub_cache_dir() / ".locks" / f"{repository_dir(hub_id).name}.secft"


def partial_downloads(hub_id: str) -> list[Path]:
    """Return the files of a repository whose download was interrupted, or goes on."""
    return sorted((repository_dir(hub_id) / "blobs").glob(f"*{PARTIAL}"))


def blob_of(file: Path) -> str | None:
    """Return the digest that the name of a linked blob tells, or None for a plain file."""
    if not file.is_symlink():
        return None
    target = file.readlink()
    return target.name if target.parent.name == "blobs" and _BLOB.fullmatch(target.name) else None
