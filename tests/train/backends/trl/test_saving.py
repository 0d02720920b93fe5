"""Whole models are kept in the type of their base."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from secft.models.base_model import BaseModel
from secft.train.backends.trl.saving import INDEX, save_like_base
from tests.train.conftest import conversation, new_job, train_here, write_rows

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
    pytest.mark.usefixtures("restored_signals"),
]


def test_a_trained_model_has_the_type_of_its_base(tiny: BaseModel, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    rows = str(write_rows(tmp_path / "rows.jsonl", [conversation(number) for number in range(12)]))
    job = new_job(
        model_dir=str(tiny.path), train_file=rows, validation_file=rows, adapter="none", learning_rate=1e-3,
        micro_batch_size=4, max_length=96, threads=1,
    )  # fmt: skip
    result = train_here(job, tmp_path / "run")
    saved = load_file(str(result.adapter_dir / "model.safetensors"))
    base = load_file(str(tiny.path / "model.safetensors"))
    assert {name: value.dtype for name, value in saved.items()} == {name: base[name].dtype for name in saved}
    assert any(not torch.equal(value, base[name]) for name, value in saved.items())
    assert json.loads((result.adapter_dir / "config.json").read_text())["dtype"] == "bfloat16"
    assert AutoModelForCausalLM.from_pretrained(result.adapter_dir).dtype == torch.bfloat16


@pytest.mark.parametrize(("key", "dtype", "expected"), [
    ("torch_dtype", "float16", torch.float16), ("dtype", "float32", torch.float32), ("other", "x", torch.float32),
])  # fmt: skip
def test_files_in_parts_and_bases_of_other_types(tmp_path: Path, key: str, dtype: str, expected: torch.dtype) -> None:
    base, made = tmp_path / "base", tmp_path / "made"
    base.mkdir()
    made.mkdir()
    (base / "config.json").write_text(json.dumps({key: dtype}))
    (made / "config.json").write_text(json.dumps({"torch_dtype": "float32", "kept": 1}))
    for number in (1, 2):
        tensors = {f"w{number}": torch.ones(4, 2), f"n{number}": torch.ones(3, dtype=torch.int64)}
        save_file(tensors, str(made / f"model-0000{number}-of-00002.safetensors"))
    weight_map = dict.fromkeys(("w1", "n1"), "model-00001-of-00002.safetensors")
    (made / INDEX).write_text(json.dumps({"metadata": {"total_size": 112}, "weight_map": weight_map}))
    save_like_base(made, base)
    found = {}
    for path in made.glob("*.safetensors"):
        found |= load_file(str(path))
    assert {value.dtype for name, value in found.items() if name.startswith("w")} == {expected}
    assert {value.dtype for name, value in found.items() if name.startswith("n")} == {torch.int64}
    total = json.loads((made / INDEX).read_text())["metadata"]["total_size"]
    assert total == (112 if expected == torch.float32 else 2 * 8 * 2 + 2 * 3 * 8)
    assert json.loads((made / "config.json").read_text())["kept"] == 1
