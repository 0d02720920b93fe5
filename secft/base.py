"""The base model of a configuration, and the adapter that its training begins with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from secft.artifact import ArtifactStore
from secft.config.roots import PathsConfig
from secft.config.schemas.model import ModelConfig
from secft.config.schemas.training import AdaptedTrainer, LoraConfig, TrainerConfig
from secft.documents.run_record import read_run_record
from secft.errors import InputError, ModelNotFoundError
from secft.files import read_json, sha256_file
from secft.models.adapters import StartAdapter, check_fits, read_adapter
from secft.models.base_model import BaseModel
from secft.models.chat_template import TemplateChoice
from secft.models.gguf_layout import is_gguf
from secft.models.resolve import resolve_model, with_template
from secft.naming import directory_name
from secft.registry.entries import REGISTRATION

_SOURCES = {"package": "package", "hub": "hub", "tiny": "random"}


def find_base_model(config: ModelConfig) -> BaseModel:
    """Return the base model of a configuration, converting a packaged one and a GGUF file on first use.

    Raises:
        ModelNotFoundError: it is not on this machine; the message says where it was looked for.
        MissingExtraError: the package that carries it is not installed.
        InputError: its files, or the chat template that is chosen for it, cannot be used.
    """
    source = "hub" if config.path and config.kind != "package" else _SOURCES[config.kind]
    if config.path and is_gguf(Path(config.path)):
        source = "gguf"
    place = (source, config.name, config.id, config.path, config.revision, config.license)
    return _resolve(place, template_choice(config))


def template_choice(config: ModelConfig) -> TemplateChoice:
    """Return what a configuration says of the base model's chat template."""
    return TemplateChoice(config.chat_template, config.thinking, config.system, config.template_date)


@lru_cache(maxsize=8)
def _resolve(place: tuple[str, str, str, str | None, str | None, str], choice: TemplateChoice) -> BaseModel:
    source, name, hub_id, path, revision, license_id = place
    base = resolve_model(
        name,
        source,
        path=Path(path) if path else None,
        hub_id=hub_id,
        revision=revision or "main",
        license_id=license_id,
    )
    return with_template(base, choice)


RUN = "run:"
"""What the name of an earlier run begins with where an adapter is asked for."""


def find_start(model: ModelConfig, paths: PathsConfig) -> StartAdapter | None:
    """Return the adapter that a training begins with, or None where it begins with the base model alone.

    Args:
        model: the base model, and ``adapter``: ``run:ID`` or a directory.
        paths: where runs and registered models are.

    Raises:
        InputError: there is no such adapter, it is damaged, or it was made for another base model.
    """
    if not model.adapter:
        return None
    base = find_base_model(model)
    if not model.adapter.startswith(RUN):
        return _checked(Path(model.adapter).absolute(), "", {}, base)
    name = directory_name(model.adapter.removeprefix(RUN))
    return _adapter_of_run(name, Path(paths.models), Path(paths.outputs), Path(paths.cache), base)


def _adapter_of_run(name: str, models: Path, outputs: Path, cache: Path, base: BaseModel) -> StartAdapter:
    """Return the adapter of a run: as it was registered, else as its training left it."""
    for entry in sorted(models.glob(f"*/{name}")) if models.is_dir() else []:
        if (entry / REGISTRATION).is_file():
            told = read_json(entry / REGISTRATION)
            files = told.get("files")
            if not isinstance(files, dict) or not files:
                raise InputError(f"{entry / REGISTRATION} names no files; it is not as it was written")
            changed = [file for file, known in files.items() if not _is(entry / file, known)]
            if changed:
                raise InputError(f"{entry} is damaged: {', '.join(changed)} changed since it was registered")
            made_for = {"model": told.get("base_digest", ""), "config": told.get("config_digest", "")}
            return _checked(entry.absolute(), name, made_for, base)
    record = read_run_record(outputs / name)
    if record is None:
        raise InputError(f"there is no run of the name {name} in {outputs}, and none is registered in {models}")
    stage = next((stage for stage in record.stages if stage.stage == "train"), None)
    found = ArtifactStore(cache / "stages").find("train", stage.fingerprint, content=True) if stage else None
    if found is None:
        raise InputError(f"the run {name} has no trained adapter here; its command makes it: {record.command}")
    return _checked((found.path / found.summary["adapter_dir"]).absolute(), name, found.manifest["external"], base)


def _is(path: Path, known: str) -> bool:
    return path.is_file() and sha256_file(path) == known


def _checked(directory: Path, run: str, made_for: Mapping[str, str], base: BaseModel) -> StartAdapter:
    """Read an adapter and refuse one of another base model; ``made_for`` holds digests of its base, where known."""
    if not directory.is_dir():
        raise InputError(f"{directory} is no directory; name one, or {RUN}ID of an earlier run")
    other = made_for.get("model", "") not in ("", base.digest) or made_for.get("config", "") not in (
        "",
        base.config_digest,
    )
    if other:
        raise InputError(f"the run {run} was trained beside other weights than those of model={base.name}")
    adapter = read_adapter(directory, run)
    check_fits(adapter, base.path)
    return adapter


def started_with(trainer: TrainerConfig, start: StartAdapter | None) -> TrainerConfig:
    """Return the settings of a training with the shape of the adapter that it goes on with."""
    if start is None or not isinstance(trainer, AdaptedTrainer):
        return trainer
    targets = list(start.target_modules) or trainer.lora.target_modules
    return replace(trainer, lora=LoraConfig(start.rank, start.alpha, start.dropout, targets, start.bias))


def is_absent(config: ModelConfig) -> bool:
    """Tell whether a model of the Hub is not on this machine, or not whole."""
    if config.kind != "hub" or config.path:
        return False
    try:
        find_base_model(config)
    except ModelNotFoundError:
        return True
    except InputError:
        return False
    return False


def download_base_model(config: ModelConfig) -> None:
    """Download the weights of a configuration, whose licence counts as accepted by its name there.

    Raises:
        InputError: they cannot be had, or come under another licence than the configuration names.
    """
    from secft.models.downloads.get import Wanted, get_model

    accepted = None if config.license == "unknown" else config.license
    get_model(Wanted(config.id, config.revision or "main", accepted, setting="model.license"))
