"""Ending an attempt whose loss has left all bounds, and beginning one with another learning rate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from secft.train.backends.trl.observed import ObservedTrainer
from secft.train.checkpoints import last_complete
from secft.train.divergence import Divergence, LossWatch, not_finite
from secft.train.metrics import read_metrics


class LossGuard(TrainerCallback):  # type: ignore[misc]
    """Watches the recorded losses of a trainer; comes after the callback that records them.

    Attributes:
        found: where the run left all bounds, or None.
    """

    def __init__(self, trainer: ObservedTrainer) -> None:
        """Go on after the losses that are recorded already."""
        self.trainer = trainer
        self.watch = LossWatch(trainer.job.trainer.recovery, read_metrics(trainer.metrics))
        self.found: Divergence | None = None

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        optimizer: Any = None,
        lr_scheduler: Any = None,
        **_: Any,
    ) -> None:
        """Use the job's learning rate: a checkpoint brings back the one that it was written with."""
        set_peak_rate(optimizer, lr_scheduler, self.trainer.job.trainer.learning_rate)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """End the attempt where the trainer itself met a number that is not finite."""
        if self.trainer.diverged and self.found is None:
            self._end(control, not_finite(state.global_step))

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Look at a recorded loss."""
        if logs is None or "loss" not in logs or self.found is not None:
            return
        found = self.watch.see(state.global_step, self.trainer.step_loss)
        if found is not None:
            self._end(control, found)

    def _end(self, control: TrainerControl, found: Divergence) -> None:
        self.found = found
        self.trainer.diverged = True
        control.should_training_stop = True
        # A checkpoint of weights that are no good would only be thrown away.
        control.should_save = control.should_evaluate = False

    def restore_last_good(self) -> None:
        """Put back the weights of the newest checkpoint from before the divergence.

        Without one, the weights stay that the trainer kept: those of the last forward pass with a finite loss.
        """
        if self.found is None:
            return
        directory = Path(self.trainer.args.output_dir)
        good = last_complete(directory, self.trainer.progress.job_digest, before=self.found.onset)
        if good is None:
            return
        self.trainer.load_weights(good[0])
        onset = self.found.onset
        self.trainer.history.losses = [entry for entry in self.trainer.history.losses if entry[0] < onset]


def set_peak_rate(optimizer: Any, scheduler: Any, rate: float) -> None:
    """Let an optimizer and its scheduler go on with another peak learning rate; the schedule keeps its place.

    Args:
        optimizer: of torch, or accelerate's wrapping of it.
        scheduler: a LambdaLR, or accelerate's wrapping of it.
        rate: peak learning rate of the attempt.
    """
    schedule = getattr(scheduler, "scheduler", scheduler)
    before = getattr(schedule, "base_lrs", None)
    if optimizer is None or not before or all(base == rate for base in before):
        return
    for group, base in zip(optimizer.param_groups, before, strict=True):
        group["lr"] = group["lr"] * rate / base
        group["initial_lr"] = rate
    schedule.base_lrs = [rate] * len(before)
