"""Check a frozen dataset against what it says about itself; everything that is wrong is told, not only the first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from secft.dataset.croissant import CROISSANT
from secft.dataset.dedup import exact_duplicates
from secft.dataset.freeze import MANIFEST, content_digest
from secft.dataset.rows import read_parquet
from secft.dataset.split import SPLITS
from secft.errors import InputError
from secft.files import read_json, read_jsonl, tree_digests
from secft.records import Example, example_from_record

SHOWN = 3
"""Names that are told of each kind of fault."""

Rows = Mapping[str, list[dict[str, Any]]]


def faults(directory: Path, manifest: Mapping[str, Any]) -> list[str]:
    """Return everything that is wrong with a frozen dataset, one sentence each.

    Args:
        directory: the dataset.
        manifest: what its manifest says.
    """
    found = list(_file_faults(directory, manifest))
    missing = [name for split in SPLITS for name in (f"{split}.jsonl", f"{split}.parquet")]
    missing = [name for name in missing if not (directory / name).is_file()]
    if missing:  # told above, unless the manifest does not know them either
        return [*found, *(f"{name}: a dataset needs it" for name in missing if name not in manifest["files"])]
    found += _digest_faults(directory, manifest)
    found += _croissant_faults(directory, manifest)
    try:
        rows = {split: list(read_jsonl(directory / f"{split}.jsonl")) for split in SPLITS}
        examples = {split: [example_from_record(row) for row in rows[split]] for split in SPLITS}
    except InputError as error:
        return [*found, str(error)]
    except (KeyError, TypeError) as error:
        return [*found, f"a row lacks a column ({error})"]
    found += _parquet_faults(directory, rows)
    found += _count_faults(manifest, examples)
    return found + _split_faults(manifest, examples)


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


def _parquet_faults(directory: Path, rows: Rows) -> Iterator[str]:
    for split in SPLITS:
        try:
            there = read_parquet(directory / f"{split}.parquet")
        except InputError as error:
            yield str(error)
            continue
        if len(there) != len(rows[split]):
            yield f"{split}.parquet has {len(there)} rows, {split}.jsonl has {len(rows[split])}"
            continue
        pairs = enumerate(zip(there, rows[split], strict=True), start=1)
        wrong = [f"row {number} ({right['id']})" for number, (left, right) in pairs if left != right]
        if wrong:
            yield f"{split}.parquet and {split}.jsonl differ in {_some(wrong)}"


def _count_faults(manifest: Mapping[str, Any], examples: Mapping[str, list[Example]]) -> Iterator[str]:
    for split in SPLITS:
        told, counted = manifest["splits"][split]["examples"], len(examples[split])
        if told != counted:
            yield f"{MANIFEST}: says {told} rows in {split}, there are {counted}"
        tasks = Counter(example.task for example in examples[split])
        counts = {task: numbers[split] for task, numbers in manifest["counts"].items() if numbers[split]}
        wrong = [task for task in sorted({*tasks, *counts}) if tasks[task] != counts.get(task, 0)]
        if wrong:
            yield f"{MANIFEST}: its counts per task do not fit {split}: {_some(wrong)}"


def _split_faults(manifest: Mapping[str, Any], examples: Mapping[str, list[Example]]) -> list[str]:
    everything = [example for rows in examples.values() for example in rows]
    place = {example.id: split for split, rows in examples.items() for example in rows}
    ids = Counter(example.id for example in everything)
    found = []
    repeated = [name for name, count in ids.items() if count > 1]
    if repeated:
        found.append(f"ids come more than once: {_some(repeated)}")
    by_family = manifest["config"].get("curation", {}).get("split", {}).get("by") == "family"
    for kind in ("entity", "family") if by_family else ("entity",):
        places: dict[str, set[str]] = {}
        for split, rows in examples.items():
            for example in rows:
                places.setdefault(getattr(example, kind), set()).add(split)
        shared = [f"{name} ({' and '.join(sorted(where))})" for name, where in places.items() if len(where) > 1]
        if shared:
            found.append(f"the same {kind} stands in two splits: {_some(shared)}")
    across = [
        f"{dropped} ({place[dropped]}) and {kept} ({place[kept]})"
        for dropped, kept in exact_duplicates(everything).items()
        if place[dropped] != place[kept]
    ]
    if across:
        found.append(f"the same text stands in two splits: {_some(across)}")
    return found
