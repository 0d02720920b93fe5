"""Trains by PPO with the trl of Axolotl's environment: ``<python> ppo_run.py <directory>``.

Axolotl itself has no PPO; the trl that it is locked with is the last one that ships it (``trl.experimental.ppo``).
settings.json tells how the model is loaded, what its adapter is, and PPOConfig's settings by their own names.
"""

from __future__ import annotations

import copy
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# trl warns that experimental parts may change; its version is locked.
os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

import torch
from datasets import disable_progress_bars
from peft import LoraConfig, PeftModel, get_peft_model
from ppo_models import Question
from ppo_trainer import Beginning, Ended, Flow, PolicyTrainer
from session import Session
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, set_seed
from transformers.utils import logging
from trl.experimental.ppo import PPOConfig

LIBRARIES = ("datasets", "bitsandbytes")


def read_questions(path: str | None) -> list[Question]:
    """Read rows of ``input_ids``, ``answer`` and ``choices``; no file has none."""
    if path is None:
        return []
    with Path(path).open(encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    return [Question(tuple(row["input_ids"]), row["answer"], tuple(row["choices"])) for row in rows]


def load_base(settings: dict[str, Any], where: str) -> Any:
    """Load a causal model from a directory in the precision that was asked for."""
    quantised = None if settings["quantization"] is None else BitsAndBytesConfig(**settings["quantization"])
    return AutoModelForCausalLM.from_pretrained(
        where,
        dtype=getattr(torch, settings["dtype"]),
        quantization_config=quantised,
        local_files_only=settings["local_files_only"],
        trust_remote_code=False,
        use_safetensors=True,
    )


def load_policy(settings: dict[str, Any]) -> tuple[Any, Any]:
    """Return the policy and its reference; adapters need none: the reference is the policy without them."""
    resume, adapter = settings["resume_from"], settings["adapter"]
    if adapter is None:
        return load_base(settings, resume or settings["model"]), load_base(settings, settings["model"])
    base = load_base(settings, settings["model"])
    if resume is not None:
        return PeftModel.from_pretrained(base, resume, is_trainable=True), None
    return get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", **adapter)), None


def prepare_answers(policy: Any, pad: int) -> Callable[[], None]:
    """Keep the padding token out of answers: it would hide itself and all that follows.

    Returns:
        Gives the model the settings back that it had; they are saved with its weights.
    """
    inner = policy.get_base_model() if isinstance(policy, PeftModel) else policy
    before = copy.deepcopy(inner.generation_config)
    inner.generation_config.pad_token_id = pad
    inner.generation_config.suppress_tokens = [pad]

    def restore() -> None:
        inner.generation_config = before

    return restore


def open_tokenizer(settings: dict[str, Any]) -> Any:
    """Load the tokenizer of the base model."""
    return AutoTokenizer.from_pretrained(
        settings["model"], local_files_only=settings["local_files_only"], trust_remote_code=False
    )


def build_trainer(settings: dict[str, Any], session: Session, policy: Any, reference: Any) -> PolicyTrainer:
    """Put models, questions and callbacks together."""
    tokenizer = open_tokenizer(settings)
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(settings["pad"])
    trainer = PolicyTrainer(
        policy,
        tokenizer,
        read_questions(settings["train_rows"]),
        read_questions(settings["validation_rows"]),
        PPOConfig(**settings["training"]),
        reference,
        None if settings["resume_from"] is None else Path(settings["resume_from"]),
    )
    beginning, flow = Beginning(), Flow(session.metrics)
    beginning.trainer = flow.trainer = trainer
    trainer.callback_handler.callbacks.insert(0, beginning)
    for callback in [*session.callbacks(), flow]:
        trainer.add_callback(callback)
    trainer.on_answers = session.metrics.add_supervised
    return trainer


def main(argv: list[str]) -> int:
    """Train what lies in a directory."""
    directory = Path(argv[0]).absolute()
    session = Session.open(directory, "trl ppo")
    settings = json.loads((directory / "settings.json").read_text(encoding="utf-8"))
    disable_progress_bars()
    logging.disable_progress_bar()
    if session.facts["threads"]:
        torch.set_num_threads(session.facts["threads"])
    set_seed(settings["seed"])
    policy, reference = load_policy(settings)
    restore = prepare_answers(policy, settings["pad"])
    if settings["training"]["gradient_checkpointing"]:
        # trl's loop of PPO is not that of transformers, which would do it.
        policy.gradient_checkpointing_enable({"use_reentrant": False})
    trainer = build_trainer(settings, session, policy, reference)
    try:
        trainer.train()
    except Ended:
        trainer.callback_handler.on_train_end(trainer.args, trainer.state, trainer.control)
    if session.needs_evaluation(trainer.state.global_step):
        trainer.callback_handler.on_evaluate(trainer.args, trainer.state, trainer.control, trainer.measure())
    saved = directory / "engine" / "saved"
    restore()
    policy.save_pretrained(str(saved))
    open_tokenizer(settings).save_pretrained(str(saved))
    session.finish(saved, trainer.state.max_steps, LIBRARIES)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
