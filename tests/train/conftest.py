"""Shared pieces: the tiny model, its tokenizer, and small data files."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from secft.config.schemas.training import LoraConfig, RecoveryConfig, TrainerConfig
from secft.models.base_model import BaseModel
from secft.models.resolve import resolve_model
from secft.train import TrainJob, TrainResult, backend_named, trainer_named

WORDS = ["buffer", "overflow", "injection", "token", "session", "header", "parser", "kernel", "driver", "cookie"]
PAIRED = ("dpo", "orpo", "simpo", "reward")
CHOICES = ["Impact", "Execution", "Discovery"]
TECHNIQUES = ["T1485", "T1486", "T1489", "T1490", "T1491", "T1495", "T1496", "T1498"]


def conversation(index: int) -> dict[str, Any]:
    """A short, deterministic conversation whose length varies with its index."""
    answer = " ".join(WORDS[(index * 3 + k) % len(WORDS)] for k in range(5 + index * 7 % 23))
    messages = [{"role": "user", "content": f"Explain {WORDS[index % len(WORDS)]}."}]
    return {"id": f"row-{index}", "messages": [*messages, {"role": "assistant", "content": answer}]}


def question(technique: str, answer: str = "Impact") -> dict[str, Any]:
    return {
        "id": technique,
        "prompt": [{"role": "system", "content": "a"}, {"role": "user", "content": f"Tactic of {technique}?"}],
        "answer": answer,
        "choices": CHOICES,
    }


def pair(index: int) -> dict[str, Any]:
    """A pair whose better answer is about what was asked, and whose worse answer repeats one word."""
    row = conversation(index)
    worse = " ".join([WORDS[(index + 5) % len(WORDS)]] * (3 + index % 4))
    return {
        "id": row["id"],
        "prompt": row["messages"][:-1],
        "chosen": row["messages"][-1:],
        "rejected": [{"role": "assistant", "content": worse}],
    }


def rows_of(objective: str, numbers: range) -> list[dict[str, Any]]:
    if objective in PAIRED:
        return [pair(n) for n in numbers]
    if objective == "kto":
        pairs = [pair(n) for n in numbers]
        good = [{"id": f"{p['id']}+", "prompt": p["prompt"], "completion": p["chosen"], "label": True} for p in pairs]
        bad = [{"id": f"{p['id']}-", "prompt": p["prompt"], "completion": p["rejected"], "label": False} for p in pairs]
        return [*good, *bad]
    if objective == "grpo":
        return [
            {"id": str(n), "prompt": conversation(n)["messages"][:-1], "answer": WORDS[n % 10], "choices": WORDS[:]}
            for n in numbers
        ]
    return [{"id": str(n), "text": conversation(n)["messages"][-1]["content"]} for n in numbers]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


JOB = {entry.name for entry in fields(TrainJob)} - {"trainer"}
UNDISTURBED = {
    "early_stopping_patience": 0,
    "recovery": RecoveryConfig(rollbacks=0, spike=0.0),
    "warmup_ratio": 0.03,
}
"""Settings under which a small training goes its way to the end."""


def new_trainer(objective: str = "sft", adapter: str = "lora", **settings: Any) -> TrainerConfig:
    """Settings of a trainer that learns an objective with an adapter, or trains all weights (none)."""
    if objective == "sft":
        full = adapter == "none"
        left_out = {"lora", "quantization"} if full else set() if adapter == "qlora" else {"quantization"}
        values = {key: value for key, value in settings.items() if key not in left_out}
        return trainer_named("full" if full else adapter, **{**UNDISTURBED, **values})
    return trainer_named(objective, adapter=adapter, **{**UNDISTURBED, **settings})


def new_job(**values: Any) -> TrainJob:
    """A job of fields of TrainJob, of ``objective`` and ``adapter``, and of settings of the trainer."""
    trainer = new_trainer(**{key: value for key, value in values.items() if key not in JOB})
    return TrainJob(trainer=trainer, **{"seed": 0, **{key: value for key, value in values.items() if key in JOB}})


def changed(job: TrainJob, **changes: Any) -> TrainJob:
    """The same job with other fields, or other settings of its trainer."""
    trainer = replace(job.trainer, **{key: value for key, value in changes.items() if key not in JOB})
    return replace(job, trainer=trainer, **{key: value for key, value in changes.items() if key in JOB})


def train_here(job: TrainJob, directory: Path) -> TrainResult:
    """Run the engine in this process."""
    from secft.train.backends.trl.runner import train

    directory.mkdir(exist_ok=True)
    backend = backend_named("trl")
    backend.render(job, directory)
    assert train(TrainJob.read(directory / "job.json"), directory)
    return backend.collect(directory)


@pytest.fixture
def restored_signals() -> Iterator[None]:
    """Put the handlers back that an engine in this process sets."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def tiny() -> BaseModel:
    return resolve_model("tiny", "random")


@pytest.fixture(scope="session")
def tokenizer(tiny: BaseModel) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny.path)


def small_job(tiny: BaseModel, folder: Path, **changes: Any) -> TrainJob:
    """A job over 24 training and 6 validation rows in a folder; keyword arguments override its fields."""
    values: dict[str, Any] = {
        "model_dir": str(tiny.path),
        "train_file": str(write_rows(folder / "train.jsonl", [conversation(i) for i in range(24)])),
        "validation_file": str(write_rows(folder / "validation.jsonl", [conversation(i) for i in range(100, 106)])),
        "lora": LoraConfig(r=4, alpha=8),
        "learning_rate": 5e-3,
        "micro_batch_size": 2,
        "max_length": 96,
        "save_steps": 2,
        "eval_steps": 2,
        **changes,
    }
    return new_job(**values)


@pytest.fixture
def make_job(tiny: BaseModel, tmp_path: Path) -> Callable[..., TrainJob]:
    """Jobs of :func:`small_job` in the folder of a test."""
    return partial(small_job, tiny, tmp_path)


@pytest.fixture(scope="session")
def guessing(tiny: BaseModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that has learned to answer with one of the choices, each as often as the others."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(0)
    tokenizer: Any = AutoTokenizer.from_pretrained(tiny.path, padding_side="left")
    model: Any = AutoModelForCausalLM.from_pretrained(tiny.path, dtype=torch.float32)
    texts = [
        tokenizer.apply_chat_template(
            [*question(name)["prompt"], {"role": "assistant", "content": choice}], tokenize=False
        ).rstrip()
        for name in TECHNIQUES[:4]
        for choice in CHOICES
    ]
    batch = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
    # The turn ends with the padding token here, so the mask is told by position: all texts end at the right.
    last = batch["input_ids"][:, -3:]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(40):
        optimizer.zero_grad()
        logits = model(**batch, logits_to_keep=4).logits[:, :-1]
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), last.flatten()).backward()  # type: ignore[no-untyped-call]  # of torch
        optimizer.step()
    place = tmp_path_factory.mktemp("guessing")
    model.save_pretrained(place)
    tokenizer.save_pretrained(place)
    return place
