"""The evaluation sets that training must not have seen: secft's own ones, and files of the user's."""

from __future__ import annotations

from pathlib import Path

from secft.config.schemas.curation import CurationConfig
from secft.dataset.curation.guard_files import read_guard_file
from secft.dataset.curation.problems import deciding_packages
from secft.evaluate.items import own_sets
from secft.files import digest, sha256_file


def guard_sets(curation: CurationConfig) -> dict[str, list[str]]:
    """Return name of an evaluation set -> texts of its items.

    Raises:
        InputError: a file of the user's cannot be read.
    """
    own = {task: [item.messages[-1]["content"] for item in items] for task, items in own_sets().items()}
    # Two files of one name keep their folders.
    return {**own, **{Path(name).as_posix(): read_guard_file(Path(name)) for name in curation.guard.files}}


def guard_digests(curation: CurationConfig) -> dict[str, str]:
    """Return what decides about decontamination and scrubbing from outside the configuration: label -> digest."""
    sets = {f"guard:{task}": digest(items) for task, items in own_sets().items()}
    files = {f"guard:{name}": sha256_file(Path(name)) for name in curation.guard.files if Path(name).is_file()}
    return {**sets, **files, **deciding_packages(curation)}
