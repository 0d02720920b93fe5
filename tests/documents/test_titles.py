"""Titles of earlier documents are those of today."""

from __future__ import annotations

from secft.documents.titles import GATE_TITLES, METRIC_TITLES, NO_SHARES, TASK_TITLES
from secft.evaluate.gates import KINDS
from secft.evaluate.tasks import TASKS


def test_tasks_metrics_and_gates_are_called_as_today() -> None:
    metrics = {metric.name: metric for task in TASKS.values() for metric in task.metrics}
    assert {name: TASKS[name].title for name in TASK_TITLES} == TASK_TITLES
    titles = {kind.name: kind.title for kind in KINDS}
    assert {name: titles[name] for name in GATE_TITLES} == GATE_TITLES
    assert {name: metrics[name].title for name in METRIC_TITLES} == METRIC_TITLES
    assert {name for name, metric in metrics.items() if not metric.share} <= NO_SHARES
