"""How a candidate is measured against its base (``eval``)."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.setting import setting
from secft.evaluate.tasks import SUITE, TASKS


@dataclass
class EvalConfig:
    """Which tasks are run, on how many items, and how intervals are computed."""

    name: str = setting("standard", about="Which suite is used.")
    tasks: list[str] = setting(list(SUITE), about="Tasks of the suite that are run.", choices=SUITE)
    max_items: dict[str, int] = setting(
        {name: TASKS[name].most for name in SUITE if TASKS[name].most is not None},
        about="Most items per task, a seeded sample.",
    )
    most_items: int | None = setting(None, about="No task asks more items than this; null leaves max_items.", low=1)
    batch_size: int = setting(16, about="Requests per forward pass.", low=1)
    confidence: float = setting(0.95, about="Level of the intervals.", above=0.5, high=0.999)
    resamples: int = setting(10_000, about="Bootstrap resamples.", low=200)
    samples: int = setting(8, about="Held-out questions that both models answer for the report.", low=0, high=100)
    max_new_tokens: int = setting(48, about="Longest generated answer of a task.", low=1)
    sample_tokens: int = setting(120, about="Longest sample answer for the report.", low=1)

    @property
    def limits(self) -> dict[str, int]:
        """Task -> most items, where it is not the task's own number."""
        if self.most_items is None:
            return dict(self.max_items)
        own = {task: self.max_items.get(task, TASKS[task].most) for task in self.tasks}
        return {task: self.most_items if most is None else min(most, self.most_items) for task, most in own.items()}
