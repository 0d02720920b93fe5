"""Whether a candidate can be measured by the held-out examples at all: told before it is trained."""

from __future__ import annotations

from pathlib import Path

from secft.config.run import RunConfig
from secft.errors import Problem
from secft.evaluate.items import unasked
from secft.evaluate.tasks import TASKS
from secft.files import read_jsonl
from secft.train.checks.rows import count_rows
from secft.train.objectives import objective_of


def measured_flaws(config: RunConfig, dataset: Path) -> list[Problem]:
    """Report tasks of the evaluation that ask nothing, and gates that cannot be passed for that reason.

    Args:
        config: the whole configuration.
        dataset: directory of the frozen dataset.
    """
    place = dataset / "test.jsonl"
    scored = objective_of(config.trainer).scores
    if not place.is_file() or (scored and not count_rows(place)):
        remedy = "Hold examples out: curation.split.test_fraction above 0, and more entities if none fell into it."
        return [_flaw("data", "holds nothing out to measure the candidate by", str(place), remedy)]
    if scored:
        return []
    missing = unasked(config.eval.tasks, read_jsonl(place))
    if set(missing) == set(config.eval.tasks):
        kinds = sorted(set().union(*(TASKS[task].source.kinds for task in missing)))
        remedy = f"Add a task with questions of its own (refusal), or examples of: {', '.join(kinds)}."
        return [_flaw("eval.tasks", "ask nothing that this dataset holds out", ", ".join(missing), remedy)]
    gated = [task for task in config.gates.target_tasks if task in missing]
    if gated and set(gated) == set(config.gates.target_tasks):
        reason = "cannot improve: the dataset holds out no example of them, so that no gate of this kind passes"
        remedy = "Name tasks that are asked, for example gates.target_tasks=[answer_perplexity]."
        return [_flaw("gates.target_tasks", reason, ", ".join(gated), remedy, stops=False)]
    return []


def _flaw(key: str, reason: str, value: str, remedy: str, *, stops: bool = True) -> Problem:
    return Problem(key, reason, value, remedy=remedy, code="evaluation", stops=stops)
