"""Titles of earlier documents are those of today."""

from __future__ import annotations

from secft.documents.titles import GATE_TITLES, METRIC_TITLES, NO_SHARES, TASK_TITLES
from secft.evaluate.gates import KINDS
from secft.evaluate.tasks import TASKS


def test_tasks_metrics_and_gates_are_called_as_today() -> None:
    assert {name: task.title for name, task in TASKS.items()} == TASK_TITLES
    assert {kind.name: kind.title for kind in KINDS} == GATE_TITLES
    metrics = [metric for task in TASKS.values() for metric in task.metrics]
    assert {metric.name: metric.title for metric in metrics} == METRIC_TITLES
    assert {metric.name for metric in metrics if not metric.share} <= NO_SHARES
