"""The main numbers of runs, alone and side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from secft.documents.document import as_json
from secft.documents.results import MetricResult
from secft.reports.figures import MISSING, decimal, difference_text, leaves, with_interval
from secft.reports.leaderboard import JobRow, mean_gain
from secft.runs.found import FoundRun


def headline(run: FoundRun) -> str:
    """Return the numbers of a run in one line: the mean gain of its targets, and the best of them."""
    if run.results is None:
        return ""
    gain = mean_gain(JobRow(0, (), "", results=run.results))
    parts = [f"gain {decimal(100 * gain, 1, signed=True)} points"] if gain is not None else []
    for task, result in run.results.tasks.items():
        if gain is None and result.main is not None:
            parts.append(f"{task} {difference_text(result.main)}")
    return ", ".join(parts[:2])


def numbers(run: FoundRun) -> dict[str, Any]:
    """Return task -> main metric with its values, for machines."""
    if run.results is None:
        return {}
    return {
        task: {"metric": result.primary, "items": result.items, **_estimates(result.main)}
        for task, result in run.results.tasks.items()
        if result.main is not None
    }


def _estimates(metric: MetricResult) -> dict[str, Any]:
    return {part: as_json(getattr(metric, part)) for part in ("base", "candidate", "difference")}


def differing_settings(runs: Sequence[FoundRun]) -> list[tuple[str, list[str]]]:
    """Return (setting, value of each run) where runs differ; a setting that a run does not have is ``—``."""
    flat = [dict(leaves(run.settings)) for run in runs]
    keys = list(dict.fromkeys(key for settings in flat for key in settings))
    rows = [(key, [settings.get(key, MISSING) for settings in flat]) for key in keys]
    return [(key, values) for key, values in rows if len(set(values)) > 1]


def compared_numbers(runs: Sequence[FoundRun]) -> Iterator[tuple[str, str, list[str], list[str]]]:
    """Yield (task, metric, candidate of each run, difference to its base of each run), intervals included."""
    tasks = dict.fromkeys(task for run in runs if run.results for task in run.results.tasks)
    for task in tasks:
        mains = [_main(run, task) for run in runs]
        metric = next(
            (run.results.tasks[task].primary for run in runs if run.results and task in run.results.tasks), ""
        )
        yield (
            task,
            metric,
            [with_interval(one.candidate, share=one.share) if one else MISSING for one in mains],
            [difference_text(one) if one else MISSING for one in mains],
        )


def _main(run: FoundRun, task: str) -> MetricResult | None:
    result = run.results.tasks.get(task) if run.results else None
    return result.main if result else None


def not_comparable(runs: Sequence[FoundRun]) -> dict[str, str]:
    """Return task -> why its numbers do not stand beside each other: other items were asked, or fewer."""
    found: dict[str, str] = {}
    for task in dict.fromkeys(task for run in runs if run.results for task in run.results.tasks):
        results = [run.results.tasks[task] for run in runs if run.results and task in run.results.tasks]
        digests: Mapping[str, None] = dict.fromkeys(result.items_digest for result in results)
        if len(digests) > 1:
            found[task] = f"other items ({', '.join(str(result.items) for result in results)})"
    return found


def shared_stages(runs: Sequence[FoundRun]) -> list[str]:
    """Return the stages whose results all runs share."""
    made = [{stage.stage: stage.digest for stage in run.record.stages} if run.record else {} for run in runs]
    return [stage for stage, digest in made[0].items() if all(one.get(stage) == digest for one in made[1:])]
