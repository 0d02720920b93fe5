"""What a training tells while it runs and when it ends, the same for all backends.

``started.json`` says how many steps there will be, ``metrics.jsonl`` gets a row for every logged step and for every
evaluation, ``complete.json`` is written last into every checkpoint, ``result.json`` into the finished run.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from facts import (
    MARKER,
    CheckpointProgress,
    checkpoint_marker,
    finite_or_none,
    library_versions,
    peak_memory_gib,
    wait_for_device,
)
from ranks import summed
from transformers import TrainerCallback
from utilisation import count_weights, flops_utilisation

OWN_COLUMNS = ("reward", "kl")
"""What only some objectives tell in a row: the mean reward of a step's answers, and the distance to the reference."""


def write_json(path: Path, value: Any) -> None:
    """Write JSON beside its place and rename it into it."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    temporary.replace(path)


def count_tokens(inputs: Any) -> tuple[int, int]:
    """Count the tokens of a batch.

    Args:
        inputs: what a model or a training step is given; ``input_ids`` of shape (rows, tokens), and where there are
            such, ``attention_mask``, ``labels`` and ``completion_mask`` of the same shape.

    Returns:
        Tokens without padding, and tokens that carry loss.
    """
    ids = inputs.get("input_ids")
    if ids is None:
        return _count_sides(inputs)
    mask, labels, completion = inputs.get("attention_mask"), inputs.get("labels"), inputs.get("completion_mask")
    tokens = _real_tokens(ids, mask)
    if labels is not None:
        return tokens, int((labels != -100).sum())
    return tokens, int(completion.sum()) if completion is not None else 0


def _count_sides(inputs: Any) -> tuple[int, int]:
    """Count pairs whose better and worse answers are kept apart, as orpo and simpo of trl keep them."""
    tokens = supervised = 0
    for side in ("chosen_", "rejected_"):
        part = {key.removeprefix(side): value for key, value in inputs.items() if key.startswith(side)}
        if "input_ids" in part:
            counted = count_tokens(part)
            tokens, supervised = tokens + counted[0], supervised + counted[1]
    return tokens, supervised


def _real_tokens(ids: torch.Tensor, mask: torch.Tensor | None) -> int:
    """Count the tokens that are no padding; of a four-dimensional mask its diagonal tells which see themselves."""
    if mask is not None and mask.shape == ids.shape:
        return int((mask != 0).sum())
    if mask is not None and mask.dim() == 4 and mask.shape[-2:] == (ids.shape[-1], ids.shape[-1]):
        itself = mask[:, 0].diagonal(dim1=-2, dim2=-1)
        return int((itself if itself.dtype == torch.bool else itself == 0).sum())
    return ids.numel()


@dataclass
class _Clock:
    """Counts of the optimizer steps since the last logged row."""

    tokens: int = 0
    supervised: int = 0
    seconds: float = 0.0


class MetricsCallback(TrainerCallback):  # type: ignore[misc]
    """Writes started.json, metrics.jsonl and the markers of checkpoints; stops early; keeps the best weights.

    Tokens are counted in the forward passes that have gradients. Trainers that give their model no labels (pairs of
    answers) are counted at ``training_step`` instead, after ``watch(trainer)``.

    Attributes:
        progress: what was done so far, earlier attempts included.
        evaluations: (step, loss) in order.
    """

    def __init__(
        self,
        directory: Path,
        *,
        engine: str,
        job_digest: str = "",
        progress: CheckpointProgress | None = None,
        patience: int = 0,
        threshold: float = 0.0,
        keep_best: bool = False,
    ) -> None:
        """Prepare to record.

        Args:
            directory: the run's directory.
            engine: what trains, for result.json.
            job_digest: identifies the job in the markers of checkpoints.
            progress: of the checkpoint that the run goes on from.
            patience: evaluations without improvement before stopping; 0 never stops.
            threshold: improvement in loss that counts.
            keep_best: save the weights of the best evaluation into ``<directory>/best``.
        """
        self.directory, self.engine = directory, engine
        self.progress = progress or CheckpointProgress(job_digest)
        self.patience, self.threshold, self.keep_best = patience, threshold, keep_best
        self.evaluations = _earlier_evaluations(directory / "metrics.jsonl")
        self.trainable = 0
        self.stopped_early = False
        self.final_step = 0
        self.epoch = 0.0
        self._step, self._logged = _Clock(), _Clock()
        self._last = time.perf_counter()
        self._step_began = self._last
        self._weights = (0, 0)
        self._watching = False
        self._answers_counted = False

    def watch(self, trainer: Any) -> None:
        """Count tokens in what the trainer's steps are given instead of what its model is given."""
        inner = trainer.training_step

        def counted(model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            self._count(inputs)
            return inner(model, inputs, *args, **kwargs)

        trainer.training_step = counted
        self._watching = True

    def _count(self, inputs: Any) -> None:
        tokens, supervised = count_tokens(inputs)
        self._step.tokens += tokens
        self._step.supervised += supervised

    def add_supervised(self, tokens: int) -> None:
        """Count tokens that carry loss; from the first call on, forward passes are not asked for them."""
        self._step.supervised += tokens
        self._answers_counted = True

    def _hook(self, module: Any, args: Any, kwargs: Any) -> None:
        if module.training and torch.is_grad_enabled():
            # A trainer of a model's own answers may give it labels only to have their probabilities.
            self._count(
                {name: value for name, value in kwargs.items() if not (self._answers_counted and name == "labels")}
            )

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Say how many steps there will be."""
        if model is not None:
            self.trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
            self._weights = count_weights(model)
            if not self._watching:
                model.register_forward_pre_hook(self._hook, with_kwargs=True)
        if state.is_world_process_zero:
            plan = {"total_steps": state.max_steps, "resumed_step": state.global_step, "engine": self.engine}
            write_json(self.directory / "started.json", plan)
        self._last = self._step_began = time.perf_counter()

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start the clock of a step."""
        self._step_began = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Add a step to the progress."""
        wait_for_device()
        seconds = time.perf_counter() - self._step_began
        counts, self._step = self._step, _Clock()
        step = _Clock(*summed(counts.tokens, counts.supervised))
        self._logged.tokens += step.tokens
        self._logged.supervised += step.supervised
        self._logged.seconds += seconds
        self.progress = replace(
            self.progress,
            step=state.global_step,
            tokens=self.progress.tokens + step.tokens,
            supervised_tokens=self.progress.supervised_tokens + step.supervised,
            step_seconds=self.progress.step_seconds + seconds,
            seconds=self._elapsed(),
        )

    def _elapsed(self) -> float:
        now = time.perf_counter()
        elapsed, self._last = now - self._last, now
        before: float = self.progress.seconds
        return before + elapsed

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Write a row for the training steps since the last one."""
        if not logs or "loss" not in logs:
            return
        clock, self._logged = self._logged, _Clock()
        seconds = max(clock.seconds, 1e-9)
        row = {
            "loss": finite_or_none(logs["loss"]),
            "learning_rate": logs.get("learning_rate"),
            "grad_norm": finite_or_none(logs.get("grad_norm")),
            "tokens_per_second": round(clock.tokens / seconds, 1),
            "supervised_tokens_per_second": round(clock.supervised / seconds, 1),
            "mfu": flops_utilisation(*self._weights, clock.tokens / seconds),
            **{name: finite_or_none(logs[name]) for name in OWN_COLUMNS if name in logs},
        }
        self._write_row(state, row)

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: Any = None, model: Any = None, **_: Any
    ) -> None:
        """Write a row for an evaluation; keep the best weights; stop when nothing improves."""
        if (
            not metrics
            or "eval_loss" not in metrics
            or (self.evaluations and self.evaluations[-1][0] == state.global_step)
        ):
            return
        row = {"eval_loss": finite_or_none(metrics["eval_loss"])}
        if "eval_reward" in metrics:
            # The loss of a policy gradient says nothing about answers; what they earn does.
            reward = finite_or_none(metrics["eval_reward"])
            row = {"eval_loss": None if reward is None else 0.0 - reward, "eval_reward": reward}
        loss = row["eval_loss"]
        self._write_row(state, row)
        best = self.best()
        value = math.inf if loss is None else loss
        self.evaluations.append((state.global_step, value))
        if self.keep_best and model is not None and (best is None or value < best[1]) and state.is_world_process_zero:
            model.save_pretrained(str(self.directory / "best"))
        if self._exhausted():
            self.stopped_early = control.should_training_stop = True

    def best(self) -> tuple[int, float] | None:
        """Return step and loss of the best evaluation, the earliest of equals."""
        return min(self.evaluations, key=lambda entry: entry[1]) if self.evaluations else None

    def _exhausted(self) -> bool:
        reference, waited = math.inf, 0
        for _, loss in self.evaluations:
            if loss < reference - self.threshold:
                reference, waited = loss, 0
            else:
                waited += 1
        return 0 < self.patience <= waited

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Declare a checkpoint complete, after its files have reached the disk."""
        if not state.is_world_process_zero:
            return
        self.progress = replace(self.progress, seconds=self._elapsed())
        checkpoint = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        if not checkpoint.is_dir():
            return
        write_json(checkpoint / MARKER, checkpoint_marker(checkpoint, self.progress))

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Remember how far the run came."""
        self.final_step, self.epoch = state.global_step, float(state.epoch or 0.0)
        self.progress = replace(self.progress, seconds=self._elapsed())

    def _write_row(self, state: Any, row: dict[str, Any]) -> None:
        if not state.is_world_process_zero:
            return
        shared = {"step": state.global_step, "epoch": round(float(state.epoch or 0.0), 4)}
        self.progress = replace(self.progress, seconds=self._elapsed())
        more = {"memory_gib": round(peak_memory_gib(), 3), "seconds": round(self.progress.seconds, 3)}
        with (self.directory / "metrics.jsonl").open("a", encoding="utf-8") as handle:
            handle.write(json.dumps({**shared, **row, **more}) + "\n")


