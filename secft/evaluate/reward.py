"""A model that scores answers, measured by held-out pairs: how often the better answer scores higher, against chance.

A base model has no score, so what the candidate is compared with is a coin: right in half of all pairs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from secft.chat.local.prompts import continuation, encode_pair, render
from secft.documents.document import as_json
from secft.documents.results import RESULTS, EvaluationResults
from secft.errors import InputError
from secft.evaluate.baseline import model_digest
from secft.evaluate.items import read_test_split
from secft.evaluate.measure import go_offline
from secft.evaluate.metrics import Bootstrap
from secft.evaluate.prompts import rows_digest
from secft.evaluate.settings import EvalConfig
from secft.evaluate.tasks.preference import TASK
from secft.files import read_jsonl, write_json, write_jsonl
from secft.models.loading import (
    InferenceHardware,
    attach,
    find_hardware,
    is_adapter,
    load_model,
    load_tokenizer,
)
from secft.models.turns import ensure_padding
from secft.progress import Meter, meter
from secft.records import message_text


def evaluate_reward(
    base_dir: Path,
    candidate_dir: Path,
    dataset_dir: Path,
    pairs_file: Path,
    settings: EvalConfig,
    seed: int,
    out: Path,
) -> dict[str, Any]:
    """Score both answers of held-out pairs and write results.json, eval/preference.jsonl and an empty samples.jsonl.

    Args:
        base_dir: the base model, with its tokenizer.
        candidate_dir: an adapter with a head of one number, or a whole model with one.
        dataset_dir: the frozen dataset, for what each held-out pair is about.
        pairs_file: rows with ``id``, ``prompt``, ``chosen``, ``rejected``, made of the test split.
        settings: intervals, batch size, number of items.
        seed: of the sample and of the resamples.
        out: directory that receives the files.

    Returns:
        ``headline`` for people.

    Raises:
        InputError: a model or the dataset cannot be used, or there is no pair.
    """
    go_offline()
    hardware, tokenizer = find_hardware(), load_tokenizer(base_dir)
    pairs = sample_pairs(pairs_file, dataset_dir, settings.limits.get(TASK.name, TASK.most), seed)
    prompts = [tokenised(tokenizer, pair) for pair in pairs]
    flat = [ids for both in prompts for ids in both]
    model = load_scorer(base_dir, candidate_dir, hardware, tokenizer)
    with meter("evaluate", sum(map(len, flat)), "tokens") as show:
        show.begin(f"candidate, {TASK.name}")
        numbers = scores(model, flat, settings.batch_size, show)
    rows = [
        _row(pair, numbers[2 * index], numbers[2 * index + 1], len(prompts[index][0]))
        for index, pair in enumerate(pairs)
    ]
    write_jsonl(out / "eval" / f"{TASK.name}.jsonl", rows)
    result = TASK.compare(rows, Bootstrap(settings.confidence, settings.resamples, seed), rows_digest(pairs))
    results = EvaluationResults(
        tasks={TASK.name: result},
        confidence=settings.confidence,
        seed=seed,
        resamples=settings.resamples,
        precision=hardware.precision,
        device=hardware.device,
        base_digest=model_digest(base_dir),
    )
    write_json(out / RESULTS, as_json(results))
    write_jsonl(out / "samples.jsonl", [])
    right = result.metrics[result.primary].candidate
    headline = f"the better answer scores higher in {right.value:.2f} of {len(rows)} held-out pairs"
    return {"headline": f"{headline} [{right.low:.2f}, {right.high:.2f}]", "seconds": {}, "base_reused": []}


def sample_pairs(pairs_file: Path, dataset_dir: Path, most: int | None, seed: int) -> list[dict[str, Any]]:
    """Draw held-out pairs by seed, and say what each is about.

    Raises:
        InputError: there is none.
    """
    about = {row["id"]: row for row in read_test_split(dataset_dir)}
    pairs = {pair["id"]: pair for pair in read_jsonl(pairs_file)}
    if not pairs:
        raise InputError(f"{pairs_file}: no held-out pair to measure with")
    ranked = sorted(pairs, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).hexdigest())[:most]
    return [{**pairs[name], **_facts(about.get(name.split("#")[0], {}), name)} for name in ranked]


def _facts(row: Mapping[str, Any], identifier: str) -> dict[str, str]:
    return {
        "task": str(row.get("task", "")),
        "entity": str(row.get("entity", identifier)),
        "family": str(row.get("family", identifier)),
    }


def tokenised(tokenizer: Any, pair: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """Return the ids of the question with its better and with its worse answer, each up to the end of its turn."""
    tools = pair.get("tools") or ()
    context = render(tokenizer, pair["prompt"], tools, generation_prompt=True)
    both = []
    for side in ("chosen", "rejected"):
        answer = continuation(tokenizer, pair["prompt"], context, pair[side][-1], tools)
        before, after = encode_pair(tokenizer, context, answer)
        both.append([*before, *after])
    return both[0], both[1]


def load_scorer(base_dir: Path, candidate_dir: Path, hardware: InferenceHardware, tokenizer: Any) -> Any:
    """Load a model with a head of one number.

    Raises:
        InputError: the candidate is neither an adapter nor a model, or has no such head.
    """
    from transformers import AutoModelForSequenceClassification
    from transformers.utils import logging

    logging.set_verbosity_error()
    whole = not is_adapter(candidate_dir)
    model = load_model(candidate_dir if whole else base_dir, hardware, AutoModelForSequenceClassification, num_labels=1)
    if not whole:
        _refuse_headless(candidate_dir)
        model = attach(model, candidate_dir)
    model.config.pad_token_id = ensure_padding(tokenizer).pad_token_id  # as in training
    return model


def _refuse_headless(adapter_dir: Path) -> None:
    """Refuse an adapter without a head: the head beside it would be drawn at random, and its scores mean nothing."""
    from safetensors import safe_open

    with safe_open(str(adapter_dir / "adapter_model.safetensors"), "pt") as weights:
        if not any("score" in name for name in weights.keys()):  # noqa: SIM118  # not a mapping
            raise InputError(f"{adapter_dir}: the adapter has no head that scores answers; it was not trained as one.")


def scores(model: Any, prompts: Sequence[list[int]], batch_size: int, show: Meter) -> list[float]:
    """Score conversations, longest first, padded on the right."""
    import torch

    order = sorted(range(len(prompts)), key=lambda index: (-len(prompts[index]), index))
    found = [0.0] * len(prompts)
    pad = model.config.pad_token_id
    for numbers in _batches(order, batch_size):
        width = max(len(prompts[k]) for k in numbers)
        ids = torch.tensor([prompts[k] + [pad] * (width - len(prompts[k])) for k in numbers], device=model.device)
        mask = torch.tensor([[1] * len(prompts[k]) + [0] * (width - len(prompts[k])) for k in numbers])
        with torch.inference_mode():
            logits = model(input_ids=ids, attention_mask=mask.to(model.device), use_cache=False).logits
        for k, number in zip(numbers, logits.float().squeeze(-1).tolist(), strict=True):
            found[k] = number
        show.advance(sum(len(prompts[k]) for k in numbers))
    return found


def _batches(order: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _row(pair: Mapping[str, Any], better: float, worse: float, tokens: int) -> dict[str, Any]:
    """Return one line of ``eval/preference.jsonl``."""
    return {
        **{key: pair[key] for key in ("id", "task", "entity", "family")},
        "question": message_text(pair["prompt"][-1]),
        **TASK.request.gold(pair),
        "tokens": tokens,
        "base": {"correct": TASK.request.chance(())},
        "candidate": TASK.request.read({"scores": (better, worse)}),
    }
