"""Immutable versions of pretraining data: ``data/nanogpt/<name>-vN``; see secft.versions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from secft.versions import CORPUS_FORMAT, check_files, publish_version

FORMAT = CORPUS_FORMAT


def check_data(directory: Path) -> dict[str, Any]:
    """Check a data set against its manifest and return the manifest.

    Raises:
        InputError: the manifest is missing or broken, or a file is missing, added or changed.
    """
    return check_files(directory, FORMAT)


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
    return publish_version(directory, data_root / "nanogpt", name, FORMAT, same=("files", "digest"), move=True)
