"""What a run is checked by, read once: settings, this machine, the base model, and the dataset once there is one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from secft.base import find_base_model, find_start, started_with
from secft.config.roots import RunConfig
from secft.errors import InputError, MissingExtraError
from secft.evaluate.gates import Held
from secft.evaluate.items import build_items, counts_of, read_test_split, taught
from secft.evaluate.tasks import TASKS
from secft.fit import FITTED, FittedSetup, fitted
from secft.models.adapters import StartAdapter
from secft.models.base_model import BaseModel
from secft.models.loading import load_tokenizer
from secft.planning.steps import Steps, steps_of
from secft.train.checks import Machine, machine_of
from secft.train.checks.rows import SeenRows, look_at
from secft.train.objectives import objective_of
from secft.train.setup import TrainingSetup


@dataclass(frozen=True)
class Situation:
    """A run before it starts, or before it trains.

    Attributes:
        config: the whole configuration.
        dataset: directory of the frozen dataset, or None if there is none yet.
    """

    config: RunConfig
    dataset: Path | None = None

    @cached_property
    def setup(self) -> TrainingSetup:
        """The settings that decide whether and how a training runs, with what this machine decides."""
        return self.fit.setup

    @cached_property
    def fit(self) -> FittedSetup:
        """The same, and what was decided."""
        config = self.config
        composed = TrainingSetup(
            model=config.model,
            trainer=started_with(config.trainer, self.start),
            backend=config.backend,
            distributed=config.distributed,
            hardware=config.hardware,
            validation_fraction=config.curation.split.validation_fraction,
        )
        return fitted(composed)

    @cached_property
    def machine(self) -> Machine:
        """What trains."""
        return machine_of(self.config.hardware)

    @cached_property
    def base(self) -> BaseModel | None:
        """The base model, or None where it is not on this machine."""
        try:
            return find_base_model(self.config.model)
        except InputError:
            return None

    @cached_property
    def start(self) -> StartAdapter | None:
        """The adapter that the training goes on with; None where it begins with a new one, or cannot begin at all."""
        try:
            return find_start(self.config.model, self.config.paths)
        except (InputError, MissingExtraError):
            return None

    @cached_property
    def tokenizer(self) -> Any:
        """The tokenizer of the base model, or None where that is not on this machine; no weights are loaded."""
        try:
            return load_tokenizer(self.base.path, template=False) if self.base else None
        except MissingExtraError:  # told by a check of what is installed
            return None

    @cached_property
    def seen(self) -> SeenRows | None:
        """What was found in the training split, or None without a tokenizer or a dataset."""
        if self.dataset is None or self.tokenizer is None:
            return None
        return look_at(self.dataset / "train.jsonl", self.tokenizer, self.config.trainer)

    @cached_property
    def measured(self) -> Mapping[str, Held] | None:
        """What there would be to measure the candidate by; None where that is not known yet, or measured elsewhere."""
        config, dataset = self.config, self.dataset
        if dataset is None or objective_of(config.trainer).scores or not (dataset / "test.jsonl").is_file():
            return None
        items = build_items(config.eval.tasks, read_test_split(dataset), config.eval.limits, config.seed)
        counts = counts_of(dataset) or {}
        return {
            task: Held(
                items=len(chosen),
                families=len({item.family for item in chosen}),
                taught=taught(chosen, counts) if TASKS[task].source.from_dataset else None,
            )
            for task, chosen in items.items()
            if chosen
        }

    @cached_property
    def steps(self) -> Steps | None:
        """The length of the training, or None for the same reason."""
        return steps_of(self.setup, self.config.seed, self.seen) if self.seen and self.seen.lengths else None


def settled(config: RunConfig) -> tuple[RunConfig, tuple[str, ...]]:
    """Return a configuration with what this machine decides, and what that is, a sentence each."""
    fit = Situation(config).fit
    trainer = replace(config.trainer, **{name: getattr(fit.setup.trainer, name) for name in FITTED})
    return replace(config, trainer=trainer, distributed=fit.setup.distributed), fit.told
