"""What is different between two frozen datasets: settings, sources, counts, and rows by their id."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from secft.dataset.split import SPLITS
from secft.files import digest, read_jsonl

SHOWN = 5
"""Ids that are named of each kind of difference."""
ABSENT = None


def differences(
    before: Path, after: Path, old: Mapping[str, Any], new: Mapping[str, Any], shown: int = SHOWN
) -> dict[str, Any]:
    """Compare two datasets.

    Args:
        before: directory of the first.
        after: directory of the second.
        old: manifest of the first.
        new: manifest of the second.
        shown: ids named of each kind of difference.

    Returns:
        ``same`` (equal content digests), ``digests``, ``config`` (rows ``key``, ``old``, ``new``), ``sources`` and
        ``parents`` (the same), ``counts`` (rows ``task``, ``split``, ``old``, ``new``) and ``rows``: numbers of
        ``added``, ``removed``, ``changed``, ``moved`` (to another split) and ``unchanged``, and ``examples`` of each.
    """
    return {
        "same": old["digest"] == new["digest"],
        "digests": [old["digest"], new["digest"]],
        "config": changed_values(
            {**old["config"], "dedup": old.get("dedup", {})}, {**new["config"], "dedup": new.get("dedup", {})}
        ),
        "sources": changed_values(_versions(old), _versions(new)),
        "parents": changed_values(old["parents"], new["parents"]),
        "counts": _counts(old["counts"], new["counts"]),
        "rows": _rows(before, after, shown),
    }


def changed_values(old: Any, new: Any, prefix: str = "") -> list[dict[str, Any]]:
    """Return rows ``key`` (dotted path), ``old`` and ``new`` for every value that differs; None where it is absent."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        found = []
        for key in sorted({*old, *new}):
            path = f"{prefix}.{key}" if prefix else str(key)
            found += changed_values(old.get(key, ABSENT), new.get(key, ABSENT), path)
        return found
    return [] if old == new else [{"key": prefix, "old": old, "new": new}]


def _versions(manifest: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("version", "documents", "license", "url")
    return {name: {key: facts.get(key) for key in kept} for name, facts in manifest["sources"].items()}


def _counts(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, Any]]:
    table = []
    for task in sorted({*old, *new}):
        for split in SPLITS:
            first, last = (counts.get(task, {}).get(split, 0) for counts in (old, new))
            if first != last:
                table.append({"task": task, "split": split, "old": first, "new": last})
    return table


def _rows(before: Path, after: Path, shown: int) -> dict[str, Any]:
    old, new = _index(before), _index(after)
    kept = [name for name in old if name in new]
    found = {
        "added": [name for name in new if name not in old],
        "removed": [name for name in old if name not in new],
        "changed": [name for name in kept if old[name][1] != new[name][1]],
        "moved": [name for name in kept if old[name][0] != new[name][0]],
    }
    numbers = {kind: len(names) for kind, names in found.items()}
    same = sum(old[name] == new[name] for name in kept)
    return {**numbers, "unchanged": same, "examples": {kind: names[:shown] for kind, names in found.items()}}


def _index(directory: Path) -> dict[str, tuple[str, str]]:
    """Return id -> split and digest of the row."""
    return {row["id"]: (split, digest(row)) for split in SPLITS for row in read_jsonl(directory / f"{split}.jsonl")}
