"""Datasets in another program's form, as a source of one's own records: LLaMA-Factory, Axolotl, the Hugging Face Hub.

Only what lies in files beside the settings is read; what stands on a hub has to be downloaded first.

Sources: LLaMA-Factory, data/README.md (``dataset_info.json``); Axolotl, dataset formats and configuration reference
(``datasets``); Hugging Face Hub, "Manual Configuration" of dataset cards (``configs``, ``data_files``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from secft.dataset.sources.own_records import JsonlSource, ParquetSource
from secft.dataset.sources.reading.safe_yaml import BadYaml, load_yaml
from secft.errors import InputError
from secft.files import read_json

OwnRecords = JsonlSource | ParquetSource
INFO, CARD = "dataset_info.json", "README.md"
_JSON = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz")
_FACTORY = {"prompt": "instruction", "query": "input", "response": "output", "history": "history", "system": "system",
            "tools": "tools", "messages": "messages", "chosen": "chosen", "rejected": "rejected",
            "kto_tag": "label"}  # fmt: skip
_AXOLOTL = {"field_messages": "messages", "field_chosen": "chosen", "field_rejected": "rejected",
            "field_system": "system", "field_tools": "tools", "field_instruction": "instruction",
            "field_input": "input", "field_output": "output"}  # fmt: skip
_TAGS = {"role": ("from", "role"), "content": ("value", "content"), "user": ("human", "user"),
         "assistant": ("gpt", "assistant"), "observation": ("observation", "tool"),
         "function": ("function_call", "function"), "system": ("system",)}  # fmt: skip
"""What a turn calls its parts, and its speakers -> names that are read."""
_AXOLOTL_TYPES = ("chat_template", "chatml", "alpaca", "sharegpt", "completion", "pretrain")


def imported(form: str, place: Path, entry: str | None) -> OwnRecords:
    """Return the source that reads a dataset of another program.

    Args:
        form: one of IMPORTED.
        place: LLaMA-Factory's ``dataset_info.json`` or its directory; Axolotl's configuration; the directory of a
            dataset of the Hub.
        entry: name of one dataset there; None takes all, if they have the same columns.

    Raises:
        InputError: there is no such dataset, it is not on this machine, or its form is none that is read.
    """
    if not place.exists():
        raise InputError(f"{place}: is not there.")
    return IMPORTED[form](place, entry)


def _llama_factory(place: Path, entry: str | None) -> OwnRecords:
    info = place / INFO if place.is_dir() else place
    if not info.is_file():
        raise InputError(f"{place}: holds no {INFO}.")
    entries = {name: facts for name, facts in read_json(info).items() if isinstance(facts, Mapping)}
    found = []
    for name, facts in _chosen(entries, entry, info).items():
        if "file_name" not in facts:
            raise InputError(f"{info}: {name} is not on this machine; download it, and name its file as file_name.")
        columns = facts.get("columns") or {}
        other = sorted(set(columns) - set(_FACTORY))
        if other:
            raise InputError(f"{info}: {name} has columns that are not read: {', '.join(other)}.")
        _check_tags(
            f"{info}: {name}", {key.removesuffix("_tag"): tag for key, tag in (facts.get("tags") or {}).items()}
        )
        found.append((info.parent, [str(facts["file_name"])], {own: _FACTORY[key] for key, own in columns.items()}))
    return _source(found, info)


def _axolotl(place: Path, entry: str | None) -> OwnRecords:
    settings = _yaml(place) if place.is_file() else None
    listed = [*(settings.get("datasets") or []), *(settings.get("test_datasets") or [])] if settings else []
    if not listed or not all(isinstance(facts, Mapping) and facts.get("path") for facts in listed):
        raise InputError(f"{place}: is no configuration of Axolotl with datasets.")
    found = []
    for name, facts in _chosen({str(facts["path"]): facts for facts in listed}, entry, place).items():
        kind = facts.get("type")
        own = dict(kind) if isinstance(kind, Mapping) else {}
        if not own and str(kind).partition(".")[0] not in _AXOLOTL_TYPES:
            known = ", ".join(_AXOLOTL_TYPES)
            raise InputError(f"{place}: {name} has the type {kind}, which is not read; read are {known}.")
        keys = {**facts, **own}
        _check_tags(f"{place}: {name}", keys.get("message_property_mappings") or {})
        columns = {str(keys[key]): target for key, target in _AXOLOTL.items() if keys.get(key)}
        if kind in ("completion", "pretrain"):
            columns = {str(facts.get("field") or "text"): "text"}
        files = facts.get("data_files") or ([] if (place.parent / name).is_dir() else [name])
        files = [files] if isinstance(files, str) else list(files)
        inside = place.parent / name if facts.get("data_files") or not files else place.parent
        found.append((inside, files, columns))
    return _source(found, place)


def _hub(place: Path, entry: str | None) -> OwnRecords:
    card = place / CARD
    facts = _front_matter(card) if card.is_file() else {}
    configs = {str(one.get("config_name", "default")): one for one in facts.get("configs") or [] if "data_files" in one}
    files: list[str] = []
    for config in _chosen(configs, entry, card).values() if configs or entry else ():
        listed = config["data_files"]
        for one in [listed] if isinstance(listed, str | Mapping) else listed:
            paths = one.get("path", []) if isinstance(one, Mapping) else one
            files += [paths] if isinstance(paths, str) else list(paths)
    source = _source([(place, files, {})], card)
    source.license = str(facts.get("license") or source.license)
    return source


def _chosen(entries: Mapping[str, Any], entry: str | None, place: Path) -> Mapping[str, Any]:
    if entry is None:
        return entries
    if entry not in entries:
        raise InputError(f"{place}: has no {entry}; it has {', '.join(sorted(entries)) or 'none'}.")
    return {entry: entries[entry]}


def _check_tags(where: str, tags: Mapping[str, Any]) -> None:
    for part, tag in tags.items():
        known = _TAGS.get(part)
        if known is not None and tag not in known:
            raise InputError(f"{where} calls the {part} of a turn {tag!r}; read are {', '.join(known)}.")


def _source(found: Sequence[tuple[Path, Sequence[str], Mapping[str, str]]], place: Path) -> OwnRecords:
    """Return the source of some datasets.

    Args:
        found: for each its directory, files or globs below it (none are all files), and its column -> ours.
        place: the settings, for messages.
    """
    if not found:
        raise InputError(f"{place}: names no dataset.")
    mappings = {tuple(sorted(columns.items())) for _, _, columns in found}
    if len(mappings) > 1:
        raise InputError(f"{place}: its datasets have different columns; choose one with --entry.")
    files = sorted({file for root, names, _ in found for file in _files(root, names, place)})
    kinds = {_kind(file) for file in files}
    if kinds not in ({"json"}, {"parquet"}):
        told = ", ".join(sorted({file.suffix or file.name for file in files if _kind(file) is None})) or "both"
        raise InputError(f"{place}: its files are neither all JSON nor all Parquet ({told}).")
    fields = {own: ours for own, ours in mappings.pop() if own != ours}
    paths = [str(file) for file in files]
    return JsonlSource(paths=paths, fields=fields) if kinds == {"json"} else ParquetSource(paths=paths, fields=fields)


def _files(root: Path, names: Sequence[str], place: Path) -> Iterable[Path]:
    inside = root.resolve()
    if not names:
        every = sorted(file for file in inside.rglob("*") if file.is_file() and _kind(file))
        if not every:
            raise InputError(f"{place}: there is no file of JSON or Parquet in {root}.")
        return every
    found: list[Path] = []
    for name in names:
        glob = not Path(name).is_absolute() and any(sign in name for sign in "*?[")
        matches = [file for file in inside.glob(name) if file.is_file()] if glob else [(inside / name).resolve()]
        if any(not file.resolve().is_relative_to(inside) for file in matches):
            raise InputError(f"{place}: {name} lies outside of {root}.")
        if not matches or not all(file.is_file() for file in matches):
            raise InputError(f"{place}: {name} is not in {root}; what stands on a hub has to be downloaded first.")
        found += matches
    return found


def _kind(file: Path) -> str | None:
    if file.name == INFO:
        return None
    return "parquet" if file.suffix == ".parquet" else "json" if file.name.endswith(_JSON) else None


def _yaml(place: Path) -> dict[str, Any]:
    try:
        return _mapping(place.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, BadYaml) as error:
        raise InputError(f"{place}: is no YAML that can be read ({' '.join(str(error).split())}).") from None


def _front_matter(card: Path) -> dict[str, Any]:
    text = card.read_text(encoding="utf-8", errors="replace")
    head = text.split("---\n", 2)[1] if text.startswith("---\n") and text.count("---\n") > 1 else ""
    try:
        return _mapping(head)
    except BadYaml as error:
        raise InputError(f"{card}: the YAML at its beginning is broken ({error}).") from None


def _mapping(text: str) -> dict[str, Any]:
    """Return the one mapping of a text, or an empty one.

    Raises:
        BadYaml: the text is no YAML, or out to harm.
    """
    found = load_yaml(text)
    return found[0] if found and isinstance(found[0], dict) else {}


IMPORTED: Mapping[str, Callable[[Path, str | None], OwnRecords]] = {
    "llama_factory": _llama_factory,
    "axolotl": _axolotl,
    "hub": _hub,
}
"""Form -> (place, entry) -> the source that reads it."""
