"""What is rendered for LLaMA-Factory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from secft.config.schemas.training import QuantizationConfig
from secft.errors import InputError
from secft.files import read_json
from secft.train import TrainJob
from secft.train.backends.axolotl.backend import AxolotlBackend
from secft.train.backends.llama_factory.backend import LlamaFactoryBackend
from secft.train.backends.separate import SeparateBackend
from secft.train.rows import load_examples
from tests.train.conftest import conversation, write_rows

Make = Callable[..., TrainJob]


KINDS: dict[str, type[SeparateBackend]] = {"axolotl": AxolotlBackend, "llama_factory": LlamaFactoryBackend}


def row_of(index: int, objective: str) -> dict[str, Any]:
    """A row as secft hands it to backends."""
    row = conversation(index)
    prompt, answer = row["messages"][:1], row["messages"][1:]
    wrong = [{"role": "assistant", "content": "B"}]
    if objective == "continue":
        return {"id": row["id"], "text": answer[0]["content"]}
    if objective == "kto":
        return {"id": row["id"], "prompt": prompt, "completion": answer, "label": index % 2 == 0}
    if objective == "sft":
        return row
    return {"id": row["id"], "prompt": prompt, "chosen": answer, "rejected": wrong}


@pytest.fixture
def job_of(make_job: Make, tmp_path: Path) -> Callable[..., TrainJob]:
    """A job of an objective over 12 training and 4 validation rows."""

    def build(objective: str = "sft", **changes: Any) -> TrainJob:
        train = write_rows(tmp_path / f"{objective}-train.jsonl", [row_of(i, objective) for i in range(12)])
        held = write_rows(tmp_path / f"{objective}-held.jsonl", [row_of(i, objective) for i in range(50, 54)])
        return make_job(train_file=str(train), validation_file=str(held), objective=objective, **changes)

    return build


def render(backend: str, job: TrainJob, directory: Path, **extra: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Render a job and return the configuration and the orders."""
    directory.mkdir(exist_ok=True)
    paths = KINDS[backend](Path("nowhere"), extra).render(job, directory)
    assert all(path.is_file() for path in paths)
    return yaml.safe_load((directory / "config.yml").read_text()), read_json(directory / "runner.json")


def lines(path: str | Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


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
