"""Leaving in order on a signal."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from secft.train import checkpoints
from tests.train.runners.trainers import module, trainer_in

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


def test_a_signal_saves_and_leaves_with_130(tmp_path: Path) -> None:
    from transformers import TrainerCallback

    class Send(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == 2:
                os.kill(os.getpid(), signal.SIGTERM)

    stop = module("stopping").StopCallback()
    metrics = module("recording").MetricsCallback(tmp_path, engine="here", job_digest="abc")
    with pytest.raises(SystemExit) as left:
        trainer_in(tmp_path, [metrics, stop, Send()], save_steps=100).train()
    assert left.value.code == 130
    found = checkpoints.last_complete(tmp_path / "checkpoints", "abc")
    assert found is not None
    assert found[1].step == 3
