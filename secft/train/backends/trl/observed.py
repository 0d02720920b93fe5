"""What every training loop of trl is wrapped in: metrics, checkpoints, guards, requested stops.

``class X(ObservedTrainer, TrainerOfTrl)`` keeps trl's loss and adds the rows of metrics.jsonl, the progress that
travels with checkpoints, the validation history, and an end without broken weights when a number is not finite.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from secft.files import write_json
from secft.train.checkpoints import CheckpointProgress, mark_complete
from secft.train.distributed.fsdp_cpu import check_division, divide_on_cpu
from secft.train.distributed.notes import STOP
from secft.train.distributed.world import World
from secft.train.job import TrainJob
from secft.train.runners.facts import finite_or_none, peak_memory_gib, wait_for_device
from secft.train.runners.guards import all_finite
from secft.train.runners.utilisation import count_weights, flops_utilisation
from secft.train.stopping import EvaluationHistory

# Above this many trained weights, a copy of the last good ones costs more than it is worth.
MAX_SNAPSHOT_WEIGHTS = 200_000_000


REFERENCE = "ref"
"""How trl calls the frozen copy of an adapter that a training goes on with, and the directory that peft saves it in."""


class ObservedTrainer(Trainer):  # type: ignore[misc]
    """Comes before a trainer of trl in the list of bases; the loss stays that trainer's.

    A step whose loss or gradient is not finite is not applied: the weights of the last forward pass
    with a finite loss are put back, training ends, and ``diverged`` is set.

    Attributes:
        validates: whether there is a validation loss.
        step_loss: loss of the optimizer step under way, of the whole global batch.
        ends_with: where the weights lie that the run ends with, if not in the model.
        world: this process and the others that train the same model.
        step_facts: what else a row of metrics.jsonl tells about the step, for example ``reward``.
    """

    def __init__(self, *, job: TrainJob, progress: CheckpointProgress, metrics: Path, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job = job
        self.control: TrainerControl
        self.progress = progress
        self.metrics = metrics
        self.validates = self.eval_dataset is not None
        self.history = EvaluationHistory.from_metrics(metrics)
        self.diverged = False
        self.stop_requested = False
        self.step_loss = 0.0
        self.step_facts: dict[str, float] = {}
        self._step_tokens = 0
        self._step_supervised = 0
        self._snapshot: list[torch.Tensor] | None = None
        self._trained = [p for p in self.model.parameters() if p.requires_grad]
        self._keeps_snapshot = sum(p.numel() for p in self._trained) <= MAX_SNAPSHOT_WEIGHTS
        self._weights = count_weights(self.model)
        self._clock = time.perf_counter()
        self._evaluation_began = self._clock
        self.ends_with: Path | None = None
        self.world = World.of_environment()
        self._averages = self.world.size > 1 and not job.distributed.sharded
        if self._averages:
            # Gradients are averaged by hand, once a step: DDP's hooks see only calls of its own forward.
            self.accelerator.prepare_model = partial(self.accelerator.prepare_model, evaluation_mode=True)
        divide_on_cpu(self, job.distributed)
        if job.distributed.sharded:
            # What a process holds of the weights are pieces that come into being when training begins.
            self._trained, self._keeps_snapshot = [], False

    def count(self, inputs: Mapping[str, Any]) -> None:
        """Count the tokens of a padded batch: those that went through the model, and those that carried loss."""
        mask = inputs["attention_mask"]
        self.count_tokens(int(mask.sum()), int(inputs.get("completion_mask", mask).sum()))

    def count_tokens(self, tokens: int, supervised: int) -> None:
        """Add tokens to the step under way."""
        self._step_tokens += tokens
        self._step_supervised += supervised

    def add_loss(self, loss: torch.Tensor) -> None:
        """Add the loss of one forward pass, already divided by the forward passes of a step, to the step."""
        self.step_loss += float(loss)

    def compute_loss(self, model: torch.nn.Module, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Count the tokens of a training batch, and compute the loss as trl does."""
        if self.model.training:
            self.count(inputs)
        return super().compute_loss(model, inputs, *args, **kwargs)

    def training_step(self, model: torch.nn.Module, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        """Run forward and backward; remember the weights if their loss was finite."""
        loss: torch.Tensor = super().training_step(model, inputs, num_items_in_batch)
        self.add_loss(loss)
        if self._averages and self.accelerator.sync_gradients:
            self.world.average_gradients(self._trained)
        if not math.isfinite(self.step_loss):
            self.diverged = True
            return torch.zeros_like(loss)
        if self._keeps_snapshot:
            if self._snapshot is None:
                self._snapshot = [torch.empty_like(parameter) for parameter in self._trained]
            with torch.no_grad():
                torch._foreach_copy_(self._snapshot, list(self._trained))
        return loss

    def start_alike(self) -> None:
        """Begin with the same weights in all processes, divided as the job says."""
        check_division(self, self.job.distributed)
        if self._averages:
            self.world.same_start(self._trained)

    def begin_step(self) -> None:
        """Reset the counters of one optimizer step."""
        self.step_loss = 0.0
        self._step_tokens = self._step_supervised = 0
        self._clock = time.perf_counter()

    def guard_update(self) -> None:
        """Before the optimizer step: skip it if a gradient is not finite, and end the training."""
        gradients = [p.grad for p in self._trained if p.grad is not None]
        sound = not self.diverged and all_finite(gradients)
        if not self.world.any(not sound):
            return
        self.diverged = True
        if self._snapshot is not None:
            with torch.no_grad():
                torch._foreach_copy_(list(self._trained), self._snapshot)
        for parameter in self._trained:
            parameter.grad = None

    def finish_step(self) -> dict[str, float | None]:
        """Add the step of all processes to the progress and return its timing; agree on whether to stop."""
        # The supervisor of several processes leaves a file instead of a signal.
        asked = self.stop_requested or (self.world.size > 1 and (self.metrics.parent / STOP).exists())
        mine = (self.step_loss, self._step_tokens, self._step_supervised, asked)
        loss, tokens, supervised, stops = self.world.sums(mine)
        self.step_loss, self.stop_requested = loss / self.world.size, stops > 0
        self._step_tokens, self._step_supervised = int(tokens), int(supervised)
        wait_for_device()
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
            "mfu": flops_utilisation(*self._weights, self._step_tokens / seconds),
        }

    def write_row(self, row: Mapping[str, Any]) -> None:
        """Append one row to metrics.jsonl."""
        if not self.world.main:
            return
        shared = {"step": self.state.global_step, "epoch": round(float(self.state.epoch or 0.0), 4)}
        extra = {"memory_gib": round(peak_memory_gib(), 3), "seconds": round(self.progress.seconds, 3)}
        with self.metrics.open("a", encoding="utf-8") as handle:
            handle.write(json.dumps({**shared, **row, **extra}) + "\n")

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Measure the validation loss as trl does; StepRecorder records it."""
        self._evaluation_began = time.perf_counter()
        measured: dict[str, float] = super().evaluate(*args, **kwargs)
        return measured

    def record_evaluation(self, metrics: Mapping[str, float]) -> None:
        """Record what an evaluation measured, and keep the weights if they are the best so far and are wanted."""
        loss = self.validation_loss(metrics)
        spent = time.perf_counter() - self._evaluation_began
        self.progress = replace(self.progress, seconds=self.progress.seconds + spent)
        improved = self.history.add(self.state.global_step, loss)
        self.write_row({"eval_loss": finite_or_none(loss), **self.validation_facts(metrics)})
        if improved and self.job.load_best:
            self.save_model(str(Path(self.args.output_dir) / "best"), _internal_call=True)
            self.world.barrier()

    def validation_loss(self, metrics: Mapping[str, float]) -> float:
        """Return what an evaluation is compared by; less is better."""
        return float(metrics["eval_loss"])

    def validation_facts(self, metrics: Mapping[str, float]) -> dict[str, float | None]:
        """Return what else a row of metrics.jsonl tells about an evaluation."""
        return {}

    def load_weights(self, directory: Path) -> None:
        """Put saved weights of this run (an adapter, or a whole model) back into the model.

        Where no process holds the whole weights, the directory is remembered as what the run ends with.
        """
        if self.job.distributed.sharded:
            self.ends_with = directory
            return
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

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        super()._save(output_dir, state_dict)
        # The frozen copy of the adapter that a training goes on with, trl's reference, is made anew at each start.
        shutil.rmtree(Path(output_dir or self.args.output_dir) / REFERENCE, ignore_errors=True)

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        started = time.perf_counter()
        super()._save_checkpoint(model, trial)
        self.progress = replace(self.progress, seconds=self.progress.seconds + time.perf_counter() - started)
        checkpoint = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        self.world.barrier()
        if self.world.main:
            mark_complete(checkpoint, self.progress)
        self.world.barrier()


class StepRecorder(TrainerCallback):  # type: ignore[misc]
    """Connects the trainer's events to ObservedTrainer: the plan, rows, divergence, early stop, requested stop."""

    def __init__(self, trainer: ObservedTrainer, plan: Path, facts: Mapping[str, Any]) -> None:
        """Remember the trainer.

        Args:
            trainer: whose events these are.
            plan: started.json, written when the first step is about to begin.
            facts: what it tells besides the steps.
        """
        self.trainer, self.plan, self.facts = trainer, plan, facts

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Tell how many steps there will be."""
        steps = {"total_steps": state.max_steps, "resumed_step": self.trainer.progress.step}
        if self.trainer.world.main:
            write_json(self.plan, {**steps, **self.facts})
        self.trainer.start_alike()

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
        self.trainer.write_row({**row, **self.trainer.step_facts, **self.timing})

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: Mapping[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Record the validation loss; stop early when it no longer improves."""
        self.trainer.record_evaluation(metrics or {})
        job = self.trainer.job
        if self.trainer.history.exhausted(job.trainer.early_stopping_patience, job.early_stopping_threshold):
            control.should_training_stop = True
