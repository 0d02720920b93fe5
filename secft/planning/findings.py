"""Everything that is checked before a training, gathered: settings, base model, needs, dataset.

What needs no dataset is told before any work begins (secft/preflight.py); all of it again, together with the dataset,
by a plan and when the stage of training starts. No weights are loaded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secft.base import find_base_model
from secft.config.run import RunConfig
from secft.config.training import AdaptedTrainer
from secft.errors import ConfigError, InputError, Problem, stopping, warnings_of
from secft.files import read_json
from secft.models.resolve import packaged_gguf
from secft.planning.measured import measured_flaws
from secft.planning.needs import disk_flaws, memory_flaws
from secft.planning.setup import setup_of
from secft.planning.steps import Steps, step_flaws, steps_of
from secft.reasons import read_reason
from secft.train.backends import SEPARATE
from secft.train.checks import machine_of
from secft.train.checks.model import ALL_LINEAR, target_problems, vocabulary_problems
from secft.train.checks.rows import SeenRows, count_rows, length_problems, look_at, objective_problems, row_problems
from secft.train.checks.settings import empty_validation, setting_problems
from secft.train.checks.template import template_problems
from secft.train.environments import check


@dataclass
class Findings:
    """What was found out about a training.

    Attributes:
        flaws: what is wrong, in the order of the checks.
        seen: what was found in the training split, or None without a tokenizer or a dataset.
        steps: the length of the training, or None for the same reason.
    """

    flaws: list[Problem] = field(default_factory=list)
    seen: SeenRows | None = None
    steps: Steps | None = None

    @property
    def problems(self) -> list[Problem]:
        """What keeps the training from being started."""
        return stopping(self.flaws)

    @property
    def warnings(self) -> list[str]:
        """What somebody should know."""
        return warnings_of(self.flaws)


def configured_flaws(config: RunConfig) -> list[Problem]:
    """Report what settings, base model and backend alone make impossible; quick, without a tokenizer."""
    machine = machine_of(config.hardware)
    found = setting_problems(setup_of(config), machine)
    if config.trainer.name != "pretrain":
        found += memory_flaws(config, machine)
    return [*found, *_environment_flaws(config), *_target_flaws(config)]


def _target_flaws(config: RunConfig) -> list[Problem]:
    trainer = config.trainer
    if not isinstance(trainer, AdaptedTrainer) or trainer.lora.target_modules == [ALL_LINEAR]:
        return []  # nothing to compare: a packaged model need not be unpacked for it
    try:
        return target_problems(trainer, find_base_model(config.model).path)
    except InputError:
        return []  # told by the preflight, with where it was looked for


def _environment_flaws(config: RunConfig) -> list[Problem]:
    name = config.backend.name
    if name not in SEPARATE:
        return []
    return stopping(check(name, Path(config.paths.backends)))


def findings(config: RunConfig, dataset: Path | None) -> Findings:
    """Check a training as a whole.

    Args:
        config: the whole configuration.
        dataset: directory of the frozen dataset, or None if there is none yet.
    """
    found = Findings([*configured_flaws(config), *disk_flaws(config)])
    if config.trainer.name == "pretrain":
        return found
    try:
        base = find_base_model(config.model)
    except InputError:
        return found
    tokenizer = load_tokenizer(base.path)
    found.flaws += template_problems(tokenizer, base.path, config.model.name, _served(config))
    if dataset is not None:
        _look_at_dataset(config, dataset, tokenizer, found)
    highest = found.seen.highest_id if found.seen else -1
    found.flaws += vocabulary_problems(base.path, tokenizer.get_vocab(), highest, config.model.name)
    return found


def load_tokenizer(model_dir: Path) -> Any:
    """Return the tokenizer of a model's directory; no weights are loaded."""
    from transformers import AutoTokenizer  # heavy: only when rows are looked at

    return AutoTokenizer.from_pretrained(model_dir, local_files_only=True, trust_remote_code=False)


def _served(config: RunConfig) -> Path | None:
    if config.model.served_template:
        return Path(config.model.served_template)
    return packaged_gguf() if config.model.kind == "package" and config.model.path is None else None


def _look_at_dataset(config: RunConfig, dataset: Path, tokenizer: Any, found: Findings) -> None:
    trainer, place = config.trainer, dataset / "train.jsonl"
    seen = look_at(place, tokenizer, trainer)
    found.seen, found.steps = seen, steps_of(config, seen) if seen.lengths else None
    found.flaws += [*row_problems(seen, place), *objective_problems(trainer, seen)]
    found.flaws += length_problems(trainer, seen, *dropped_for_length(dataset))
    if found.steps:
        found.flaws += step_flaws(config, found.steps)
    found.flaws += measured_flaws(config, dataset)
    validation = dataset / "validation.jsonl"
    expected = trainer.early_stopping_patience > 0 and config.curation.split.validation_fraction > 0
    if expected and not (validation.is_file() and count_rows(validation)):
        found.flaws.append(empty_validation(trainer.early_stopping_patience, "no example fell into it"))


def dropped_for_length(dataset: Path) -> tuple[int, int]:
    """Return how many examples curation left out because they are too long, and how many it had to judge."""
    try:
        funnel = read_json(dataset / "manifest.json").get("funnel", [])
    except InputError:
        return 0, 0
    for step in funnel:
        if read_reason(step.get("step", "")).code == "length":
            dropped = step.get("dropped", {}).items()
            return sum(n for why, n in dropped if read_reason(why).code == "length.long"), int(step.get("seen", 0))
    return 0, 0


def before_training(config: RunConfig, dataset: Path) -> list[str]:
    """Check a training just before it starts.

    Args:
        config: the whole configuration.
        dataset: directory of the frozen dataset.

    Returns:
        Warnings, for the log and the record of the run.

    Raises:
        ConfigError: with everything that is wrong, all together.
    """
    found = findings(config, dataset)
    if found.problems:
        raise ConfigError(found.problems)
    return found.warnings
