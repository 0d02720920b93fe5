"""Axolotl, LLaMA-Factory and Unsloth as their own documentation starts them, for benchmarks/train_cpu.py.

Each gets the conversations of ``train.jsonl`` and settings that a user would write by hand for what secft's launch is
told; the time is the training loop's own (``train_runtime``). Nothing of secft runs in it.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

from secft.train.environments import ensure, variables_for

UNSLOTH = """
import json, sys
from unsloth import FastLanguageModel, train_on_responses_only
from datasets import Dataset
from trl import SFTConfig, SFTTrainer
told = json.load(open(sys.argv[1]))
model, tokenizer = FastLanguageModel.from_pretrained(
    told["model"], max_seq_length=told["length"], load_in_4bit=False, use_gradient_checkpointing=False,
    local_files_only=True)
model = FastLanguageModel.get_peft_model(
    model, r=told["rank"], lora_alpha=told["alpha"], target_modules="all-linear", use_gradient_checkpointing=False)
rows = [json.loads(line) for line in open(told["rows"])]
texts = [tokenizer.apply_chat_template(row["messages"], tokenize=False) for row in rows]
args = SFTConfig(
    output_dir=told["out"], per_device_train_batch_size=told["batch"], max_length=told["length"], num_train_epochs=1,
    learning_rate=told["rate"], lr_scheduler_type="constant", bf16=told["bf16"], gradient_checkpointing=False,
    optim="adamw_torch_fused", logging_steps=1, save_strategy="epoch", report_to="none", seed=told["seed"],
    dataset_text_field="text")
trainer = SFTTrainer(model=model, processing_class=tokenizer, train_dataset=Dataset.from_dict({"text": texts}),
                     args=args)
trainer = train_on_responses_only(
    trainer, instruction_part="<|im_start|>user\\n", response_part="<|im_start|>assistant\\n")
trainer.train()
"""


def run_by_hand(engine: str, work: Path, target: Path, told: dict[str, Any], root: Path) -> dict[str, Any]:
    """Train with an engine's own program.

    Args:
        engine: axolotl, llama_factory or unsloth.
        work: holds model.txt and train.jsonl.
        target: receives configuration, log and output.
        told: ``model``, ``rows``, ``length``, ``rank``, ``alpha``, ``batch``, ``rate``, ``seed``, ``bf16``.
        root: where environments are.

    Returns:
        ``seconds`` of the training loop, ``setup`` (all before it) and ``losses``.
    """
    environment = ensure(engine, root)
    told = {**told, "out": str(target / "out")}
    command = {"axolotl": _axolotl, "llama_factory": _llama_factory, "unsloth": _unsloth}[engine](target, told)
    program = environment.python if command[0] == "python" else environment.program(command[0])
    variables = {**variables_for(environment), "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(target / "cache")}
    started = time.perf_counter()
    done = subprocess.run(
        [str(program), *command[1:]],
        cwd=target,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    whole = time.perf_counter() - started
    (target / "engine.log").write_text(done.stdout, encoding="utf-8")
    found = re.findall(r"'?train_runtime'?[\"']?\s*[:=]\s*'?([0-9.:]+)", done.stdout)
    if done.returncode or not found:
        raise SystemExit(f"{engine} by hand failed ({done.returncode}):\n{done.stdout[-3000:]}")
    seconds = _seconds(found[-1])
    losses = [float(value) for value in re.findall(r"[{ ]'loss': '?([0-9.]+)", done.stdout)]
    return {"seconds": seconds, "setup": whole - seconds, "losses": losses}


def _seconds(text: str) -> float:
    """Read ``12.3`` or ``0:00:12.3``."""
    total = 0.0
    for part in text.split(":"):
        total = total * 60 + float(part)
    return total


def _axolotl(target: Path, told: dict[str, Any]) -> list[str]:
    import yaml

    config = {
        "base_model": told["model"], "adapter": "lora", "lora_r": told["rank"], "lora_alpha": told["alpha"],
        "lora_dropout": 0.0, "lora_target_linear": True, "sequence_len": told["length"],
        "micro_batch_size": told["batch"],
        "gradient_accumulation_steps": 1, "num_epochs": 1, "learning_rate": told["rate"], "lr_scheduler": "constant",
        "optimizer": "adamw_torch", "seed": told["seed"], "output_dir": told["out"], "save_strategy": "epoch",
        "dataset_prepared_path": str(target / "prepared"), "logging_steps": 1, "bf16": False, "fp16": False,
        "tf32": False, "attn_implementation": "sdpa", "lora_mlp_kernel": False, "lora_qkv_kernel": False,
        "lora_o_kernel": False, "lora_embedding_kernel": False, "chat_template": "tokenizer_default", "val_set_size": 0,
        "datasets": [{"path": told["rows"], "ds_type": "json", "type": "chat_template", "field_messages": "messages"}],
    }  # fmt: skip
    (target / "config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return ["axolotl", "train", "config.yml", "--launcher", "python"]


def _llama_factory(target: Path, told: dict[str, Any]) -> list[str]:
    import yaml

    tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
    entry = {"file_name": told["rows"], "formatting": "sharegpt", "columns": {"messages": "messages"}, "tags": tags}
    (target / "dataset_info.json").write_text(json.dumps({"train": entry}), encoding="utf-8")
    config = {
        "model_name_or_path": told["model"], "stage": "sft", "do_train": True, "finetuning_type": "lora",
        "lora_rank": told["rank"], "lora_alpha": told["alpha"], "lora_dropout": 0.0, "lora_target": "all",
        "dataset_dir": str(target), "dataset": "train", "cutoff_len": told["length"], "output_dir": told["out"],
        "per_device_train_batch_size": told["batch"], "num_train_epochs": 1.0, "learning_rate": told["rate"],
        "lr_scheduler_type": "constant", "seed": told["seed"], "bf16": told["bf16"], "use_cpu": True,
        "optim": "adamw_torch", "save_strategy": "epoch", "logging_steps": 1, "report_to": "none",
        "disable_gradient_checkpointing": True, "flash_attn": "sdpa", "dataloader_pin_memory": False,
    }  # fmt: skip
    (target / "config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return ["llamafactory-cli", "train", "config.yml"]


def _unsloth(target: Path, told: dict[str, Any]) -> list[str]:
    (target / "told.json").write_text(json.dumps(told), encoding="utf-8")
    (target / "train.py").write_text(UNSLOTH, encoding="utf-8")
    return ["python", "train.py", "told.json"]
