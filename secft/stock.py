"""Base models as people ask for them: options, repositories of the Hub, directories; what is here, and who uses it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from secft.config.options import options
from secft.config.roots import PathsConfig
from secft.config.schemas.model import ModelConfig
from secft.config.single import read_model_option
from secft.errors import ConfigError, InputError, LockedError, Problem, did_you_mean
from secft.files import read_json
from secft.housekeeping import tree_size
from secft.integrity import changed_files, seal_holds
from secft.models.base_model import missing_parts
from secft.models.cache import MANIFEST, default_cache_dir
from secft.models.downloads.cache import (
    Snapshot,
    is_hub_id,
    lock_of,
    partial_downloads,
    repository_dir,
    snapshot_at,
    snapshot_dir,
    snapshots,
)
from secft.models.downloads.record import CheckedFile, content_digests, examine, faults_of, record_path
from secft.models.resolve import packaged_gguf
from secft.runs.found import find_runs


@dataclass(frozen=True)
class KeptModel:
    """A model directory on this machine.

    Attributes:
        path: where it is.
        origin: ``downloaded`` (the cache of the Hub), ``converted`` (made by secft) or ``given`` (a directory).
        hub_id: repository that it is of, or empty.
        revision: its commit there, or empty.
        recorded: a record tells what it must hold.
    """

    path: Path
    origin: str
    hub_id: str = ""
    revision: str = ""
    recorded: bool = False

    @property
    def bytes(self) -> int:
        """What its files hold."""
        return sum(path.stat().st_size for path in self.path.rglob("*") if path.is_file())


@dataclass(frozen=True)
class AskedModel:
    """A model as somebody named it.

    Attributes:
        name: the word.
        option: its settings where it is an option of the group model.
        hub_id: its repository on the Hub, or empty where it comes from elsewhere.
        revision: branch, tag or commit that is meant.
        kept: what of it is on this machine; the one that is used stands first.
    """

    name: str
    option: ModelConfig | None
    hub_id: str
    revision: str
    kept: tuple[KeptModel, ...]


def find_model(name: str, revision: str | None = None) -> AskedModel:
    """Return what a word means: an option, ``OWNER/NAME``, or a directory.

    Args:
        name: the word.
        revision: of the Hub; None is the option's, or ``main``.

    Raises:
        InputError: it is nothing of the kind.
    """
    if name in options("model"):
        return _of_option(name, revision)
    if Path(name).is_dir() and (name.startswith((".", "/", "~")) or not is_hub_id(name)):
        snapshot = snapshot_at(Path(name).resolve())
        return AskedModel(name, None, "", "", (_downloaded(snapshot) if snapshot else KeptModel(Path(name), "given"),))
    if is_hub_id(name) and "/" in name:
        wanted = revision or "main"
        return AskedModel(name, None, name, wanted, tuple(_of_hub(name, wanted)))
    entries = [one for one in converted() if one.path.name == name]
    if entries:
        return AskedModel(name, None, "", "", tuple(entries))
    known = options("model")
    allowed = f"{', '.join(known)}; OWNER/NAME of the Hub; or a directory"
    raise ConfigError([Problem("MODEL", "is no model", name, allowed, did_you_mean(name, known))])


def _of_option(name: str, revision: str | None) -> AskedModel:
    option = read_model_option(name)
    if option.path:
        return AskedModel(
            name, option, "", "", (KeptModel(Path(option.path), "given"),) if Path(option.path).is_dir() else ()
        )
    if option.kind != "hub":
        return AskedModel(name, option, "", "", tuple(_made_for(option)))
    wanted = revision or option.revision or "main"
    return AskedModel(name, option, option.id, wanted, tuple(_of_hub(option.id, wanted)))


def _of_hub(hub_id: str, revision: str) -> Iterator[KeptModel]:
    used = snapshot_dir(hub_id, revision)
    found = sorted(snapshots(hub_id), key=lambda one: (one.path != used, one.commit))
    return map(_downloaded, found)


def _downloaded(snapshot: Snapshot) -> KeptModel:
    return KeptModel(snapshot.path, "downloaded", snapshot.hub_id, snapshot.commit, record_path(snapshot).is_file())


def _made_for(option: ModelConfig) -> Iterator[KeptModel]:
    """Yield the converted or generated directories of an option that brings no directory of its own."""
    gguf = packaged_gguf()
    start = "tiny-" if option.kind == "tiny" else f"{gguf.stem}-" if gguf else "\0"
    return (one for one in converted() if one.path.name.startswith(start))


def converted() -> list[KeptModel]:
    """Return the models that secft converted or made, by name."""
    places = sorted(path.parent for path in (default_cache_dir() / "models").glob(f"*/{MANIFEST}"))
    return [KeptModel(path, "converted", recorded=True) for path in places if not path.name.startswith(".")]


def downloaded() -> list[KeptModel]:
    """Return all snapshots in the cache of the Hub."""
    return [_downloaded(one) for one in snapshots()]


def partial_bytes(hub_id: str) -> int:
    """Return the bytes that interrupted downloads of a repository left."""
    return sum(path.stat().st_size for path in partial_downloads(hub_id)) if hub_id else 0


def check_files(model: KeptModel, *, content: bool) -> list[CheckedFile]:
    """Compare the files of a model directory with what is recorded of them.

    Args:
        model: on this machine.
        content: read every file; otherwise only those whose size or time is another one.

    Raises:
        InputError: the record itself was changed.
    """
    snapshot = snapshot_at(model.path)
    if snapshot:
        found = examine(snapshot, content=content)
        return found + [one for one in _missing(model.path) if one.name not in {file.name for file in found}]
    manifest = model.path / MANIFEST
    if model.origin != "converted":
        names = sorted(path for path in model.path.rglob("*") if path.is_file())
        return [CheckedFile(path.relative_to(model.path).as_posix(), path.stat().st_size, "unrecorded",
                            content_digests(path)[0] if content else "", "has no recorded digest")
                for path in names]  # fmt: skip
    record = read_json(manifest)
    if not isinstance(record, dict) or not seal_holds(record) or "files" not in record:
        raise InputError(f"{manifest} was changed: it is not the manifest that was written")
    return list(_against_manifest(model.path, record, content))


def _against_manifest(directory: Path, record: Mapping[str, Any], content: bool) -> Iterator[CheckedFile]:
    changed = set(changed_files(directory, record, content=content))
    for name in sorted({*record["files"], *changed}):
        path, wanted = directory / name, record["files"].get(name)
        size = path.stat().st_size if path.is_file() else 0
        if name not in changed:
            yield CheckedFile(name, size, "ok", wanted)
        elif not path.is_file():
            yield CheckedFile(name, 0, "missing", detail="is missing")
        elif wanted is None:
            yield CheckedFile(name, size, "added", detail="was added")
        else:
            yield CheckedFile(name, size, "changed", detail="has other bytes than were written")


def _missing(directory: Path) -> list[CheckedFile]:
    """Return what a downloaded model lacks to be one, other than a chat template, which some never have."""
    if any(path.suffix == ".gguf" for path in directory.iterdir()):
        return []
    try:
        lacking = [name for name in missing_parts(directory) if name != "chat template"]
    except InputError:
        return []
    return [CheckedFile(name, 0, "missing", detail="is missing: the download is incomplete") for name in lacking]


def state_of(model: KeptModel) -> str:
    """Return in a few words whether a model's files are what they were, as far as sizes and times tell."""
    try:
        files = check_files(model, content=False)
    except InputError:
        return "record changed"
    if faults_of(files):
        lacking = all(one.state == "missing" for one in files if one.state not in ("ok", "unrecorded"))
        return "incomplete" if lacking else "changed"
    return "as recorded" if model.recorded else "no record"


