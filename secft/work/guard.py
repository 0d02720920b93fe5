"""The evaluation sets that training must not have seen: secft's own ones, and files of the user's."""

from __future__ import annotations

from pathlib import Path

from secft.config.run import RunConfig
from secft.dataset.curation.guard_files import read_guard_file
from secft.dataset.curation.problems import deciding_packages
from secft.evaluate.items import OWN_SETS, own_set
from secft.files import digest, sha256_file


def guard_sets(config: RunConfig) -> dict[str, list[str]]:
    """Return name of an evaluation set -> texts of its items.

    Raises:
        InputError: a file of the user's cannot be read.
    """
    own = {task: [item.messages[-1]["content"] for item in own_set(task, "")] for task in OWN_SETS}
    return {**own, **{_label(name): read_guard_file(Path(name)) for name in config.curation.guard.files}}


def guard_digests(config: RunConfig) -> dict[str, str]:
    """Return what decides about decontamination and scrubbing from outside the configuration: label -> digest."""
    sets = {f"guard:{task}": digest(own_set(task, "")) for task in OWN_SETS}
    files = {f"guard:{name}": sha256_file(Path(name)) for name in config.curation.guard.files if Path(name).is_file()}
    return {**sets, **files, **deciding_packages(config.curation)}


def _label(name: str) -> str:
    """Return what a file is called in funnel and card; two files of one name keep their folders."""
    return Path(name).as_posix()
