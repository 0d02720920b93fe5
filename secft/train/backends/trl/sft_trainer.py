"""trl's SFTTrainer, fed with flat batches and secft's own loss."""

from __future__ import annotations

import time
from typing import Any

import torch
from trl import SFTTrainer

from secft.train.backends.trl.observed import ObservedTrainer
from secft.train.distributed.division import blank_row, divided_loader
from secft.train.forward import LossFunction
from secft.train.forward.generic import whole_batch_loss
from secft.train.rows import Row, batches, collate


class FlatBatchTrainer(ObservedTrainer, SFTTrainer):  # type: ignore[misc]
    """Trains on flat batches through a LossFunction."""

    def __init__(self, *, forward: LossFunction, validation: list[Row], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.forward_loss = forward
        self.validation = validation

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Return the loss per supervised token of the whole global batch (scalar)."""
        supervised = int((inputs["labels"] != -100).sum())
        total = self._total_loss(model, inputs, supervised)
        items = max(int(num_items_in_batch) if num_items_in_batch is not None else supervised, 1)
        # Gradients become the mean over all processes; the loss is the sum of their parts.
        loss = total * self.world.size / items
        self.step_loss += float(loss.detach())
        self.count_tokens(inputs["input_ids"].numel() if supervised else 0, supervised)
        return loss

    def _total_loss(self, model: torch.nn.Module, inputs: dict[str, torch.Tensor], supervised: int) -> torch.Tensor:
        if self.job.distributed.sharded:
            # The wrapped model brings the weights together, and all processes must call it equally often.
            return whole_batch_loss(model, inputs)
        if not supervised:
            # A blank row: nothing to learn, but the others wait for this process's gradients.
            return torch.stack([parameter.sum() for parameter in self._trained]).sum() * 0.0
        return self.forward_loss(inputs)

    def get_train_dataloader(self) -> Any:
        """Divide the rows among several processes so that every global batch is that of one process."""
        if self.world.size == 1:
            return super().get_train_dataloader()
        return divided_loader(self, list(self.train_dataset), self.args.train_batch_size, self.world.size)

    def add_loss(self, loss: torch.Tensor) -> None:
        """Add nothing: compute_loss has counted the loss as it is, not as it was scaled for accumulation."""

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Measure the validation loss per supervised token and return it as ``eval_loss``."""
        self._evaluation_began = time.perf_counter()
        self.model.eval()
        total, count = 0.0, 0
        with torch.no_grad(), self.compute_loss_context_manager():
            every = list(batches(self.validation, self.args.per_device_eval_batch_size))
            for batch in self.world.share(every, collate([blank_row()])):
                prepared, supervised = self._prepare_inputs(batch), int((batch["labels"] != -100).sum())
                total += float(self._total_loss(self.model_wrapped, prepared, supervised))
                count += supervised
        self.model.train()
        total, of_all = self.world.sums([total, count])
        metrics = {"eval_loss": total / max(of_all, 1)}
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Keep the log history of the trainer's state; rows of metrics.jsonl are written by StepRecorder."""
        self._metrics["train"].clear()
        super().log(logs, start_time)
