"""Immutable versions of directories, published under a lock and never overwritten.

Datasets and corpora stand side by side as ``<parent>/<name>-vN``. Of a registered model the newest version stands under
its plain name, and the replaced ones as ``<parent>/.archive/<name>-vN``.

What is published carries a manifest with its format, the digests of its files and a digest of its content. Two
processes take turns by a file lock, a directory appears under its name only when it is whole, equal content is found
again, and what a killed process left behind is removed by the next.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from filelock import FileLock

from secft.errors import InputError
from secft.files import flush, flush_tree, make_read_only, read_json, storage_errors, tree_digests
from secft.naming import check_name

ARCHIVE = ".archive"
MANIFEST = "manifest.json"
CORPUS_FORMAT = "secft-nanogpt-data/1"
"""What the manifest of a corpus for pretraining says that it is."""


def check_files(directory: Path, form: str | int, name: str = MANIFEST) -> dict[str, Any]:
    """Check the files of a directory against its manifest.

    Args:
        directory: finished or published.
        form: the ``format`` that its manifest must have.
        name: file name of the manifest.

    Returns:
        The manifest.

    Raises:
        InputError: the manifest is missing or broken, or a file is missing, added or changed.
    """
    manifest: Any = read_json(directory / name)
    files = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(files, dict) or manifest.get("format") != form:
        raise InputError(f"{directory / name}: not a manifest of the format {form}.")
    present = tree_digests(directory, leave_out=(name,))
    changed = sorted(path for path in {*files, *present} if files.get(path) != present.get(path))
    if changed:
        raise InputError(
            f"{directory}: {', '.join(changed)} changed since the version was finished. Versions are immutable: "
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
    name = check_name(name, "a dataset")
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
                make_read_only(directory)
                flush_tree(directory)
                directory.rename(target)
                flush(parent)
            else:
                _copy(directory, [*manifest["files"], MANIFEST], target)
    return target


def publish_newest(target: Path, form: str | int, manifest: str, build: Callable[[Path], None]) -> Path:
    """Build the newest version of a name; its files become read-only.

    A version with an equal ``digest`` in its manifest and intact files is found again and left alone. Any other that
    stands there is moved to ``.archive/<name>-vN`` beside it, under the first free number.

    Args:
        target: the name that it gets.
        form: the ``format`` of its manifest.
        manifest: file name of the manifest.
        build: fills an empty directory, beside the target.

    Returns:
        The target.

    Raises:
        InputError: what was built does not match its manifest.
        StorageError: the disk is full or cannot be written.
    """
    building = target.with_name(f".{target.name}.tmp")
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f".{target.name}.lock")):
            shutil.rmtree(building, ignore_errors=True)
            building.mkdir()
            try:
                build(building)
                if not _is_intact(target, form, manifest, check_files(building, form, manifest)["digest"]):
                    _archive(target)
                    make_read_only(building)
                    flush_tree(building)
                    building.rename(target)
                    flush(target.parent)
            finally:
                shutil.rmtree(building, ignore_errors=True)
    return target


def _archive(directory: Path) -> None:
    """Move what stands under a name out of the way, under the first free number."""
    if directory.exists():
        archive = directory.parent / ARCHIVE
        archive.mkdir(exist_ok=True)
        number = max(_versions(archive, directory.name), default=0) + 1
        directory.rename(archive / f"{directory.name}-v{number}")


def _is_intact(directory: Path, form: str | int, manifest: str, wanted: str) -> bool:
    try:
        return bool(check_files(directory, form, manifest)["digest"] == wanted)
    except InputError:
        return False


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
        make_read_only(temporary)
        flush_tree(temporary)
        temporary.rename(target)
        flush(target.parent)
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
