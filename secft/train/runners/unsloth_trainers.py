"""The trainer of each objective for Unsloth: trl's, as Unsloth changed it."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from rewards import reward
from trl import SFTConfig, SFTTrainer


class TokenTrainer(SFTTrainer):  # type: ignore[misc]
    """trl's trainer with a validation loss per token that carries loss, whatever the rows of a batch are."""

    control: Any

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Measure the loss on the validation rows and return it as ``eval_loss``."""
        self.model.eval()
        total, count = 0.0, 0
        with torch.no_grad(), self.compute_loss_context_manager():
            for batch in self.get_eval_dataloader():
                inputs = self._prepare_inputs(batch)
                supervised = int((inputs["labels"][..., 1:] != -100).sum())
                total += float(self.model(**inputs).loss) * supervised
                count += supervised
        self.model.train()
        metrics = {"eval_loss": total / max(count, 1)}
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


def build_trainer(
    facts: dict[str, Any], model: Any, tokenizer: Any, training: dict[str, Any], rows: tuple[str, str | None]
) -> Any:
    """Return the trainer of an objective.

    Args:
        facts: content of runner.json: ``trainer`` (module, trainer and settings of trl; None is its SFTTrainer on token
            ids), ``columns`` of the rows, and whether the model's ``answers`` are what is ``counted``.
        model: with its adapters.
        tokenizer: of the model.
        training: settings of the trainer, by its own names.
        rows: files of training and validation rows.
    """
    if facts["trainer"] is None:
        settings = SFTConfig(**training, packing=False, dataset_kwargs={"skip_prepare_dataset": True})
        return _trainer(TokenTrainer, settings, model, tokenizer, rows, ("input_ids", "labels"))
    module, trainer, settings_kind = facts["trainer"]
    loaded = importlib.import_module(module)
    more = {"reward_funcs": checked} if facts["counted"] == "answers" else {}
    settings = getattr(loaded, settings_kind)(**training)
    return _trainer(getattr(loaded, trainer), settings, model, tokenizer, rows, tuple(facts["columns"]), **more)


def checked(completions: list[Any], answer: list[str], choices: list[list[str]], **_: Any) -> list[float]:
    """Reward each answer; trl calls this with the columns of the rows, one entry per answer."""
    texts = [completion[-1]["content"] for completion in completions]
    return [reward(*one) for one in zip(texts, answer, choices, strict=True)]


def count_answers(trainer: Any, add: Callable[[int], None]) -> None:
    """Tell how many tokens of a model's own answers carry loss; grpo makes them inside its step."""
    inner = trainer.compute_loss

    def counted(model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if torch.is_grad_enabled():
            add(int(inputs["completion_mask"].sum()))
        return inner(model, inputs, *args, **kwargs)

    trainer.compute_loss = counted


def _trainer(
    kind: Any,
    settings: Any,
    model: Any,
    tokenizer: Any,
    rows: tuple[str, str | None],
    columns: tuple[str, ...],
    **more: Any,
) -> Any:
    train, validation = (None if path is None else read_rows(Path(path), columns) for path in rows)
    return kind(
        model=model, args=settings, train_dataset=train, eval_dataset=validation, processing_class=tokenizer, **more
    )


def read_rows(path: Path, columns: tuple[str, ...]) -> Dataset:
    """Return some columns of a JSONL file."""
    with path.open(encoding="utf-8") as stream:
        return Dataset.from_list([{name: row[name] for name in columns} for row in map(json.loads, stream)])