def users_of(asked: AskedModel, paths: PathsConfig) -> list[str]:
    """Return the runs and registered models that rest on a model, newest runs first."""
    ids = {asked.hub_id, asked.option.id if asked.option else ""} - {""}
    places = {str(one.path) for one in asked.kept}
    found = []
    for run in find_runs(Path(paths.outputs)):
        chosen = run.settings.get("model")
        if isinstance(chosen, Mapping) and (
            chosen.get("id") in ids or chosen.get("name") == asked.name or chosen.get("path") in places
        ):
            found.append(f"run {run.name} ({run.status})")
    for registration in sorted(Path(paths.models).glob("*/*/registration.json")):
        try:
            base = read_json(registration).get("base_model")
        except (InputError, AttributeError):
            continue
        if base in {*ids, asked.name}:
            found.append(f"registered {registration.parent}")
    return found


@dataclass(frozen=True)
class Leftover:
    """What can be removed of a model.

    Attributes:
        path: file or directory.
        size: bytes that are freed.
    """

    path: Path
    size: int


def removable(asked: AskedModel, revision: str | None) -> list[Leftover]:
    """Return what belongs to a model in the caches and can be downloaded or made again.

    Args:
        asked: the model.
        revision: only this commit of the Hub; None means all of the repository.

    Raises:
        InputError: it is a directory of the user's.
        LockedError: a process downloads it.
    """
    given = [one.path for one in asked.kept if one.origin == "given"]
    if given:
        raise InputError(f"{given[0]} is a directory of yours, not of a cache: it is not removed here.")
    if not asked.hub_id:
        return [Leftover(one.path, tree_size(one.path)) for one in asked.kept]
    if is_held(asked.hub_id):
        raise LockedError(f"{asked.hub_id} is being downloaded right now; nothing was removed.")
    kept = [one for one in snapshots(asked.hub_id) if revision in (None, one.commit)]
    repository = repository_dir(asked.hub_id)
    if revision is None and repository.is_dir():
        return [Leftover(repository, tree_size(repository))]
    return list(_of_snapshots(kept, asked.hub_id))


