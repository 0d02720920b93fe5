"""Run lm-eval on one state of a live model and keep the answer to every item."""

from __future__ import annotations

import contextlib
import io
import logging
import math
import os
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from secft.evaluate.refusals import is_refusal
from secft.files import write_jsonl

TASKS = Path(str(files("secft.evaluate") / "tasks"))

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


def measure(lm: Any, task: str, items_dir: Path) -> list[dict[str, Any]]:
    """Ask a model all items of one task.

    Args:
        lm: a ChatModel.
        task: name of the task.
        items_dir: where write_prepared wrote.

    Returns:
        One answer per item with its ``id``, in the order of the items. Choice: ``prediction``,
        ``prediction_normalised`` (log-likelihood per token), ``correct``, ``loglikelihoods``. Held-out answer:
        ``nll``. Behaviour: ``text``, ``refused``, ``correct``.
    """
    from lm_eval.evaluator import evaluate as lm_evaluate
    from lm_eval.tasks import TaskManager

    # lm-eval draws a bar for building requests, which is done in milliseconds here.
    with contextlib.redirect_stderr(io.StringIO()):
        manager = TaskManager(include_path=TASKS, include_defaults=False, metadata={"items_dir": str(items_dir)})
        outcome = lm_evaluate(lm=lm, task_dict=manager.load([task]), bootstrap_iters=0, log_samples=True)
    return [_answer(sample) for sample in outcome["samples"][task]]


def _answer(sample: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a sample of lm-eval into the answer that is kept."""
    doc, answers = sample["doc"], sample["filtered_resps"]
    if "perplexity" in sample:
        return {"id": doc["id"], "nll": _finite(sample["perplexity"][0])}
    if "accuracy" in sample:
        sums = [_finite(loglikelihood) for loglikelihood, _ in answers]
        predicted = _best(sums, [1] * len(sums))
        return {
            "id": doc["id"],
            "prediction": predicted,
            "prediction_normalised": _best(sums, doc["tokens"]),
            "correct": bool(sample["accuracy"]),
            "loglikelihoods": sums,
        }
    correct = sample["refusal_rate"] if "refusal_rate" in sample else sample["answer_rate"]
    return {"id": doc["id"], "text": answers[0], "refused": is_refusal(answers[0]), "correct": bool(correct)}


def _finite(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def _best(sums: Sequence[float | None], lengths: Sequence[int]) -> int:
    """Return the choice with the largest log-likelihood per length, or -1 where one is missing."""
    scores = [value / length for value, length in zip(sums, lengths, strict=True) if value is not None]
    return scores.index(max(scores)) if len(scores) == len(sums) else -1
