"""Immutable versions of pretraining data: ``data/nanogpt/<name>-vN``, checked against their manifest."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from filelock import FileLock

from secft.errors import InputError
from secft.files import read_json, storage_errors, tree_digests

FORMAT = "secft-nanogpt-data/1"
MANIFEST = "manifest.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


def check_name(name: str) -> None:
    """Refuse what cannot name a directory or a data set of nanoGPT.

    Raises:
        InputError: with the allowed characters.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r} cannot name a dataset; use letters, digits and . _ + - (not at the start).")


def check_data(directory: Path) -> dict[str, Any]:
    """Check a data set against its manifest and return the manifest.

    Raises:
        InputError: the manifest is missing or broken, or a file is missing, added or changed.
    """
    manifest: Any = read_json(directory / MANIFEST)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise InputError(f"{directory / MANIFEST}: not a manifest of the format {FORMAT}.")
    wanted, found = manifest.get("files"), tree_digests(directory, leave_out=(MANIFEST,))
    if not isinstance(wanted, dict):
        raise InputError(f"{directory / MANIFEST}: lacks files.")
    changed = sorted(name for name in {*wanted, *found} if wanted.get(name) != found.get(name))
    if changed:
        raise InputError(
            f"{directory}: {', '.join(changed)} changed since the data was prepared. Data sets are immutable: restore "
            "the files, or move the directory away to have it made again."
        )
    return manifest


def publish(directory: Path, data_root: Path, name: str) -> Path:
    """Rename a finished data set to the next version of its name; an equal one is found again.

    Args:
        directory: a finished data set on the same file system.
        data_root: root of all datasets.
        name: name without version.

    Returns:
        The directory of the version; its files are read-only.

    Raises:
        InputError: the found version does not match its manifest.
        StorageError: the disk is full or cannot be written.
    """
    check_name(name)
    manifest = check_data(directory)
    parent = data_root / "nanogpt"
    pattern = re.compile(rf"{re.escape(name)}-v([1-9]\d*)")
    with storage_errors(parent):
        parent.mkdir(parents=True, exist_ok=True)
        with FileLock(parent / f".{name}.lock"):
            matches = ((pattern.fullmatch(path.name), path) for path in parent.iterdir() if path.is_dir())
            versions = {int(match.group(1)): path for match, path in matches if match}
            for _, path in sorted(versions.items()):
                if _is_equal(path, manifest):
                    check_data(path)
                    return path
            target = parent / f"{name}-v{max(versions, default=0) + 1}"
            for file in directory.iterdir():
                file.chmod(0o444)
            directory.rename(target)
    return target


def _is_equal(directory: Path, manifest: dict[str, Any]) -> bool:
    path = directory / MANIFEST
    other: Any = read_json(path) if path.is_file() else None
    return isinstance(other, dict) and all(other.get(key) == manifest[key] for key in ("files", "digest"))
