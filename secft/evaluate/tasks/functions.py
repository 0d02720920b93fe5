"""What the task files call: items that were prepared before, and the result of one item.

lm-eval loads this file by its path. The prepared items lie in a directory named by the task manager's metadata.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from secft.evaluate.refusals import is_refusal
from secft.evaluate.statistics import macro_f1
from secft.files import read_jsonl

Scored = Sequence[tuple[float, bool]]


def prepared_items(*, task: str, items_dir: str, **_: Any) -> dict[str, Any]:
    """Return the prepared items of a task as lm-eval wants them: split -> dataset."""
    from datasets import Dataset

    return {"test": Dataset.from_list(list(read_jsonl(Path(items_dir) / f"{task}.jsonl")))}


def choice_result(doc: Mapping[str, Any], results: Scored) -> dict[str, Any]:
    """Pick the choice with the largest summed log-likelihood."""
    sums = [loglikelihood for loglikelihood, _ in results]
    # A model whose training diverged answers with NaN: that is no answer, and never a right one.
    predicted = sums.index(max(sums)) if all(map(math.isfinite, sums)) else -1
    return {"accuracy": float(predicted == doc["answer"]), "macro_f1": (doc["answer"], predicted)}


def answer_result(doc: Mapping[str, Any], results: Scored) -> dict[str, Any]:
    """Return the negative log-likelihood of the held-out answer and its number of tokens."""
    return {"perplexity": (-results[0][0], doc["tokens"][0])}


def refusal_result(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """Tell whether an answer refuses."""
    return {"refusal_rate": float(is_refusal(results[0]))}


def over_refusal_result(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """Tell whether there is an answer, and it does not refuse."""
    return {"answer_rate": float(bool(results[0].strip()) and not is_refusal(results[0]))}


def macro_f1_of(pairs: Iterable[tuple[int, int]]) -> float:
    """Aggregate (gold, predicted) pairs."""
    gold, predicted = zip(*pairs, strict=True)
    return float(macro_f1(gold, predicted, max((*gold, *predicted)) + 1)[0])


def perplexity_of(pairs: Iterable[tuple[float, int]]) -> float:
    """Aggregate (negative log-likelihood, tokens) pairs."""
    losses, tokens = zip(*pairs, strict=True)
    return math.exp(sum(losses) / sum(tokens))
