"""The checks of each pipeline, as one list that a run, its plan and its training are given.

``settings`` are wrong on any machine. ``machine`` and ``training`` ask about this one and are quick; all three come
before any work. ``dataset`` needs a tokenizer and, for most of it, the frozen dataset: a plan asks for it, and so does
a run just before it trains, together with ``training``, since much may have changed since it was started.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from secft.errors import Problem, unique
from secft.planning import dataset, machine, measured, settings, training
from secft.planning.situation import Situation

When = Literal["settings", "machine", "training", "dataset"]
BEFORE_ANYTHING: tuple[When, ...] = ("settings", "machine", "training")
BEFORE_TRAINING: tuple[When, ...] = ("training", "dataset")


@dataclass(frozen=True)
class Check:
    """One thing that is checked.

    Attributes:
        when: what it needs, see above.
        find: returns what is wrong, or what somebody should know.
    """

    when: When
    find: Callable[[Situation], list[Problem]]


def inspect(checks: Sequence[Check], situation: Situation, when: Collection[When]) -> list[Problem]:
    """Return everything that checks find, each once.

    Args:
        checks: of a pipeline.
        situation: of its run.
        when: which of the checks are made.
    """
    return unique(problem for check in checks if check.when in when for problem in check.find(situation))


DATASET_CHECKS: tuple[Check, ...] = (
    Check("settings", settings.name_problems),
    Check("settings", settings.synthesis_problems),
    Check("settings", settings.split_problems),
    Check("settings", settings.length_problems),
    Check("machine", machine.source_problems),
    Check("machine", machine.teacher_problems),
    Check("machine", machine.executor_problems),
    Check("machine", machine.curation_needs),
)
"""What is checked where a dataset is made and nothing is trained."""

FINETUNE_CHECKS: tuple[Check, ...] = (
    *DATASET_CHECKS,
    Check("settings", settings.gate_problems),
    Check("machine", machine.run_name_problems),
    Check("settings", settings.distributed_settings),
    Check("machine", machine.extra_problems),
    Check("machine", machine.hardware_problems),
    Check("machine", machine.distributed_needs),
    Check("training", training.setting_flaws),
    Check("training", training.device_flaws),
    Check("training", training.memory_flaws),
    Check("training", training.environment_flaws),
    Check("training", training.target_flaws),
    Check("training", machine.download_flaws),
    Check("training", training.attention_flaws),
    Check("machine", machine.model_problems),
    Check("machine", machine.start_problems),
    Check("machine", machine.place_problems),
    Check("dataset", training.disk_flaws),
    Check("dataset", dataset.template_flaws),
    Check("dataset", dataset.row_flaws),
    Check("dataset", dataset.step_flaws),
    Check("dataset", measured.measured_flaws),
    Check("dataset", dataset.validation_flaws),
    Check("dataset", dataset.vocabulary_flaws),
)

PRETRAIN_CHECKS: tuple[Check, ...] = (
    Check("settings", settings.name_problems),
    Check("settings", settings.pretraining_problems),
    Check("machine", machine.run_name_problems),
    Check("machine", machine.text_problems),
    Check("machine", machine.executor_problems),
    Check("machine", machine.extra_problems),
    Check("machine", machine.place_problems),
)
