"""Runs the config.yml of a directory with Unsloth: ``<python> unsloth_run.py <directory>``.

``config.yml`` holds arguments of Unsloth's ``from_pretrained`` and ``get_peft_model``; everything else in it is a
setting of trl's trainer. Conversations arrive as token ids and labels, other objectives as rows in the form of trl.
"""

from __future__ import annotations

# First of all: on a CUDA device Unsloth replaces parts of transformers, peft and trl as they are imported.
from unsloth import FastLanguageModel  # isort: skip

import sys
from pathlib import Path
from typing import Any

import torch
import yaml
from datasets import disable_progress_bars
from session import Session, refuse
from transformers import PrinterCallback, set_seed
from unsloth_trainers import build_trainer, count_answers

LIBRARIES = ("unsloth", "unsloth_zoo", "bitsandbytes", "datasets")
LOADING = frozenset({
    "attn_implementation", "full_finetuning", "load_in_4bit", "load_in_8bit", "local_files_only", "max_seq_length",
    "model_name", "num_labels", "use_gradient_checkpointing",
})  # fmt: skip
ADAPTER = frozenset({
    "bias", "init_lora_weights", "layers_to_transform", "lora_alpha", "lora_dropout", "modules_to_save", "r",
    "random_state", "target_modules", "use_dora", "use_rslora",
})  # fmt: skip
PLACES = frozenset({"resume_from_checkpoint", "train_rows", "validation_rows"})


def load_model(config: dict[str, Any], precision: str) -> tuple[Any, Any]:
    """Load the base model with its adapters; leave with an error if it is not stored as it was asked for.

    Args:
        config: content of config.yml.
        precision: bf16 or fp32.

    Returns:
        The model and its tokenizer.
    """
    loading = {key: value for key, value in config.items() if key in LOADING}
    # Training every weight keeps them in fp32 and computes under autocast: bf16 would swallow small updates.
    narrow = precision == "bf16" and not config["full_finetuning"]
    model, tokenizer = FastLanguageModel.from_pretrained(
        dtype=torch.bfloat16 if narrow else torch.float32, trust_remote_code=False, **loading
    )
    if config["load_in_4bit"] and not any("Linear4bit" in type(module).__name__ for module in model.modules()):
        # Unsloth goes on with 16 bits then and only says so in the log.
        refuse(
            "backend unsloth could not store this model in 4 bits: bitsandbytes does not work on this processor, or "
            "the model is too narrow for it; use trainer=lora"
        )
    if not config["full_finetuning"]:
        adapter = {key: value for key, value in config.items() if key in ADAPTER}
        model = FastLanguageModel.get_peft_model(
            model, use_gradient_checkpointing=config["use_gradient_checkpointing"], **adapter
        )
    return model, tokenizer


def main(argv: list[str]) -> int:
    """Train what lies in a directory."""
    directory = Path(argv[0]).absolute()
    session = Session.open(directory, "unsloth")
    config = yaml.safe_load((directory / "config.yml").read_text(encoding="utf-8"))
    disable_progress_bars()
    if session.facts["threads"]:
        torch.set_num_threads(session.facts["threads"])
    set_seed(config["seed"])
    precision = session.facts["precision"]
    model, tokenizer = load_model(config, precision)
    training = {key: value for key, value in config.items() if key not in LOADING | ADAPTER | PLACES}
    training.update(bf16=precision == "bf16", fp16=False)
    rows = config["train_rows"], config.get("validation_rows")
    trainer = build_trainer(session.facts, model, tokenizer, training, rows)
    trainer.remove_callback(PrinterCallback)
    if session.facts["counted"] == "answers":
        count_answers(trainer, session.metrics.add_supervised)
    elif session.facts["counted"] == "batches":
        session.metrics.watch(trainer)
    for callback in session.callbacks():
        trainer.add_callback(callback)
    trainer.train(resume_from_checkpoint=config.get("resume_from_checkpoint"))
    if session.needs_evaluation(trainer.state.global_step):
        trainer.evaluate()
    saved = directory / "engine" / "saved"
    trainer.save_model(str(saved))
    session.finish(saved, trainer.state.max_steps, LIBRARIES)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
