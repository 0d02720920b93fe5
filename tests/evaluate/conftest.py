from __future__ import annotations

import json
import random
import warnings
from pathlib import Path
from typing import Any

import pytest

from secft.models.resolve import resolve_model

SYSTEM = "You are a security analyst."
TACTICS = ("Execution", "Persistence", "Defense Evasion", "Discovery")


def example(task: str, number: int, question: str, answer: str, choices: tuple[str, ...] = ()) -> dict[str, Any]:
    messages = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": question},
        {"role": "assistant", "content": answer},
    ]
    return {
        "id": f"{task}:{number}",
        "task": task,
        "entity": f"E{number}",
        "family": f"F{number // 2}",
        "system": SYSTEM,
        "user": question,
        "assistant": answer,
        "messages": messages,
        "choices": list(choices),
        "answer": choices.index(answer) if choices else -1,
        "source": "test",
        "provenance": {},
    }


@pytest.fixture(scope="session")
def rows() -> list[dict[str, Any]]:
    dice = random.Random(3)
    made = []
    for number in range(12):
        made.append(example("tactic", number, f"Tactic of technique {number}?", dice.choice(TACTICS), TACTICS))
        made.append(example("explain", number, f"Explain weakness {number}.", f"It is weakness number {number}. " * 2))
        options = tuple(f"{letter}. option {number}{letter}" for letter in "ABCD")
        made.append(example("multiple_choice", number, f"Pick one for {number}.", dice.choice(options), options))
    return made


@pytest.fixture(scope="session")
def dataset_dir(rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("dataset")
    (directory / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return directory


@pytest.fixture(scope="session")
def base_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch", reason="the extra train is not installed")
    pytest.importorskip("lm_eval", reason="the extra eval is not installed")
    return resolve_model("tiny", "random", cache_dir=tmp_path_factory.mktemp("cache")).path


@pytest.fixture(scope="session")
def adapter_dir(base_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    directory = tmp_path_factory.mktemp("adapter")
    model = AutoModelForCausalLM.from_pretrained(base_dir, dtype=torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        wrapped = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    generator = torch.Generator().manual_seed(1)
    for name, weight in wrapped.named_parameters():
        if "lora_B" in name:
            weight.data = torch.randn(weight.shape, generator=generator) * 0.2
    wrapped.save_pretrained(str(directory))
    return directory
