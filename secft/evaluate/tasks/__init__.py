"""The table of evaluation tasks is this folder: each module holds the record ``TASK`` of the task of its name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping

from secft.evaluate.task import Task

TASKS: Mapping[str, Task] = {
    name: importlib.import_module(f"{__name__}.{name}").TASK
    for name in sorted(module.name for module in pkgutil.iter_modules(__path__))
}
"""Name -> task, in the order of names."""

SUITE = tuple(name for name, task in TASKS.items() if not task.request.by_score)
"""The tasks that a model is asked by default: all but those of models that score answers."""


def tasks_for(role: str) -> list[str]:
    """Return the tasks of the suite that stand for something."""
    return [name for name in SUITE if TASKS[name].role == role]
