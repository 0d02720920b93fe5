"""What is rendered for LLaMA-Factory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secft.config.schemas.training import QuantizationConfig
from secft.errors import InputError
from secft.train import TrainJob
from secft.train.rows import load_examples
from tests.train.backends.rendering import lines, render, row_of
from tests.train.conftest import write_rows

Make = Callable[..., TrainJob]


def test_llama_factory_takes_the_template_of_the_tokenizer(job_of: Make, tmp_path: Path) -> None:
    quantised = QuantizationConfig(bits=8, type="fp4", double=False)
    config, _ = render("llama_factory", job_of("dpo", adapter="qlora", quantization=quantised), tmp_path / "run")
    assert "template" not in config
    assert (config["quantization_bit"], config["quantization_type"]) == (8, "fp4")
    assert config["double_quantization"] is False
    assert config["use_cpu"] is True
    assert config["lora_target"] == "all"


def test_llama_factory_gets_the_token_ids_and_the_mask_of_trl(job_of: Make, tokenizer: Any, tmp_path: Path) -> None:
    job = job_of(packing=True)
    config, orders = render("llama_factory", job, tmp_path / "run")
    written = lines(next((tmp_path / "run/engine/rows").glob("train-*.jsonl")))
    examples = load_examples(Path(job.train_file), tokenizer, job).examples
    assert orders["examples"] == len(examples) > len(written)
    assert config["neat_packing"] is True
    assert "tokenised-train-" in config["tokenized_path"]
    seen = []
    for row in written:
        assert len(row["input_ids"]) <= job.trainer.max_length
        for number in sorted(set(row["attention_mask"])):
            inside = [index for index, part in enumerate(row["attention_mask"]) if part == number]
            seen.append(tuple(tuple(row[key][index] for index in inside) for key in ("input_ids", "labels")))
    assert sorted(seen) == sorted((example.input_ids, example.labels) for example in examples)


def test_llama_factory_refuses_pairs_that_it_would_lose(job_of: Make, tmp_path: Path) -> None:
    job = job_of("dpo")
    row = row_of(0, "dpo")
    row["prompt"].insert(1, {"role": "user", "content": "And then?"})
    write_rows(Path(job.train_file), [row])
    with pytest.raises(InputError, match="user and assistant in turns"):
        render("llama_factory", job, tmp_path / "run")
    render("axolotl", job, tmp_path / "other")
