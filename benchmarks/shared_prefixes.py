"""What the fast path gains by computing once what the examples of a micro batch begin with.

    python -m secft dataset build synthesis=template
    python benchmarks/shared_prefixes.py data/template/attack-cwe-v1/train.jsonl [--batches 8] [--precision fp32]

Trains rank-16 adapters of SmolLM2-135M-Instruct on the same micro batches (two packed rows of 512) twice: as training
does, and with every token of every example computed. The arms take turns, batch by batch, so that other work on the
machine slows both; processor time is counted, of all threads. Losses of each batch are compared.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch

from secft.models.resolve import resolve_model
from secft.train.forward import layout
from secft.train.forward.layout import Layout
from secft.train.forward.select import LossFunction, select_forward
from secft.train.rows import build_rows, collate
from secft.train.template import tokenise_conversation

ROWS, MAX_LENGTH, EXAMPLES, RANK, ALPHA = 2, 512, 600, 16, 32
SHARING = layout._earliest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, help="train.jsonl of a dataset")
    parser.add_argument("--batches", type=int, default=8)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    options = parser.parse_args()
    loss, batches = prepare(options.dataset, options.batches + 1, options.precision)
    step(loss, batches[0])  # compiles, and allocates what is kept
    seconds, worst, every, distinct = {True: 0.0, False: 0.0}, 0.0, 0, 0
    for batch in batches[1:]:
        results = {}
        for shared in (True, False):
            layout._earliest = SHARING if shared else _unshared
            took, results[shared] = step(loss, batch)
            seconds[shared] += took
        layout._earliest = SHARING
        worst = max(worst, abs(results[True] - results[False]) / results[False])
        every += len(batch["input_ids"])
        distinct += Layout.of(batch).tokens
    print(f"{every:,} tokens, {1 - distinct / every:.1%} of them shared; {loss.name}, {options.precision}")
    for shared, name in ((False, "every token"), (True, "shared tokens once")):
        print(f"{name}: {every / seconds[shared]:.1f} tokens per second of processor time")
    print(f"{seconds[False] / seconds[True]:.2f} times as fast; losses differ by at most {worst:.1e} of themselves")


def prepare(dataset: Path, count: int, precision: str) -> tuple[LossFunction, list[dict[str, torch.Tensor]]]:
    """Load the model with its adapters, and make micro batches."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    path = resolve_model("smollm2", "package").path
    tokenizer = AutoTokenizer.from_pretrained(path)
    lines = dataset.read_text(encoding="utf-8").splitlines()[:EXAMPLES]
    found = [
        example
        for number, row in enumerate(map(json.loads, lines))
        for example in tokenise_conversation(tokenizer, str(number), row["messages"], ())
        if len(example.input_ids) <= MAX_LENGTH
    ]
    rows = build_rows(found, MAX_LENGTH, packing=True, seed=0)
    torch.manual_seed(0)
    dtype = torch.float32 if precision == "fp32" else torch.bfloat16
    base: Any = AutoModelForCausalLM.from_pretrained(path, dtype=dtype)
    adapters = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules="all-linear", task_type="CAUSAL_LM")
    model: Any = get_peft_model(base, adapters)
    return select_forward(model), [collate(rows[k : k + ROWS]) for k in range(0, count * ROWS, ROWS)]


def step(loss_function: LossFunction, batch: dict[str, torch.Tensor]) -> tuple[float, float]:
    """Compute loss and gradients; return seconds of all threads, and the loss."""
    begun = time.process_time()
    loss = loss_function(batch)
    loss.backward()  # type: ignore[no-untyped-call]
    return time.process_time() - begun, float(loss.detach())


def _unshared(batch: Any, begins: Any) -> torch.Tensor:
    return torch.arange(len(batch["input_ids"]))


if __name__ == "__main__":
    main()
