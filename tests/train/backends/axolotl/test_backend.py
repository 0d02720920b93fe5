"""What is rendered for Axolotl."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secft.train import TrainJob
from tests.train.backends.rendering import lines, render
from tests.train.conftest import conversation

Make = Callable[..., TrainJob]


def test_axolotl_is_told_what_a_cpu_needs(job_of: Make, tmp_path: Path) -> None:
    config, orders = render("axolotl", job_of(adapter="qlora", packing=True), tmp_path / "run")
    kernels = ("lora_mlp_kernel", "lora_qkv_kernel", "lora_o_kernel", "lora_embedding_kernel", "bf16", "fp16")
    assert [config[key] for key in kernels] == [False] * 6
    assert config["attn_implementation"] == "sdpa"
    assert config["optimizer"] == "adamw_torch"
    assert config["excess_length_strategy"] == "raise"
    assert config["chat_template"] == "tokenizer_default"
    assert config["load_in_4bit"] is True
    assert config["bnb_config_kwargs"] == {"bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}
    assert config["sample_packing"] is True
    assert orders["precision"] == "fp32"
    dataset = config["datasets"][0]
    assert dataset["type"] == "chat_template"
    assert dataset["field_messages"] == "messages"
    assert Path(dataset["path"]).is_relative_to(tmp_path / "run")
    assert Path(config["dataset_prepared_path"]).is_relative_to(tmp_path / "run")


def test_axolotl_gets_fused_kernels_on_a_gpu(job_of: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secft.train.backends.axolotl.backend.cuda_devices", lambda: [80 << 30])
    config, orders = render("axolotl", job_of(packing=True), tmp_path / "fused")
    assert config["plugins"][1:] == ["axolotl.integrations.liger.LigerPlugin"]
    assert {key for key in config if key.startswith("liger_")} == {
        "liger_rope", "liger_rms_norm", "liger_glu_activation", "liger_fused_linear_cross_entropy",
    }  # fmt: skip
    assert not [key for key in config if key.endswith("_kernel")], "Axolotl turns its own on by itself"
    assert orders["precision"] == "bf16"
    assert "liger_fused_linear_cross_entropy" not in render("axolotl", job_of("dpo"), tmp_path / "pairs")[0]
    plain, _ = render("axolotl", job_of(kernels="none"), tmp_path / "plain")
    assert len(plain["plugins"]) == 1
    assert [value for key, value in plain.items() if key.endswith("_kernel")] == [False] * 4


def test_answers_are_rendered_whole_for_axolotl(job_of: Make, tokenizer: Any, tmp_path: Path) -> None:
    config, _ = render("axolotl", job_of("dpo"), tmp_path / "run")
    rows = lines(config["datasets"][0]["path"])
    assert "type" not in config["datasets"][0]
    assert {row["rejected"] for row in rows} == {"B" + tokenizer.eos_token}
    whole = tokenizer.apply_chat_template(conversation(3)["messages"], tokenize=False)
    assert rows[3]["prompt"] + rows[3]["chosen"] == whole.rstrip()
