"""Runs the config.yml of a directory with LLaMA-Factory: ``<python> llama_factory_run.py <directory>``.

The same as ``llamafactory-cli train config.yml``, with secft's callbacks, a comparison of the template before anything
is loaded and the result in secft's form after the last step.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import torch
import yaml
from ranks import noted, rank
from session import RowsError, Session, compare, refuse
from transformers import TrainerCallback
from value_head import as_classifier

LIBRARIES = ("llamafactory", "bitsandbytes", "datasets")


class StepCounter(TrainerCallback):  # type: ignore[misc]
    """Remembers how many steps were planned."""

    total = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Note the plan."""
        self.total = state.max_steps


class AnswerCounter(TrainerCallback):  # type: ignore[misc]
    """Counts the tokens that carry loss where LLaMA-Factory keeps labels from its model (pairs of answers).

    A batch is made before it is used: its count waits until the model sees it.
    """

    def __init__(self, metrics: Any) -> None:
        self.metrics = metrics
        self.waiting: deque[int] = deque()

    def on_train_begin(
        self, args: Any, state: Any, control: Any, model: Any = None, train_dataloader: Any = None, **_: Any
    ) -> None:
        """Count in what makes batches, and take the count in the forward pass."""
        inner = train_dataloader.collate_fn

        def counted(features: Any) -> Any:
            batch = inner(features)
            self.waiting.append(int((batch["labels"] != -100).sum()))
            return batch

        train_dataloader.collate_fn = counted
        model.register_forward_pre_hook(self._seen, with_kwargs=True)

    def _seen(self, module: Any, args: Any, kwargs: Any) -> None:
        if module.training and torch.is_grad_enabled() and self.waiting:
            count = self.waiting.popleft()
            if kwargs.get("labels") is None:
                self.metrics.add_supervised(count)


def check_template(arguments: dict[str, Any], facts: dict[str, Any]) -> None:
    """Render real rows as LLaMA-Factory will and compare them with the tokenizer's own chat template.

    Raises:
        RowsError: they differ.
    """
    from llamafactory.data import get_template_and_fix_tokenizer
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_tokenizer

    model_args, data_args, *_ = get_train_args(dict(arguments))
    tokenizer = load_tokenizer(model_args)["tokenizer"]
    template = get_template_and_fix_tokenizer(tokenizer, data_args)
    for expected in facts["expected"]:
        messages = expected["messages"]
        system = messages[0]["content"] if messages[0]["role"] == "system" else ""
        turns = messages[1:] if messages[0]["role"] == "system" else messages
        pairs = template.encode_multiturn(tokenizer, turns, system, "")
        text = tokenizer.decode([token for source, target in pairs for token in (*source, *target)])
        compare(expected, text, None)


def save_tokenised(arguments: dict[str, Any]) -> None:
    """Turn tokenised rows into the datasets on disk that LLaMA-Factory reads; other processes wait for the first.

    The path tells the content and gets its name last, so that what is there is whole and right.
    """
    from datasets import Dataset, DatasetDict

    target, rows = Path(arguments["tokenized_path"]), Path(arguments["dataset_dir"])
    if rank() != 0:
        while not target.exists():
            time.sleep(0.2)
        return
    files = json.loads((rows / "dataset_info.json").read_text(encoding="utf-8"))
    if target.exists():
        return
    temporary = target.with_name("tokenised.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    parts = {}
    for name, entry in files.items():
        with (rows / entry["file_name"]).open(encoding="utf-8") as stream:
            parts[name] = Dataset.from_list([json.loads(line) for line in stream])
    DatasetDict(parts).save_to_disk(str(temporary))
    temporary.rename(target)


def main(argv: list[str]) -> int:
    """Train what lies in a directory."""
    directory = Path(argv[0]).absolute()
    session = Session.open(directory, "llama_factory")
    arguments = yaml.safe_load((directory / "config.yml").read_text(encoding="utf-8"))
    if arguments["stage"] == "rm":
        # The best weights would be kept without their head.
        session.metrics.keep_best = session.facts["keep_best"] = False
    if "tokenized_path" in arguments:
        save_tokenised(arguments)
    else:
        try:
            check_template(arguments, session.facts)
        except RowsError as error:
            refuse(f"backend llama_factory cannot render this model's chat template ({error}); use backend=trl")

    from llamafactory.train.tuner import run_exp

    counter = StepCounter()
    callbacks = [*session.callbacks(), counter]
    if "tokenized_path" not in arguments:
        callbacks.append(AnswerCounter(session.metrics))
    run_exp(arguments, callbacks=callbacks)
    if rank() == 0:
        if arguments["stage"] == "rm":
            as_classifier(Path(arguments["output_dir"]))
        session.finish(Path(arguments["output_dir"]), counter.total, LIBRARIES)
    return 0


if __name__ == "__main__":
    sys.exit(noted(Path(sys.argv[1]), lambda: main(sys.argv[1:])))
