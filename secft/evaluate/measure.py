"""Run lm-eval on one state of a live model and keep the answer to every item."""

from __future__ import annotations

import contextlib
import io
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from secft.evaluate.task import Task
from secft.files import read_jsonl, write_jsonl

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",
}


def go_offline() -> None:
    """Keep the libraries from the network and from chatter; call before they are imported."""
    for name, value in OFFLINE.items():
        os.environ.setdefault(name, value)
    for name in ("lm_eval", "datasets", "httpx", "bitsandbytes"):
        logging.getLogger(name).setLevel(logging.ERROR)


def write_prepared(prepared: Mapping[str, Sequence[dict[str, Any]]], directory: Path) -> None:
    """Write the prepared items where the task files look for them."""
    for task, rows in prepared.items():
        write_jsonl(directory / f"{task}.jsonl", rows)


def measure(lm: Any, task: Task, items_dir: Path) -> list[dict[str, Any]]:
    """Ask a model all items of one task.

    Args:
        lm: an LmEvalModel.
        task: what is asked.
        items_dir: where write_prepared wrote.

    Returns:
        One answer per item with its ``id``, in the order of the items; what it holds is told by the task's request.
    """
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.evaluator import evaluate as lm_evaluate
    from lm_eval.tasks import TaskManager

    settings = {
        "task": task.name,
        "custom_dataset": prepared_items,
        "dataset_kwargs": {"task": task.name, "items_dir": str(items_dir)},
        "test_split": "test",
        "doc_to_text": "context",
        "target_delimiter": "",
        # Metrics are computed from the samples of both models together (metrics.py), not by lm-eval.
        "process_results": lambda doc, results: {"answered": 1.0},
        "metric_list": [{"metric": "answered", "aggregation": "mean", "higher_is_better": True}],
        "metadata": {"version": 1.0},
        **task.request.settings(),
    }
    # lm-eval draws a bar for building requests, which is done in milliseconds here.
    with contextlib.redirect_stderr(io.StringIO()):
        loaded = TaskManager(include_defaults=False).load([ConfigurableTask(config=settings)])
        outcome = lm_evaluate(lm=lm, task_dict=loaded, bootstrap_iters=0, log_samples=True)
    return [{"id": sample["doc"]["id"], **task.request.read(sample)} for sample in outcome["samples"][task.name]]


def prepared_items(*, task: str, items_dir: str, **_: Any) -> dict[str, Any]:
    """Return the prepared items of a task as lm-eval wants them: split -> dataset."""
    from datasets import Dataset

    return {"test": Dataset.from_list(list(read_jsonl(Path(items_dir) / f"{task}.jsonl")))}
