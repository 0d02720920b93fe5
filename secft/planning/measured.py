"""What a candidate would be measured by: what is held out for each task, its gate, and the effect that is seen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from statistics import NormalDist

from rich.table import Table

from secft.errors import Problem
from secft.evaluate.gates import GateCheck, Held, checks_of
from secft.evaluate.gates.target import AUTO, NOTHING_TAUGHT
from secft.evaluate.statistics import z_value
from secft.evaluate.tasks import TASKS
from secft.planning.situation import Situation
from secft.train.checks.rows import count_rows
from secft.train.objectives import objective_of

POWER = 0.8
CHANGING = 0.3
"""Share of items that base and candidate answer differently, assumed for a plan."""
NATS = 0.3
"""Standard deviation of the difference of log-perplexities of one answer, nats per token, assumed for a plan."""
FEWEST = 5
"""With fewer families of items, a verdict would say nothing."""


def measured_table(situation: Situation) -> Table | None:
    """Return what decides about the candidate, or None where that is not known."""
    measured = situation.measured
    if not measured:
        return None
    config = situation.config
    gates: dict[str, list[str]] = {}
    for check in checks_of(config.gates, measured):
        gates.setdefault(check.task, []).append(check.kind.title["en"])
    table = Table("measured by", "items", "families", "taught by", "gate", "visible from", title_justify="left")
    for task, held in measured.items():
        rows = "" if held.taught is None else f"{held.taught:,} rows"
        asked = ", ".join(gates.get(task, []))
        seen = _visible(task, held, config.eval.confidence) if asked else ""
        table.add_row(task, f"{held.items:,}", f"{held.families:,}", rows, asked, seen)
    return table


def effect_seen(task: str, held: Held, confidence: float) -> float:
    """Return the difference that would be told from none with a chance of 80 %, as a share or in nats per token.

    Source: the two-sided normal approximation of a paired comparison, (z_confidence + z_power) s / sqrt(n), with n
    families and s assumed: 30 % of items change, or 0.3 nats.
    """
    spread = math.sqrt(CHANGING) if TASKS[task].metrics[0].share else NATS
    return (z_value(confidence) + NormalDist().inv_cdf(POWER)) * spread / math.sqrt(max(held.families, 1))


def _visible(task: str, held: Held, confidence: float) -> str:
    effect = effect_seen(task, held, confidence)
    return f"{min(effect, 1):.0%}".replace("%", " points") if TASKS[task].metrics[0].share else f"{effect:.2f} nats"


def measured_flaws(situation: Situation) -> list[Problem]:
    """Report that nothing can be measured, and gates that nothing a training does could pass."""
    config, dataset = situation.config, situation.dataset
    if dataset is None or situation.tokenizer is None:
        return []
    place = dataset / "test.jsonl"
    scored = objective_of(config.trainer).scores
    if not place.is_file() or (scored and not count_rows(place)):
        return [_nothing_held_out(place)]
    measured = situation.measured
    if scored or measured is None:
        return []
    if not measured:
        remedy = "Add a task with questions of its own (refusal), or hold out more: curation.split.test_fraction."
        asked = ", ".join(config.eval.tasks)
        return [_flaw("eval.tasks", "ask nothing that this dataset holds out", asked, remedy)]
    return [*_target_flaws(situation, measured), *_few(checks_of(config.gates, measured), measured)]


def _nothing_held_out(place: Path) -> Problem:
    remedy = "Hold examples out: curation.split.test_fraction above 0, and more entities if none fell into it."
    return _flaw("data", "holds nothing out to measure the candidate by", str(place), remedy)


def _target_flaws(situation: Situation, measured: Mapping[str, Held]) -> list[Problem]:
    """Report targets that are not measured, or by too little: no gate of that kind could pass."""
    config = situation.config
    checks = checks_of(config.gates, measured)
    named = [check.task for check in checks if check.kind.name == "target"]
    automatic = config.gates.target_tasks in (AUTO, [AUTO])
    if named == [AUTO]:
        reason = f"finds nothing to improve: {NOTHING_TAUGHT}"
        remedy = (
            "Hold out more (curation.split.test_fraction), bring more records, or take tasks of eval.tasks back in; "
            "gates.target_tasks=[] asks for no improvement."
        )
        return [_flaw("gates.target_tasks", reason, AUTO, remedy)]
    missing = [task for task in named if task not in measured]
    if named and len(missing) == len(named):
        reason = "cannot improve: the dataset holds out no example of them, so that no gate of this kind passes"
        remedy = "Use gates.target_tasks=auto, or name tasks that are asked, for example [answer_perplexity]."
        return [_flaw("gates.target_tasks", reason, ", ".join(missing), remedy)]
    short = {task: measured[task].families for task in named if task in measured}
    if short and max(short.values()) < FEWEST:
        told = ", ".join(f"{task} {count}" for task, count in short.items())
        reason = f"would be judged by fewer than {FEWEST} independent items ({told}): that proves nothing"
        remedy = "Hold out more (curation.split.test_fraction), or bring more records."
        return [_flaw("gates.target_tasks", reason, AUTO if automatic else ", ".join(named), remedy)]
    return []


def _few(checks: list[GateCheck], measured: Mapping[str, Held]) -> list[Problem]:
    """Report gates of what must be kept that pass only by a gain: too few items to prove that nothing fell."""
    found = []
    for check in checks:
        held = measured.get(check.task)
        if check.kind.name != "general" or held is None or not 0 < check.margin < 1:
            continue
        # No item changes: 1 - (alpha/2)**(1/n) is the largest fall that this allows (statistics.paired_difference).
        needed = math.ceil(math.log(0.025) / math.log(1 - check.margin))
        if held.families < needed:
            reason = f"asks {held.families} independent items; {needed} are needed to prove a fall of at most "
            reason += f"{100 * check.margin:g} points where nothing changes"
            remedy = "Ask more items (eval.max_items), hold out more, or allow a larger fall."
            found.append(_flaw(f"gates.{check.kind.asked_by}", reason, check.task, remedy, stops=False))
    return found


def _flaw(key: str, reason: str, value: str, remedy: str, *, stops: bool = True) -> Problem:
    return Problem(key, reason, value, remedy=remedy, code="evaluation", stops=stops)
