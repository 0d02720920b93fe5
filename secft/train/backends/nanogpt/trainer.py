"""The training loop of the embedded trainer."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from secft.train.backends.nanogpt.batches import batch, open_tokens, windows
from secft.train.backends.nanogpt.hardware import ComputeDevice, choose, compute_precision
from secft.train.backends.nanogpt.job import PretrainJob
from secft.train.backends.nanogpt.meta import read_meta
from secft.train.backends.nanogpt.model import GPT, GPTShape
from secft.train.backends.nanogpt.schedule import learning_rate
from secft.train.backends.nanogpt.state import load_state, save_state
from secft.train.backends.nanogpt.vocabulary import NANOGPT_DEFAULT
from secft.train.backends.nanogpt.weights import save_weights
from secft.train.checkpoints import CheckpointProgress, keep_rows_until
from secft.train.runners.facts import peak_memory_gib
from secft.train.runners.utilisation import count_weights, flops_utilisation
from secft.train.stopping import EvaluationHistory

TRAIN, EVAL_TRAIN, EVAL_VAL = 0, 1, 2
MOST_WHOLE = 2**22
"""Tokens of val.bin that the last measurement reads."""


def vocabulary_size(job: PretrainJob) -> int:
    """Return the number of tokens: of the job, of meta.pkl, or nanoGPT's default."""
    meta = Path(job.data_dir) / "meta.pkl"
    if job.vocab_size:
        return job.vocab_size
    return int(read_meta(meta)["vocab_size"]) if meta.is_file() else NANOGPT_DEFAULT


