"""Every objective on models unlike the embedded one: no padding token, attention without a fused form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secft.config.schemas.training import SamplingConfig
from secft.train import TrainJob
from tests.matrix.tiny_models import build
from tests.train.conftest import rows_of, train_here, write_rows

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
OBJECTIVES = ("sft", "continue", "dpo", "orpo", "simpo", "kto", "reward", "grpo")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return models by family, each built once."""
    made: dict[str, Path] = {}

    def build_once(name: str) -> Path:
        if name not in made:
            made[name] = build(name, tmp_path_factory.mktemp("models") / name)
        return made[name]

    return build_once


@pytest.mark.usefixtures("restored_signals")
@pytest.mark.parametrize("family", ["llama31", "gemma2"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_an_objective_trains(
    objective: str, family: str, models: Callable[[str], Path], make_job: Callable[..., TrainJob], tmp_path: Path
) -> None:
    changes: dict[str, Any] = {"objective": objective, "packing": objective in ("sft", "continue")}
    if objective != "sft":
        changes["train_file"] = str(write_rows(tmp_path / "rows.jsonl", _without_system(rows_of(objective, range(8)))))
        changes["validation_file"] = None
    if objective == "grpo":
        changes["sampling"] = SamplingConfig(generations=2, max_new_tokens=4)
    job = make_job(**changes, max_steps=2, eval_steps=0, save_steps=0, max_length=512, model_dir=str(models(family)))
    assert train_here(job, tmp_path / "run").steps == 2


def _without_system(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out system messages, which Gemma 2's own template takes none of."""
    for row in rows:
        if "prompt" in row:
            row["prompt"] = [message for message in row["prompt"] if message["role"] != "system"]
    return rows
