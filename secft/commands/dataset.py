"""``python -m secft dataset``: which datasets there are, what is in them, how two differ, whether one is whole."""

from __future__ import annotations

import argparse
import datetime
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from secft.columns import columns, plain_text, size
from secft.command import Command, Verb, json_flag, print_json
from secft.config.roots import RUN, PlacesConfig, Root, RunConfig
from secft.dataset.split import SPLITS
from secft.dataset.versions import Version, published, resolve
from secft.documents.dataset_manifest import read_corpus_manifest, read_dataset_manifest
from secft.errors import ConfigError, InputError, Problem, stopping
from secft.files import read_jsonl, write_text
from secft.reasons import counted_text, reason_text
from secft.versions import MANIFEST

SAMPLE_CHARACTERS = 400
NAMES = "provider/name-vN, name-vN, name (its latest version), or a directory"


def list_datasets(config: PlacesConfig, arguments: argparse.Namespace) -> int:
    """Print all published versions."""
    root = Path(config.paths.data)
    rows = [_row(version) for version in published(root)]
    if arguments.json:
        return print_json(rows)
    if not rows:
        print(f"There is no dataset in {root} (paths.data).")
        return 0
    header = ("dataset", "kind", *SPLITS, "tokens", "size", "created", "digest", "parents")
    print(columns(header, [_cells(row) for row in rows], numbers=range(2, 7)))
    return 0


def _row(version: Version) -> dict[str, Any]:
    row: dict[str, Any] = {"dataset": version.title, "provider": version.provider, "path": str(version.path)}
    try:
        facts = _corpus_facts(version.path) if version.is_corpus else _dataset_facts(version.manifest())
    except InputError as error:
        return {**row, "kind": "broken", "problem": str(error)}
    size_of_all = sum(path.stat().st_size for path in version.path.rglob("*") if path.is_file())
    return {**row, **facts, "bytes": size_of_all, "created": _created(version.path)}


def _dataset_facts(manifest: Mapping[str, Any]) -> dict[str, Any]:
    splits = manifest["splits"]
    return {
        "kind": "dataset",
        "rows": {split: splits[split]["examples"] for split in SPLITS},
        "tokens": sum(splits[split]["tokens"] for split in SPLITS),
        "digest": manifest["digest"],
        "parents": manifest["parents"],
    }


def _corpus_facts(path: Path) -> dict[str, Any]:
    """Return what is listed of a corpus for pretraining: it has tokens, and no rows."""
    manifest = read_corpus_manifest(path)
    tokens = sum(split.tokens for split in manifest.splits.values())
    return {"kind": "corpus", "rows": {}, "tokens": tokens, "digest": manifest.digest, "parents": {}}


def _created(path: Path) -> str:
    """Return when a dataset was published: a manifest holds no time, its file has one."""
    stamp = datetime.datetime.fromtimestamp((path / MANIFEST).stat().st_mtime, datetime.UTC)
    return stamp.isoformat(timespec="seconds")


def _cells(row: Mapping[str, Any]) -> list[str]:
    if "problem" in row:
        return [row["dataset"], row["kind"], *[""] * 7, row["problem"]]
    parents = ", ".join(f"{name} {digest[:8]}" for name, digest in row["parents"].items())
    rows = [f"{row['rows'][split]:,}" if split in row["rows"] else "" for split in SPLITS]
    created = row["created"][:16].replace("T", " ")
    counts = [*rows, f"{row['tokens']:,}", size(row["bytes"])]
    return [row["dataset"], row["kind"], *counts, created, row["digest"][:12], parents]


