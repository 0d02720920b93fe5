"""Imitation of the assistant in conversations: every weight, or an adapter beside the frozen base."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from secft.config.schemas.training import AdaptedTrainer, QuantisedTrainer, TrainerConfig
from secft.config.setting import setting
from secft.train.objective import Method, Objective, Support
from secft.train.views import CONVERSATIONS

if TYPE_CHECKING:
    from secft.train.backends.trl.loading import LoadedJob
    from secft.train.job import TrainJob


@dataclass
class LoraTrainer(AdaptedTrainer):
    """Train low-rank adapters beside the frozen base."""

    name: str = "lora"


@dataclass
class QloraTrainer(QuantisedTrainer):
    """Train low-rank adapters beside the frozen, quantised base."""

    name: str = "qlora"


@dataclass
class DoraTrainer(AdaptedTrainer):
    """Train low-rank adapters whose direction and magnitude are learned apart (Liu et al. 2024)."""

    name: str = "dora"


@dataclass
class FullTrainer(TrainerConfig):
    """Train every weight."""

    name: str = "full"
    learning_rate: float = setting(2e-5, about="Peak learning rate.", above=0)


def load(job: TrainJob, tokenizer: Any) -> LoadedJob:
    """Load a job of trl; imports torch."""
    from secft.train.backends.trl.loading import load_examples_job
    from secft.train.rows import load_examples

    return load_examples_job(job, tokenizer, load_examples)


AXOLOTL_ROWS = {
    "type": "chat_template",
    "field_messages": "messages",
    "message_property_mappings": {"role": "role", "content": "content"},
    "roles_to_train": ["assistant"],
    "train_on_eos": "turn",
}


def _support(trl: str, axolotl: str, llama_factory: str, unsloth: str) -> dict[str, Support]:
    return {
        "trl": Support(trl, load=load),
        "axolotl": Support(axolotl, dataset=AXOLOTL_ROWS),
        "llama_factory": Support(llama_factory, settings=lambda job: {"stage": "sft"}),
        "unsloth": Support(unsloth, settings=lambda job: {"max_length": job.trainer.max_length}),
    }


FULL = _support("SFTTrainer", "no adapter", "stage: sft, finetuning_type: full", "full_finetuning")
LORA = _support("SFTTrainer, peft", "adapter: lora", "stage: sft, finetuning_type: lora", "get_peft_model")
QLORA = _support("bitsandbytes NF4", "adapter: qlora", "quantization_bit: 4", "load_in_4bit")
DORA = _support("SFTTrainer, peft use_dora", "peft_use_dora", "use_dora", "get_peft_model, use_dora")

OBJECTIVE = Objective(
    name="sft",
    title="Imitation of the assistant in conversations",
    rows=CONVERSATIONS,
    methods=(
        Method("full", FullTrainer, FULL, adapter="none"),
        Method("lora", LoraTrainer, LORA, adapter="lora"),
        Method("qlora", QloraTrainer, QLORA, adapter="qlora"),
        Method("dora", DoraTrainer, DORA, adapter="dora"),
    ),
    loss="Loss on assistant tokens only.",
)