def is_held(hub_id: str) -> bool:
    """Tell whether a process downloads a repository."""
    lock = lock_of(hub_id)
    if not lock.is_file():
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True


def _of_snapshots(chosen: list[Snapshot], hub_id: str) -> Iterator[Leftover]:
    """Yield snapshots, what only they use, their records and the branches that point at them."""
    others = [one for one in snapshots(hub_id) if one not in chosen]
    needed = {path.resolve() for one in others for path in one.path.rglob("*") if path.is_file()}
    for one in chosen:
        blobs = {path.resolve() for path in one.path.rglob("*") if path.is_file()} - needed
        for blob in sorted(blobs):
            if not blob.is_relative_to(one.path.resolve()) and blob.is_relative_to(one.repository.resolve()):
                yield Leftover(blob, blob.stat().st_size)
        yield Leftover(one.path, 0)
        if record_path(one).is_file():
            yield Leftover(record_path(one), record_path(one).stat().st_size)
        for ref in (one.repository / "refs").rglob("*"):
            if ref.is_file() and ref.read_bytes().strip() == one.commit.encode():
                yield Leftover(ref, 0)


def facts_of(directory: Path) -> dict[str, Any]:
    """Return what the configuration of a model says of it: architecture, sizes, context; only what is there."""
    try:
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(config, dict):
        return {}
    inner = config.get("text_config")
    config = {**config, **(inner if isinstance(inner, dict) else {})}
    wanted = ("architectures", "model_type", "num_hidden_layers", "hidden_size", "intermediate_size",
              "num_attention_heads", "num_key_value_heads", "vocab_size", "tie_word_embeddings",
              "max_position_embeddings", "sliding_window", "torch_dtype", "dtype", "quantization_config")  # fmt: skip
    return {key: config[key] for key in wanted if config.get(key) is not None}
