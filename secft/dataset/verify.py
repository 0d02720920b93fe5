"""Check a frozen dataset against what it says about itself; everything that is wrong is told, not only the first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secft.dataset.croissant import CROISSANT
from secft.dataset.curation.facts import hash64, hash128
from secft.dataset.dedup import compared_group, compared_text, exact_duplicates
from secft.dataset.dedup.words import Hashes
from secft.dataset.freeze import SEAL, content_digest, seal_of
from secft.dataset.rows import read_parquet
from secft.dataset.split import RULES, SPLITS
from secft.errors import InputError
from secft.files import read_json, read_jsonl, tree_digests
from secft.records import Example, example_from_record
from secft.versions import MANIFEST

SHOWN = 3
"""Names that are told of each kind of fault."""

_KEYS = np.dtype([("split", "i1"), ("id", "u8"), ("entity", "u8"), ("together", "u8"), ("text", "u8", (2,))])


@dataclass(frozen=True)
class _Rows:
    """What is compared of all rows: hashes, so that millions fit into memory.

    Attributes:
        keys: shape (n,), rows of the splits one after the other.
        tasks: split -> task -> rows.
    """

    keys: NDArray[Any]
    tasks: dict[str, Counter[str]]


def faults(directory: Path, manifest: Mapping[str, Any]) -> list[str]:
    """Return everything that is wrong with a frozen dataset, one sentence each.

    Args:
        directory: the dataset.
        manifest: what its manifest says.
    """
    found = [*_seal_faults(manifest), *_file_faults(directory, manifest)]
    missing = [name for split in SPLITS for name in (f"{split}.jsonl", f"{split}.parquet")]
    missing = [name for name in missing if not (directory / name).is_file()]
    if missing:  # told above, unless the manifest does not know them either
        return [*found, *(f"{name}: a dataset needs it" for name in missing if name not in manifest["files"])]
    found += _digest_faults(directory, manifest)
    found += _croissant_faults(directory, manifest)
    try:
        rows = _read(directory, _rule(manifest))
    except InputError as error:
        return [*found, str(error)]
    except (KeyError, TypeError) as error:
        return [*found, f"a row lacks a column ({error})"]
    found += _parquet_faults(directory)
    found += _count_faults(manifest, rows)
    return found + _split_faults(directory, manifest, rows)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _file_faults(directory: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    known = manifest["files"]
    there = tree_digests(directory, leave_out=(MANIFEST,))
    for name in sorted({*known, *there}):
        if name not in there:
            yield f"{name}: is missing"
        elif name not in known:
            yield f"{name}: is not in the manifest"
        elif known[name] != there[name]:
            yield f"{name}: changed since it was frozen (SHA-256 {there[name][:12]}, frozen as {known[name][:12]})"


def _seal_faults(manifest: Mapping[str, Any]) -> Iterator[str]:
    if SEAL in manifest and manifest[SEAL] != seal_of(manifest):  # earlier ones have none
        yield f"{MANIFEST}: changed since it was frozen"


def _digest_faults(directory: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    config = {**manifest["config"], "dedup": manifest.get("dedup", {})}
    found = content_digest(directory, config, manifest["parents"])
    if found != manifest["digest"]:
        yield (
            f"{MANIFEST}: the content digest is {str(manifest['digest'])[:12]}, but rows, configuration and parents "
            f"give {found[:12]}"
        )


def _croissant_faults(directory: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    if CROISSANT not in manifest["files"] or not (directory / CROISSANT).is_file():
        return  # frozen before there was one, or told already
    try:
        entries = {entry["contentUrl"]: entry["sha256"] for entry in read_json(directory / CROISSANT)["distribution"]}
    except (InputError, KeyError, TypeError) as error:
        yield f"{CROISSANT}: cannot be read ({error})"
        return
    there = tree_digests(directory, leave_out=(MANIFEST, CROISSANT))
    wrong = [name for name in sorted({*entries, *there}) if entries.get(name) != there.get(name)]
    if wrong:
        yield f"{CROISSANT}: its digests do not fit {_some(wrong)}"


def _examples(directory: Path) -> Iterator[tuple[int, Example]]:
    for number, split in enumerate(SPLITS):
        for row in read_jsonl(directory / f"{split}.jsonl"):
            yield number, example_from_record(row)


def _read(directory: Path, rule: str) -> _Rows:
    together = RULES[rule]
    tasks: dict[str, Counter[str]] = {split: Counter() for split in SPLITS}
    chunks = [np.zeros(0, _KEYS)]
    stream = _examples(directory)
    while some := list(islice(stream, 4096)):
        chunk = np.zeros(len(some), _KEYS)
        for place, (number, example) in enumerate(some):
            tasks[SPLITS[number]][example.task] += 1
            text = hash128(f"{compared_group(example)}\x1f{compared_text(example)}")
            names = (hash64(name) for name in (example.id, example.entity, together(example)))
            chunk[place] = (number, *names, text)
        chunks.append(chunk)
    return _Rows(np.concatenate(chunks), tasks)


def _parquet_faults(directory: Path) -> Iterator[str]:
    for split in SPLITS:
        wrong: list[str] = []
        lines = read_jsonl(directory / f"{split}.jsonl")
        try:
            for counted, (left, right) in enumerate(
                zip_longest(read_parquet(directory / f"{split}.parquet"), lines), 1
            ):
                if left is not None and right is not None and left != right:
                    wrong.append(f"row {counted} ({right['id']})")
                if left is None or right is None:
                    shorter = "parquet" if left is None else "jsonl"
                    yield f"{split}.{shorter} has {counted - 1} rows, the other file of {split} has more"
                    break
        except InputError as error:
            yield str(error)
            continue
        if wrong:
            yield f"{split}.parquet and {split}.jsonl differ in {_some(wrong)}"


def _count_faults(manifest: Mapping[str, Any], rows: _Rows) -> Iterator[str]:
    for split in SPLITS:
        stated, counted = manifest["splits"][split]["examples"], rows.tasks[split].total()
        if stated != counted:
            yield f"{MANIFEST}: says {stated} rows in {split}, there are {counted}"
        tasks = rows.tasks[split]
        counts = {task: numbers[split] for task, numbers in manifest["counts"].items() if numbers[split]}
        wrong = [task for task in sorted({*tasks, *counts}) if tasks[task] != counts.get(task, 0)]
        if wrong:
            yield f"{MANIFEST}: its counts per task do not fit {split}: {_some(wrong)}"


def _split_faults(directory: Path, manifest: Mapping[str, Any], rows: _Rows) -> list[str]:
    rule = _rule(manifest)
    ids, counts = np.unique(rows.keys["id"], return_counts=True)
    suspects = {"id": set(ids[counts > 1].tolist())}
    for kind, key in {"entity": "entity", rule: "together"}.items():
        suspects[kind] = _in_two_splits(rows.keys[key], rows.keys["split"])
    splits = rows.keys["split"]
    pairs = exact_duplicates(rows.keys["text"])
    across = {dropped: kept for dropped, kept in pairs.items() if splits[dropped] != splits[kept]}
    if not any(suspects.values()) and not across:
        return []
    return list(_told(directory, suspects, across))


def _rule(manifest: Mapping[str, Any]) -> str:
    """Return the rule by which a dataset was split; by entity where it says none that is known."""
    rule = manifest["config"].get("curation", {}).get("split", {}).get("by")
    return rule if rule in RULES else "entity"


def _in_two_splits(names: Hashes, splits: NDArray[np.int8]) -> set[int]:
    """Return the hashes that stand in more than one split."""
    _, first, of = np.unique(names, return_index=True, return_inverse=True)
    elsewhere = splits != splits[first][of]
    return set(names[elsewhere].tolist())


def _told(directory: Path, suspects: Mapping[str, set[int]], across: Mapping[int, int]) -> Iterator[str]:
    """Read the rows again for the names of what is wrong."""
    places: dict[str, dict[str, list[str]]] = {kind: {} for kind in suspects}
    wanted, named = {*across, *across.values()}, {}
    for row, (number, example) in enumerate(_examples(directory)):
        if row in wanted:
            named[row] = f"{example.id} ({SPLITS[number]})"
        for kind, hashes in suspects.items():
            name = example.id if kind == "id" else RULES[kind](example)
            if hashes and hash64(name) in hashes:
                places[kind].setdefault(name, []).append(SPLITS[number])
    repeated = [name for name, where in places["id"].items() if len(where) > 1]
    if repeated:
        yield f"ids come more than once: {_some(repeated)}"
    for kind in (kind for kind in places if kind != "id"):
        shared = {name: sorted(set(where)) for name, where in places[kind].items()}
        stated = [f"{name} ({' and '.join(where)})" for name, where in shared.items() if len(where) > 1]
        if stated:
            yield f"the same {kind} stands in two splits: {_some(stated)}"
    if across:
        yield f"the same text stands in two splits: {_some([f'{named[a]} and {named[b]}' for a, b in across.items()])}"