class Trainer:
    """Trains a GPT on two files of tokens; every step is a function of the job and of the state before it."""

    def __init__(self, job: PretrainJob, directory: Path, job_digest: str) -> None:
        self.job, self.directory = job, directory
        self.metrics, self.checkpoints = directory / "metrics.jsonl", directory / "checkpoints"
        vocab_size = vocabulary_size(job)
        data = Path(job.data_dir)
        self.train, self.val = (open_tokens(data / f"{part}.bin", vocab_size) for part in ("train", "val"))
        shape = GPTShape(
            vocab_size, job.block_size, job.n_layer, job.n_head, job.n_embd, job.dropout, job.bias, job.experiments
        )
        self.hardware: ComputeDevice = choose(job)
        self.model = GPT(shape, seed=job.seed).to(self.hardware.device)
        self._weights = count_weights(self.model)
        self.optimizer = self._optimizer()
        torch.manual_seed(job.seed)
        resumed = load_state(self.model, self.optimizer, self.checkpoints, job_digest)
        self.progress = resumed or CheckpointProgress(job_digest)
        keep_rows_until(self.metrics, self.progress.step if resumed else -1)
        self.history = EvaluationHistory.from_metrics(self.metrics)
        self.loss_of = torch.compile(self.model.loss) if self.hardware.compiled else self.model.loss
        self.stop_requested = False
        self.diverged = False
        self._since, self._since_step = time.perf_counter(), self.progress.step

    def _optimizer(self) -> torch.optim.AdamW:
        pairs = list(self.model.decayed())
        groups = [
            {"params": [p for p, decays in pairs if decays], "weight_decay": self.job.weight_decay},
            {"params": [p for p, decays in pairs if not decays], "weight_decay": 0.0},
        ]
        betas = (self.job.beta1, self.job.beta2)
        return torch.optim.AdamW(groups, lr=self.job.learning_rate, betas=betas, fused=True)

    @property
    def epoch(self) -> float:
        """Passes over train.bin, counted in tokens."""
        return self.progress.tokens / len(self.train)

    def run(self) -> bool:
        """Train to the end; return False if a signal stopped the run after a checkpoint."""
        self.model.train()
        while self.progress.step < self.job.max_iters and not self.diverged:
            interval = self.job.eval_interval
            if interval and self.progress.step % interval == 0 and not self._is_evaluated():
                self._evaluate_and_save()
            if self.stop_requested:
                self.save()
                return False
            self._step()
        if not self.diverged and not self._is_evaluated():
            self._evaluate_and_save()
        return True

    def _is_evaluated(self) -> bool:
        return bool(self.history.losses) and self.history.losses[-1][0] >= self.progress.step

    def _evaluate_and_save(self) -> None:
        self.evaluate()
        if self.progress.step:
            self.save()

    def save(self) -> None:
        """Write a checkpoint."""
        started = time.perf_counter()
        save_state(self.model, self.optimizer, self.progress, self.checkpoints)
        self._pause(started)

    def _pause(self, started: float) -> None:
        """Count time as part of the run but not of its steps."""
        passed = time.perf_counter() - started
        self.progress = replace(self.progress, seconds=self.progress.seconds + passed)
        self._since += passed

    def _batch(self, kind: int, *numbers: int) -> tuple[Tensor, Tensor]:
        tokens = self.val if kind == EVAL_VAL else self.train
        inputs, targets = batch(tokens, (self.job.seed, kind, *numbers), self.job.batch_size, self.job.block_size)
        return inputs.to(self.hardware.device), targets.to(self.hardware.device)

    def _step(self) -> None:
        step, parts = self.progress.step, self.job.gradient_accumulation_steps
        rate = learning_rate(self.job, step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        total = 0.0
        for part in range(parts):
            inputs, targets = self._batch(TRAIN, step, part)
            with compute_precision(self.hardware):
                loss = self.loss_of(inputs, targets)
            (loss / parts).backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach()) / parts
        norm = self._clip()
        if math.isfinite(total) and math.isfinite(norm):
            self.optimizer.step()
            self._count(total, rate, norm)
        else:
            # The weights of the last good step stay.
            self.diverged = True
            self._row({"loss": None, "learning_rate": rate, "grad_norm": None})
        self.optimizer.zero_grad(set_to_none=True)

    def _clip(self) -> float:
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        norm = float(torch.nn.utils.get_total_norm(gradients))
        if self.job.grad_clip and norm > self.job.grad_clip:
            torch._foreach_mul_(gradients, self.job.grad_clip / (norm + 1e-6))
        return norm

    def _count(self, loss: float, rate: float, norm: float) -> None:
        progress, tokens = self.progress, self.job.tokens_per_step
        step = progress.step + 1
        self.progress = replace(
            progress,
            step=step,
            tokens=progress.tokens + tokens,
            supervised_tokens=progress.supervised_tokens + tokens,
        )
        if step % self.job.log_interval and step != self.job.max_iters:
            return
        now = time.perf_counter()
        passed, done = max(now - self._since, 1e-9), step - self._since_step
        self._since, self._since_step = now, step
        self.progress = replace(
            self.progress, seconds=progress.seconds + passed, step_seconds=progress.step_seconds + passed
        )
        speed = round(done * tokens / passed, 1)
        timing = {
            "tokens_per_second": speed,
            "supervised_tokens_per_second": speed,
            "mfu": flops_utilisation(*self._weights, speed),
        }
        self._row({"loss": loss, "learning_rate": rate, "grad_norm": norm, **timing})

    def _row(self, row: Mapping[str, Any]) -> None:
        shared = {"step": self.progress.step, "epoch": round(self.epoch, 4)}
        extra = {"memory_gib": round(peak_memory_gib(), 3), "seconds": round(self.progress.seconds, 3)}
        with self.metrics.open("a", encoding="utf-8") as handle:
            handle.write(json.dumps({**shared, **row, **extra}) + "\n")

    @torch.no_grad()
    def evaluate(self) -> None:
        """Estimate both losses on eval_iters batches, the same ones each time, and record them."""
        started = time.perf_counter()
        self.model.eval()
        means = []
        for kind in (EVAL_TRAIN, EVAL_VAL):
            total = 0.0
            for number in range(self.job.eval_iters):
                with compute_precision(self.hardware):
                    total += float(self.loss_of(*self._batch(kind, number)))
            means.append(total / self.job.eval_iters)
        self.model.train()
        self._pause(started)
        train, val = (value if math.isfinite(value) else None for value in means)
        self._row({"eval_loss": val, "eval_train_loss": train})
        best = self.history.add(self.progress.step, math.inf if val is None else val)
        if best and self.job.keep_best:
            save_weights(self.model, self.directory / "best")

    def whole_validation_loss(self) -> float:
        """Return the loss per token over val.bin from end to end, in contexts that do not overlap."""
        return whole_loss(self.model, self.val, self.job)


@torch.no_grad()
def whole_loss(model: GPT, tokens: Any, job: PretrainJob) -> float:
    """Return the loss in nats per token over a file of tokens, in 32-bit numbers.

    Args:
        model: the model.
        tokens: the file, shape (tokens,); up to MOST_WHOLE of them are read.
        job: batch and block size.
    """
    was_training = model.training
    model.eval()
    device = model.transformer.wte.weight.device
    total, count = 0.0, 0
    for inputs, targets in windows(tokens, job.batch_size, job.block_size, MOST_WHOLE):
        total += float(model.loss(inputs.to(device), targets.to(device))) * targets.numel()
        count += targets.numel()
    model.train(was_training)
    return total / max(count, 1)