def show_dataset(config: PlacesConfig, arguments: argparse.Namespace) -> int:
    """Print what a dataset's manifest says, and one sample of each task."""
    version = resolve(arguments.name, Path(config.paths.data))
    manifest, samples = version.manifest(), _samples(version.path)
    if arguments.json:
        return print_json({"dataset": version.title, "path": str(version.path), **manifest, "samples": samples})
    print(plain_text(f"{version.title}  ({version.path})"))
    print(f"digest    {manifest['digest']}\ncreated   {_created(version.path)}")
    print(plain_text(f"tokenizer {manifest.get('tokenizer', '')}"))
    for title, text in _sections(manifest):
        print(f"\n{title}\n{plain_text(text)}")
    print("\nOne sample of each task")
    for task, sample in samples.items():
        print(plain_text(f"\n[{task}] {sample['id']}\n  user: {sample['user']}\n  assistant: {sample['assistant']}"))
    return 0


def _sections(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    counts = [[task, *(numbers[split] for split in SPLITS)] for task, numbers in manifest["counts"].items()]
    counts += [[kind, *(manifest["splits"][split][kind] for split in SPLITS)] for kind in ("examples", "tokens")]
    steps = [
        [
            reason_text(step["step"]),
            step["seen"],
            step["kept"],
            counted_text(step["dropped"]),
        ]
        for step in manifest["funnel"]
    ]
    sources = [
        [
            name,
            *(facts.get(key, "") for key in ("documents", "version", "license")),
            counted_text(facts.get("dropped", {})),
        ]
        for name, facts in manifest["sources"].items()
    ]
    parents = [[name, digest] for name, digest in manifest["parents"].items()]
    return [
        ("Examples", columns(("task", *SPLITS), counts, numbers=range(1, 4))),
        ("Funnel", columns(("step", "in", "out", "dropped"), steps, numbers=(1, 2))),
        ("Sources", columns(("source", "documents", "version", "licence", "left out"), sources, numbers=(1,))),
        ("Licences", "\n".join(manifest["licenses"])),
        ("Made of", columns(("input", "digest"), parents)),
    ]


def _samples(directory: Path) -> dict[str, dict[str, str]]:
    """Return the first example of each task, shortened."""
    found: dict[str, dict[str, str]] = {}
    for split in SPLITS:
        for row in read_jsonl(directory / f"{split}.jsonl"):
            if row["task"] not in found:
                texts = {key: _short(row[key]) for key in ("user", "assistant")}
                found[row["task"]] = {"id": row["id"], "split": split, **texts}
    return dict(sorted(found.items()))


def _short(text: str) -> str:
    return text if len(text) <= SAMPLE_CHARACTERS else text[:SAMPLE_CHARACTERS] + " ..."


def diff_datasets(config: PlacesConfig, arguments: argparse.Namespace) -> int:
    """Print what is different between two datasets."""
    from secft.dataset.differences import differences

    old, new = (resolve(word, Path(config.paths.data)) for word in (arguments.old, arguments.new))
    found = differences(old.path, new.path, old.manifest(), new.manifest())
    if arguments.json:
        return print_json({"old": old.title, "new": new.title, **found})
    print(plain_text(f"{old.title} -> {new.title}"))
    print(f"digests: {found['digests'][0][:12]} -> {found['digests'][1][:12]}" + (", equal" if found["same"] else ""))
    for key, title in (("config", "Configuration"), ("sources", "Sources"), ("parents", "Made of")):
        if found[key]:
            told = [[row["key"], _value(row["old"]), _value(row["new"])] for row in found[key]]
            print(plain_text(f"\n{title}\n{columns(('key', 'old', 'new'), told)}"))
    if found["counts"]:
        told = [[row["task"], row["split"], row["old"], row["new"]] for row in found["counts"]]
        print(plain_text(f"\nExamples\n{columns(('task', 'split', 'old', 'new'), told, numbers=(2, 3))}"))
    print(f"\nRows: {found['rows']['unchanged']:,} unchanged")
    for kind, names in found["rows"]["examples"].items():
        if names:
            more = " ..." if found["rows"][kind] > len(names) else ""
            print(plain_text(f"  {found['rows'][kind]:,} {kind}: {', '.join(names)}{more}"))
    return 0


def _value(value: Any) -> str:
    text = "-" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."


def verify_datasets(config: PlacesConfig, arguments: argparse.Namespace) -> int:
    """Check datasets against what they say about themselves; 2 if anything is wrong."""
    root = Path(config.paths.data)
    everything = arguments.names in ([], ["all"])
    versions = published(root) if everything else [resolve(word, root) for word in arguments.names]
    results = []
    for version in versions:
        result = _verified(version)
        results.append(result)
        if not arguments.json:
            print(
                plain_text("\n".join([f"{version.title}: {_state(result)}", *(f"  - {f}" for f in result["faults"])]))
            )
    if arguments.json:
        print_json(results)
    elif not versions:
        print(f"There is no dataset in {root} (paths.data).")
    return InputError.exit_code if any(result["faults"] for result in results) else 0


def _verified(version: Version) -> dict[str, Any]:
    """Return what is wrong with a dataset; ``ok`` is None where it was not checked, since it is a corpus."""
    from secft.dataset.verify import faults

    row: dict[str, Any] = {"dataset": version.title, "path": str(version.path)}
    if version.is_corpus:
        return {**row, "ok": None, "faults": []}
    try:
        manifest = version.manifest()
        read_dataset_manifest(version.path)
        wrong = faults(version.path, manifest)
    except InputError as error:
        wrong = [str(error)]
    except (KeyError, TypeError, AttributeError) as error:
        wrong = [f"{MANIFEST}: is damaged ({type(error).__name__}: {error})"]
    return {**row, "ok": not wrong, "faults": wrong}


def _state(result: Mapping[str, Any]) -> str:
    if result["ok"] is None:
        return "skipped, it is a corpus for pretraining"
    return "ok" if result["ok"] else "is wrong"


def build_dataset(config: RunConfig, arguments: argparse.Namespace) -> int:
    """Make a frozen dataset of sources; a later run of the same settings finds it made."""
    from secft.artifact import ArtifactStore
    from secft.dataset import collect
    from secft.log import RunLog
    from secft.pipelines import DATASET_STAGES
    from secft.stage import run_stages
    from secft.stages.dataset import DATASET_REPORT, DatasetSettings, publish_dataset

    found = _build_problems(config)
    if found:
        raise ConfigError(found)
    collect.refresh(config.source)
    store = ArtifactStore(Path(config.paths.cache) / "stages")
    made = run_stages(DATASET_STAGES, config, store, RunLog())["dataset"]
    place = publish_dataset(DatasetSettings.of(config), made, Path(config.paths.data))
    print(f"dataset {place}\nreport  {made.path / DATASET_REPORT}")
    return 0


def import_dataset(config: RunConfig, arguments: argparse.Namespace) -> int:
    """Freeze a dataset of another program: its conversations are curated as one's own are, and divided anew."""
    from secft.config.schemas.synthesis import NoSynthesis
    from secft.dataset.imports import IMPORTED, imported
    from secft.dataset.sources.own_records.chat_record import brings_records

    if arguments.form not in IMPORTED:
        raise InputError(str(Problem("--form", "is no form", arguments.form, ", ".join(IMPORTED))))
    source = imported(arguments.form, Path(arguments.place), arguments.entry)
    if arguments.license:
        source.license = arguments.license
    synthesis = NoSynthesis() if brings_records(source) else config.synthesis
    return build_dataset(replace(config, source={source.name: source}, synthesis=synthesis), arguments)


def _import_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("place", metavar="PLACE", help="dataset_info.json, Axolotl's configuration, or a directory")
    parser.add_argument("--form", required=True, metavar="FORM", help="llama_factory, axolotl or hub")
    parser.add_argument("--entry", metavar="NAME", help="one dataset of several that are named there (all)")
    parser.add_argument("--license", metavar="ID", help="licence of the records, for the dataset card")


def _build_problems(config: RunConfig) -> list[Problem]:
    from secft.config.compose import read_config
    from secft.pipelines import NOT_READ_BY_BUILD, READ_BY_BUILD
    from secft.planning.checks import BEFORE_ANYTHING, DATASET_CHECKS, inspect
    from secft.planning.situation import Situation
    from secft.planning.unread import unread_problems

    defaults = read_config([])
    unread = unread_problems(config, defaults, "dataset build", NOT_READ_BY_BUILD, READ_BY_BUILD)
    return [*unread, *stopping(inspect(DATASET_CHECKS, Situation(config), BEFORE_ANYTHING))]


def preview_dataset(config: RunConfig, arguments: argparse.Namespace) -> int:
    """Print examples as a model reads them, with the tokens that are trained on, or write them as a page."""
    from rich.console import Console

    from secft.planning.preview import preview_page, previewed
    from secft.planning.situation import Situation

    version = resolve(arguments.name, Path(config.paths.data))
    situation = Situation(config)
    if situation.tokenizer is None:
        raise InputError(
            f"The tokenizer of {config.model.name} is not on this machine; name another model (model=...)."
        )
    rows = previewed(version.path / f"{arguments.split}.jsonl", situation.tokenizer, arguments.rows, config.seed)
    if arguments.html:
        write_text(Path(arguments.html), preview_page(version.title, config.model.name, rows))
        print(arguments.html)
        return 0
    console = Console(highlight=False, soft_wrap=True)
    for row in rows:
        console.rule(f"{row.task}: {row.id}, {row.tokens} tokens, {row.trained} trained", align="left")
        console.print(row.text())
    return 0


def export_dataset(config: PlacesConfig, arguments: argparse.Namespace) -> int:
    """Write a dataset in the form that another program reads."""
    from secft.dataset.export import FORMS, export

    version = resolve(arguments.name, Path(config.paths.data))
    version.manifest()
    if arguments.form not in FORMS:
        raise InputError(str(Problem("--form", "is no form", arguments.form, ", ".join(FORMS))))
    for path in export(version.path, arguments.form, Path(arguments.out), version.name or version.path.name):
        print(path)
    return 0


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help=NAMES)
    parser.add_argument("--form", required=True, metavar="FORM", help="llama_factory, axolotl, hub or ollama")
    parser.add_argument("--out", required=True, metavar="DIR", help="a new or empty directory")


