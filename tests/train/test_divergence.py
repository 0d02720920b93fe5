"""Telling a loss that has left all bounds from one that is only noisy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from secft.config.schemas.training import RecoveryConfig
from secft.train.divergence import LossWatch

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


GUARDED = RecoveryConfig(rollbacks=2, factor=0.5, spike=3.0, patience=3)


def seen(settings: RecoveryConfig, losses: list[float]) -> Any:
    watch = LossWatch(settings)
    return next((found for step, loss in enumerate(losses, 1) if (found := watch.see(step, loss))), None)


def test_noise_is_no_divergence_and_a_rise_that_lasts_is() -> None:
    calm = [2.0, 1.9, 2.1, 1.8, 1.9, 1.7]
    assert seen(GUARDED, [*calm, 9.0, 1.9, 9.0, 9.0, 1.8]) is None
    assert seen(GUARDED, [0.01, 0.012, 0.011, 0.01, 0.01, *[0.4] * 20]) is None, "small losses may be noisy"
    assert seen(replace(GUARDED, spike=0.0), [*calm, *[50.0] * 20]) is None
    assert seen(GUARDED, [9.0] * 30) is None, "what was high from the start has not risen"
    found = seen(GUARDED, [*calm, 9.0, 9.5, 10.0])
    assert (found.onset, found.step) == (6, 9)
    assert "3 times its running median 1.9," in found.reason
    assert seen(replace(GUARDED, spike=0.0), [*calm, float("nan")]).onset == 6


def test_losses_of_small_batches_may_vary_as_they_always_did() -> None:
    """Losses of simpo with two pairs a step: from 0.1 to 3.5 from the beginning, and no trend."""
    told = [0.78, 0.24, 0.74, 0.65, 0.58, 0.31, 0.34, 0.95, 0.68, 0.13, 0.32, 0.98, 0.56, 2.59, 0.83, 2.82, 1.52, 0.13,
            1.13, 0.12, 0.66, 0.14, 1.17, 0.43, 1.59, 1.20, 0.60, 1.98, 0.45, 2.29, 0.50, 1.35, 1.23, 0.43, 0.76, 1.29,
            1.06, 0.69, 0.44, 0.66, 0.27, 0.65, 0.85, 0.77, 2.18, 3.34, 3.47, 0.9]  # fmt: skip
    assert seen(GUARDED, told) is None
    found = seen(GUARDED, [*told, 3.6, 4.2, 5.0])
    assert (found.onset, found.step) == (len(told), len(told) + 3)


def test_a_watch_goes_on_after_recorded_losses() -> None:
    rows = [{"step": step, "loss": 1.0} for step in range(1, 7)] + [{"step": 6, "eval_loss": 1.0}]
    rows += [{"step": 7, "loss": 8.0}, {"step": 8, "loss": 8.0}]
    found = LossWatch(GUARDED, rows).see(9, 8.0)
    assert found is not None
    assert found.onset == 6
