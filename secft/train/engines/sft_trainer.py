"""trl's SFTTrainer, fed with flat batches and secft's own loss, metrics and checkpoints."""

from __future__ import annotations

import json
import math
import resource
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from trl import SFTTrainer

from secft.train.checkpoints import Progress, mark_complete
from secft.train.forward import LossFunction
from secft.train.job import TrainJob
from secft.train.rows import Row, batches
from secft.train.stopping import EvaluationHistory

# Above this many trained weights, a copy of the last good ones costs more than it is worth.
MAX_SNAPSHOT_WEIGHTS = 200_000_000


def peak_memory_gib() -> float:
    """Return the peak memory of this process (with CUDA: of the device) in GiB."""
    if torch.cuda.is_available():
        return float(torch.cuda.max_memory_allocated() / 2**30)
    status = Path("/proc/self/status")
    if status.is_file():
        # ru_maxrss would inherit the peak of the process that launched this one.
        peak = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def finite_or_none(value: float) -> float | None:
    """Return the value, or None where JSON could not express it."""
    return value if math.isfinite(value) else None


class FlatBatchTrainer(SFTTrainer):  # type: ignore[misc]
    """Trains on flat batches through a LossFunction.

    A step whose loss or gradient is not finite is not applied: the weights of the last forward pass
    with a finite loss are put back, training ends, and ``diverged`` is set.
    """

    def __init__(
        self,
        *,
        job: TrainJob,
        forward: LossFunction,
        validation: list[Row],
        progress: Progress,
        metrics: Path,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job = job
        self.control: TrainerControl
        self.forward_loss = forward
        self.validation = validation
        self.progress = progress
        self.metrics = metrics
        self.history = EvaluationHistory.from_metrics(metrics)
        self.diverged = False
        self.stop_requested = False
        self.step_loss = 0.0
        self._step_tokens = 0
        self._step_supervised = 0
        self._snapshot: list[torch.Tensor] | None = None
        self._trained = [p for p in self.model.parameters() if p.requires_grad]
        self._keeps_snapshot = sum(p.numel() for p in self._trained) <= MAX_SNAPSHOT_WEIGHTS
        self._clock = time.perf_counter()

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Return the loss per supervised token of the whole global batch (scalar)."""
        supervised = int((inputs["labels"] != -100).sum())
        total = self.forward_loss(inputs)
        loss = total / max(int(num_items_in_batch) if num_items_in_batch is not None else supervised, 1)
        self.step_loss += float(loss.detach())
        self._step_tokens += inputs["input_ids"].numel()
        self._step_supervised += supervised
        return loss

    def training_step(self, model: torch.nn.Module, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        """Run forward and backward; remember the weights if their loss was finite."""
        loss: torch.Tensor = super().training_step(model, inputs, num_items_in_batch)
        if not math.isfinite(self.step_loss):
            self.diverged = True
            return torch.zeros_like(loss)
        if self._keeps_snapshot:
            if self._snapshot is None:
                self._snapshot = [torch.empty_like(parameter) for parameter in self._trained]
            with torch.no_grad():
                torch._foreach_copy_(self._snapshot, list(self._trained))
        return loss

    def begin_step(self) -> None:
        """Reset the counters of one optimizer step."""
        self.step_loss = 0.0
        self._step_tokens = self._step_supervised = 0
        self._clock = time.perf_counter()

    def guard_update(self) -> None:
        """Before the optimizer step: skip it if a gradient is not finite, and end the training."""
        gradients = [p.grad for p in self._trained if p.grad is not None]
        if not self.diverged and all(torch.isfinite(g).all() for g in gradients):
            return
        self.diverged = True
        if self._snapshot is not None:
            with torch.no_grad():
                torch._foreach_copy_(list(self._trained), self._snapshot)
        for parameter in self._trained:
            parameter.grad = None

    def finish_step(self) -> dict[str, float]:
        """Add the step to the progress and return its timing."""
        seconds = time.perf_counter() - self._clock
        self.progress = replace(
            self.progress,
            step=self.state.global_step,
            tokens=self.progress.tokens + self._step_tokens,
            supervised_tokens=self.progress.supervised_tokens + self._step_supervised,
            seconds=self.progress.seconds + seconds,
            step_seconds=self.progress.step_seconds + seconds,
        )
        return {
            "tokens_per_second": round(self._step_tokens / seconds, 1),
            "supervised_tokens_per_second": round(self._step_supervised / seconds, 1),
        }

    def write_row(self, row: Mapping[str, Any]) -> None:
        """Append one row to metrics.jsonl."""
        shared = {"step": self.state.global_step, "epoch": round(float(self.state.epoch or 0.0), 4)}
        extra = {"memory_gib": round(peak_memory_gib(), 3), "seconds": round(self.progress.seconds, 3)}
        with self.metrics.open("a", encoding="utf-8") as handle:
            handle.write(json.dumps({**shared, **row, **extra}) + "\n")

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Measure the validation loss per supervised token, record it, and return it as ``eval_loss``."""
        started = time.perf_counter()
        self.model.eval()
        total, count = 0.0, 0
        with torch.no_grad(), self.compute_loss_context_manager():
            for batch in batches(self.validation, self.args.per_device_eval_batch_size):
                prepared = self._prepare_inputs(batch)
                total += float(self.forward_loss(prepared))
                count += int((batch["labels"] != -100).sum())
        self.model.train()
        loss = total / max(count, 1)
        self.progress = replace(self.progress, seconds=self.progress.seconds + time.perf_counter() - started)
        improved = self.history.add(self.state.global_step, loss)
        self.write_row({"eval_loss": finite_or_none(loss)})
        if improved and self.job.load_best:
            self.save_model(str(Path(self.args.output_dir) / "best"), _internal_call=True)
        metrics = {"eval_loss": loss}
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def load_weights(self, directory: Path) -> None:
        """Put saved weights of this run (an adapter, or a whole model) back into the model."""
        from safetensors.torch import load_file

        adapter = directory / "adapter_model.safetensors"
        if adapter.is_file():
            from peft import set_peft_model_state_dict

            set_peft_model_state_dict(self.model, load_file(str(adapter)))
        else:
            for path in sorted(directory.glob("*.safetensors")):
                self.model.load_state_dict(load_file(str(path)), strict=False)

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write nothing: the run has its own card."""

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Keep the log history of the trainer's state; rows of metrics.jsonl are written by StepRecorder."""
        self._metrics["train"].clear()
        super().log(logs, start_time)

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        started = time.perf_counter()
        super()._save_checkpoint(model, trial)
        self.progress = replace(self.progress, seconds=self.progress.seconds + time.perf_counter() - started)
        checkpoint = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        mark_complete(checkpoint, self.progress)


class StepRecorder(TrainerCallback):  # type: ignore[misc]
    """Connects the trainer's events to FlatBatchTrainer: rows, divergence, early stop, requested stop."""

    def __init__(self, trainer: FlatBatchTrainer) -> None:
        self.trainer = trainer

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Reset the step's counters."""
        self.trainer.begin_step()

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Stop an update that would make weights infinite."""
        self.trainer.guard_update()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Count the step; ask for a checkpoint and an end where needed."""
        self.timing = self.trainer.finish_step()
        if self.trainer.stop_requested:
            control.should_save = True
            control.should_training_stop = True
        if self.trainer.diverged:
            control.should_training_stop = True

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Write one row for a training step."""
        if logs is None or "loss" not in logs:
            return
        row = {
            "loss": finite_or_none(self.trainer.step_loss),
            "learning_rate": logs.get("learning_rate"),
            "grad_norm": finite_or_none(float(logs.get("grad_norm", 0.0))),
        }
        self.trainer.write_row({**row, **self.timing})

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Stop early when the validation loss no longer improves."""
        job = self.trainer.job
        if self.trainer.history.exhausted(job.early_stopping_patience, job.early_stopping_threshold):
            control.should_training_stop = True