def _rows(metrics: Path) -> list[dict[str, Any]]:
    if not metrics.is_file():
        return []
    return [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]


def _earlier_evaluations(metrics: Path) -> list[tuple[int, float]]:
    return [
        (row["step"], math.inf if row["eval_loss"] is None else row["eval_loss"])
        for row in _rows(metrics)
        if "eval_loss" in row
    ]


def final_train_loss(metrics: Path) -> float:
    """Return the mean loss of the last tenth of the recorded steps; not a number if there is none."""
    losses = [row["loss"] for row in _rows(metrics) if row.get("loss") is not None]
    tail = losses[-max(len(losses) // 10, 1) :]
    return sum(tail) / len(tail) if tail else math.nan


def write_result(  # noqa: PLR0913  # facts of one record, all by name
    directory: Path,
    metrics: MetricsCallback,
    *,
    total_steps: int,
    diverged: bool = False,
    examples: int = 0,
    dropped: int = 0,
    truncated: int = 0,
    precision: str = "fp32",
    final_from_best: bool = False,
    libraries: tuple[str, ...] = (),
) -> None:
    """Write result.json for the run whose weights are in ``<directory>/adapter``.

    Args:
        directory: the run's directory.
        metrics: what was recorded.
        total_steps: optimizer steps that were planned.
        diverged: numbers were no longer finite.
        examples: training examples used.
        dropped: examples left out because they were too long.
        truncated: examples cut.
        precision: bf16 or fp32.
        final_from_best: the weights are those of the best evaluation, not of the last step.
        libraries: packages whose versions are recorded beside torch, transformers and peft.
    """
    progress, best = metrics.progress, metrics.best()
    completed = metrics.final_step >= total_steps
    last = metrics.evaluations[-1][1] if metrics.evaluations else None
    values = {
        "adapter_dir": "adapter",
        "status": "diverged" if diverged else "completed" if completed else "early_stopped",
        "steps": metrics.final_step,
        "epochs": metrics.epoch,
        "examples": examples,
        "dropped": dropped,
        "truncated": truncated,
        "tokens": progress.tokens,
        "supervised_tokens": progress.supervised_tokens,
        "seconds": progress.seconds,
        "train_loss": finite_or_none(final_train_loss(directory / "metrics.jsonl")),
        "best_validation_loss": None if best is None else finite_or_none(best[1]),
        "final_validation_loss": finite_or_none(best[1] if final_from_best and best else last),
        "tokens_per_second": progress.tokens / max(progress.step_seconds, 1e-9),
        "peak_memory_gib": peak_memory_gib(),
        "precision": precision,
        "engine": metrics.engine,
        "trainable_parameters": metrics.trainable,
        "versions": library_versions(("torch", "transformers", "peft", "accelerate", "trl", *libraries)),
        "job_digest": progress.job_digest,
    }
    write_json(directory / "result.json", values)
