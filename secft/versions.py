"""Immutable versions of directories: ``<parent>/<name>-vN``, published under a lock and never overwritten.

What is published carries a manifest with its format, the digests of its files and a digest of its content. Two
processes take turns by a file lock, a directory appears under its name only when it is whole, and what a killed
process left behind is removed by the next.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from filelock import FileLock

from secft.errors import InputError
from secft.files import read_json, storage_errors, tree_digests

MANIFEST = "manifest.json"
CORPUS_FORMAT = "secft-nanogpt-data/1"
"""What the manifest of a corpus for pretraining says that it is."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


def check_name(name: str) -> None:
    """Refuse what cannot name a directory.

    Raises:
        InputError: with the allowed characters.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r} cannot name a dataset; use letters, digits and . _ + - (not at the start).")


def check_files(directory: Path, form: str) -> dict[str, Any]:
    """Check the files of a directory against its manifest.

    Args:
        directory: finished or published.
        form: the ``format`` that its manifest must have.

    Returns:
        The manifest.

    Raises:
        InputError: the manifest is missing or broken, or a file is missing, added or changed.
    """
    manifest: Any = read_json(directory / MANIFEST)
    files = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(files, dict) or manifest.get("format") != form:
        raise InputError(f"{directory / MANIFEST}: not a manifest of the format {form}.")
    present = tree_digests(directory, leave_out=(MANIFEST,))
    changed = sorted(name for name in {*files, *present} if files.get(name) != present.get(name))
    if changed:
        raise InputError(
            f"{directory}: {', '.join(changed)} changed since the dataset was finished. Datasets are immutable: "
            "restore the files, or move the directory away to have it written again."
        )
    return dict(manifest)


def publish_version(
    directory: Path, parent: Path, name: str, form: str, *, same: Iterable[str] = ("digest",), move: bool = False
) -> Path:
    """Make a finished directory available as ``<parent>/<name>-vN``; its files become read-only.

    An equal version is found again; otherwise the next number is taken.

    Args:
        directory: finished, with its manifest.
        parent: where versions stand.
        name: name without version.
        form: the ``format`` of its manifest.
        same: keys of the manifest in which equal versions agree.
        move: rename the directory, which must be on the same file system, instead of copying it.

    Returns:
        The directory of the version.

    Raises:
        InputError: the name is not usable, or a directory does not match its manifest.
        StorageError: the disk is full or cannot be written.
    """
    check_name(name)
    manifest = check_files(directory, form)
    wanted = {key: manifest[key] for key in same}
    with storage_errors(parent):
        parent.mkdir(parents=True, exist_ok=True)
        with FileLock(parent / f".{name}.lock"):
            for leftover in parent.glob(f".{name}-v*.tmp"):
                shutil.rmtree(leftover)
            versions = _versions(parent, name)
            for path in versions.values():
                if _agrees(path, wanted):
                    check_files(path, form)
                    return path
            target = parent / f"{name}-v{max(versions, default=0) + 1}"
            if move:
                for path in directory.rglob("*"):
                    if path.is_file():
                        path.chmod(0o444)
                directory.rename(target)
            else:
                _copy(directory, [*manifest["files"], MANIFEST], target)
    return target


def _versions(parent: Path, name: str) -> dict[int, Path]:
    pattern = re.compile(rf"{re.escape(name)}-v([1-9]\d*)")
    matches = {path: pattern.fullmatch(path.name) for path in parent.iterdir() if path.is_dir()}
    return {int(match.group(1)): path for path, match in sorted(matches.items()) if match}


def _agrees(directory: Path, wanted: dict[str, Any]) -> bool:
    if not (directory / MANIFEST).is_file():
        return False
    manifest = read_json(directory / MANIFEST)
    return isinstance(manifest, dict) and all(manifest.get(key) == value for key, value in wanted.items())


def _copy(source: Path, names: Iterable[str], target: Path) -> None:
    """Copy files beside their place and rename them there."""
    temporary = target.with_name(f".{target.name}.tmp")
    temporary.mkdir()
    try:
        # One by one: shutil.copytree hides a full disk in an error of its own.
        for name in names:
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, temporary / name)
            with (temporary / name).open("rb") as stream:
                os.fsync(stream.fileno())
            (temporary / name).chmod(0o444)
        temporary.rename(target)
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