def _preview_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help=NAMES)
    parser.add_argument("--split", choices=SPLITS, default="train", help="which rows (train)")
    parser.add_argument("--rows", type=int, default=10, help="how many, of all tasks in turn (10)")
    parser.add_argument("--html", metavar="FILE", help="write a page instead of printing")


def _arguments(*names: str, several: bool = False) -> Callable[[argparse.ArgumentParser], None]:
    """Return what declares the words of a verb, and --json."""

    def add(parser: argparse.ArgumentParser) -> None:
        json_flag(parser)
        for name in names:
            parser.add_argument(name, metavar="NAME", help=NAMES)
        if several:
            parser.add_argument("names", metavar="NAME", nargs="*", help=f"{NAMES}; none, or all, means every one")

    return add


COMMAND = Command(
    name="dataset",
    about="build, import, list, show, preview, export, diff or verify frozen datasets",
    root=Root("dataset", PlacesConfig),
    verbs={
        "build": Verb(
            "sources to a frozen dataset; nothing is trained", build_dataset, root=RUN, problems=_build_problems
        ),
        "preview": Verb(
            "examples as a model reads them, trained tokens marked", preview_dataset, _preview_arguments, RUN
        ),
        "export": Verb("the form of LLaMA-Factory, Axolotl, the Hub or Ollama", export_dataset, _export_arguments),
        "import": Verb("of LLaMA-Factory, Axolotl or the Hub, frozen", import_dataset, _import_arguments, RUN),
        "list": Verb("all versions with rows, tokens, size and digest", list_datasets, _arguments()),
        "show": Verb("contents, funnel, sources, licences, samples", show_dataset, _arguments("name")),
        "diff": Verb("settings, sources, counts and rows that differ", diff_datasets, _arguments("old", "new")),
        "verify": Verb("digests, equal rows in both formats, splits apart", verify_datasets, _arguments(several=True)),
    },
)
