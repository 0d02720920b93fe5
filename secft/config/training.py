"""What is learned (trainer), which engine does it (backend), who is told (tracker)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from secft.config.setting import setting


@dataclass
class LoraConfig:
    """Low-rank adapters (Hu et al. 2021)."""

    r: int = setting(16, about="Rank.", low=1, high=1024)
    alpha: int = setting(32, about="Scale is alpha / r.", low=1)
    dropout: float = setting(0.0, about="Dropout before the adapter.", low=0, high=0.9)
    target_modules: list[str] = setting(["all-linear"], about="Module names, or all-linear.")
    bias: str = setting("none", about="Which biases are trained.", choices=("none", "all", "lora_only"))


@dataclass
class QuantizationConfig:
    """How frozen base weights are stored while an adapter is trained (Dettmers et al. 2023)."""

    bits: int = setting(4, about="Bits per weight.", low=4, high=8)
    type: str = setting("nf4", about="Number format.", choices=("nf4", "fp4"))
    double: bool = setting(True, about="Quantise the scales too.")


@dataclass
class RecoveryConfig:
    """What is done about a loss that leaves all bounds: back to the last good checkpoint with a lower learning rate."""

    rollbacks: int = setting(2, about="Returns before the run ends as diverged.", low=0, high=20)
    factor: float = setting(0.5, about="The learning rate is multiplied by it at each return.", above=0, high=1)
    spike: float = setting(3.0, about="Out of bounds: so many times the running median; 0 is only NaN.", low=0)
    patience: int = setting(3, about="Recorded losses in a row that must be out of bounds.", low=1)


METHODS = (
    "full", "lora", "qlora", "dora", "dpo", "orpo", "kto", "simpo", "grpo", "ppo", "reward", "pretrain", "continue",
)  # fmt: skip
BACKENDS = ("trl", "axolotl", "llama_factory", "unsloth", "nanogpt")
ADAPTERS = ("none", "lora", "qlora", "dora")


@dataclass
class TrainerConfig:
    """What every way of training has."""

    name: str = setting(about="Which way of training is used.", choices=METHODS)
    learning_rate: float = setting(5e-4, about="Peak learning rate.", above=0)
    scheduler: str = setting(
        "cosine", about="Shape of the learning rate.", choices=("cosine", "linear", "constant", "constant_with_warmup")
    )
    warmup_ratio: float = setting(0.05, about="Part of the steps spent warming up.", low=0, high=1)
    weight_decay: float = setting(0.0, about="AdamW weight decay.", low=0, high=1)
    max_grad_norm: float = setting(1.0, about="Gradient clipping.", above=0)
    epochs: float = setting(1.0, about="Passes over the training split.", above=0)
    max_steps: int | None = setting(None, about="Stop after this many optimiser steps.", low=1)
    max_length: int = setting(512, about="Tokens in a packed row; longer examples are dropped.", low=16)
    micro_batch_size: int = setting("${hardware.micro_batch_size}", about="Rows per forward pass.", low=1)
    gradient_accumulation: int = setting(1, about="Micro batches per optimiser step.", low=1)
    packing: bool = setting("${hardware.packing}", about="Several examples in a row, each seeing only itself.")
    precision: str = setting(
        "${hardware.precision}", about="auto is bf16 where the hardware has it.", choices=("auto", "bf16", "fp32")
    )
    gradient_checkpointing: bool = setting(
        "${hardware.gradient_checkpointing}", about="Compute activations again instead of keeping them."
    )
    attention: str = setting(
        "${hardware.attention}",
        about="Implementation of attention; auto is the library's choice.",
        choices=("auto", "eager", "sdpa", "flash_attention_2"),
    )
    compile: str = setting(
        "${hardware.compile}",
        about="Compile one decoder layer; auto decides by hardware and run length.",
        choices=("auto", "true", "false"),
    )
    kernels: str = setting(
        "auto",
        about="Fused kernels for layers on a GPU; auto takes Liger where it is installed.",
        choices=("auto", "liger", "none"),
    )
    max_dropped_share: float = setting(
        0.1, about="Refuse to train where more of the examples are too long.", low=0, high=1, internal=True
    )
    eval_steps: int = setting(80, about="Steps between validation losses; 0 is only at the end.", low=0)
    save_steps: int = setting(40, about="Steps between checkpoints; 0 is only at the end.", low=0)
    save_total_limit: int = setting(2, about="Checkpoints that are kept.", low=1)
    early_stopping_patience: int = setting(4, about="Evaluations without progress before stopping; 0 is off.", low=0)
    recovery: RecoveryConfig = setting(RecoveryConfig(), about="What is done about a loss that leaves all bounds.")


@dataclass
class LoraTrainer(TrainerConfig):
    """Train low-rank adapters beside the frozen base."""

    name: str = "lora"
    lora: LoraConfig = setting(LoraConfig(), about="The adapter.")


@dataclass
class QloraTrainer(LoraTrainer):
    """Train low-rank adapters beside the frozen, quantised base."""

    name: str = "qlora"
    quantization: QuantizationConfig = setting(QuantizationConfig(), about="How the base is stored.")


@dataclass
class DoraTrainer(LoraTrainer):
    """Train low-rank adapters whose direction and magnitude are learned apart (Liu et al. 2024)."""

    name: str = "dora"


@dataclass
class FullTrainer(TrainerConfig):
    """Train every weight."""

    name: str = "full"
    learning_rate: float = setting(2e-5, about="Peak learning rate.", above=0)


@dataclass
class ObjectiveTrainer(QloraTrainer):
    """What every objective other than imitation has: which weights are trained is a setting of its own."""

    adapter: str = setting("lora", about="Which weights are trained: an adapter, or all (none).", choices=ADAPTERS)
    packing: bool = setting(False, about="Pairs and samples are not packed.")


@dataclass
class PairsConfig:
    """How answers that are worse than the right one are had where the dataset holds none.

    Pairs of the dataset (``rejected``) are used as they are. Otherwise a worse answer is made of the right one: another
    choice, the answer about another entity, or the right answer with its facts swapped.
    """

    corrupt: bool = setting(True, about="Make worse answers where the dataset has none.")
    per_example: int = setting(1, about="Pairs of one example.", low=1, high=8)
    max_pairs: int | None = setting(None, about="At most so many pairs, drawn by seed.", low=1)


@dataclass
class PairTrainer(ObjectiveTrainer):
    """What objectives over pairs of answers have."""

    learning_rate: float = setting(1e-4, about="Peak learning rate.", above=0)
    pairs: PairsConfig = setting(PairsConfig(), about="Where pairs come from.")


@dataclass
class DpoTrainer(PairTrainer):
    """Prefer the better answer, by direct preference optimisation (Rafailov et al. 2023)."""

    name: str = "dpo"
    beta: float = setting(0.1, about="How much the model may leave its reference.", above=0)
    label_smoothing: float = setting(0.0, about="Part of the pairs that may be the wrong way round.", low=0, high=0.5)


@dataclass
class OrpoTrainer(PairTrainer):
    """Imitate the better answer and prefer it, without a reference model (Hong et al. 2024)."""

    name: str = "orpo"
    beta: float = setting(0.1, about="Weight of the preference (lambda).", above=0)


@dataclass
class SimpoTrainer(PairTrainer):
    """Prefer the better answer by its mean log-probability, without a reference model (Meng et al. 2024)."""

    name: str = "simpo"
    beta: float = setting(2.0, about="Scale of the reward.", above=0)
    gamma: float = setting(1.0, about="Margin of the reward.", low=0)


@dataclass
class KtoTrainer(PairTrainer):
    """Learn from answers that are good or bad, each alone (Ethayarajh et al. 2024)."""

    name: str = "kto"
    beta: float = setting(0.1, about="How much the model may leave its reference.", above=0)
    desirable_weight: float = setting(1.0, about="Weight of good answers.", above=0)
    undesirable_weight: float = setting(1.0, about="Weight of bad answers.", above=0)


@dataclass
class RewardTrainer(PairTrainer):
    """Train a model that scores answers, from pairs (Bradley and Terry)."""

    name: str = "reward"


@dataclass
class SamplingConfig:
    """How a model answers while it is trained by its own answers."""

    generations: int = setting(4, about="Answers to one question (grpo).", low=2, high=64)
    max_new_tokens: int = setting(48, about="Tokens of an answer.", low=1)
    temperature: float = setting(0.9, about="Of sampling.", above=0, high=2)


@dataclass
class SampledTrainer(ObjectiveTrainer):
    """What objectives have that reward a model's own answers.

    Rewards are checked, not judged: the right choice or label, and the facts of the right answer.
    """

    learning_rate: float = setting(5e-5, about="Peak learning rate.", above=0)
    sampling: SamplingConfig = setting(SamplingConfig(), about="How answers are had.")
    kl: float = setting(0.04, about="Weight of the distance to the reference.", low=0)


@dataclass
class GrpoTrainer(SampledTrainer):
    """Reward a model's own answers relative to each other (Shao et al. 2024)."""

    name: str = "grpo"


@dataclass
class PpoTrainer(SampledTrainer):
    """Reward a model's own answers by proximal policy optimisation (Schulman et al. 2017)."""

    name: str = "ppo"


@dataclass
class ContinueTrainer(ObjectiveTrainer):
    """Go on with pretraining on plain text: what the training split says, without roles and chat template."""

    name: str = "continue"
    learning_rate: float = setting(1e-4, about="Peak learning rate.", above=0)
    packing: bool = setting(True, about="Several texts in a row, each seeing only itself.")


@dataclass
class ShapeConfig:
    """A decoder of nanoGPT's architecture (Radford et al. 2019)."""

    layers: int = setting(4, about="Decoder layers.", low=1)
    heads: int = setting(4, about="Attention heads.", low=1)
    width: int = setting(128, about="Width of the residual stream.", low=8)
    block: int = setting(64, about="Tokens that a prediction can look back.", low=8)
    dropout: float = setting(0.0, about="Dropout.", low=0, high=0.9)
    bias: bool = setting(False, about="Biases in linear layers and norms.")
    gated_attention: bool = setting(
        False, about="A sigmoid gate on the output of attention (Qiu et al. 2025); an experiment."
    )


@dataclass
class PretrainTrainer(TrainerConfig):
    """Train from random weights on security logs and texts, in nanoGPT's formats."""

    name: str = "pretrain"
    learning_rate: float = setting(1e-3, about="Peak learning rate.", above=0)
    weight_decay: float = setting(0.1, about="AdamW weight decay, on matrices only.", low=0, high=1)
    max_steps: int | None = setting(2000, about="Optimiser steps.", low=1)
    warmup_ratio: float = setting(0.05, about="Part of the steps spent warming up.", low=0, high=1)
    micro_batch_size: int = setting(12, about="Blocks per forward pass.", low=1)
    eval_steps: int = setting(250, about="Steps between validation losses.", low=0)
    shape: ShapeConfig = setting(ShapeConfig(), about="The model.")
    level: str = setting("character", about="What a token is.", choices=("character", "tokenizer"))
    tokenizer: str | None = setting(
        None, about="tokenizer.json of at most 65,536 tokens, or its folder (level tokenizer).", file=True
    )
    split: str = setting("time", about="Held out: the end of the text, or whole files.", choices=("time", "file"))
    validation_share: float = setting(0.1, about="Part of the text that is held out.", above=0, high=0.5)
    obfuscate: bool = setting(True, about="Addresses, hosts, users, tokens and ids are pseudonymised first.")
    allow: list[str] = setting([], about="Names, domains, addresses and networks that stay as they are.")
    key_file: str | None = setting(None, about="Key of the pseudonyms; null is pseudonyms.key in the cache, made once.")
    files: list[str] = setting([], about="Texts or logs (files, folders); empty takes the texts of the sources.")


def adapter_of(trainer: TrainerConfig) -> str:
    """Return which weights are trained: ``lora``, ``qlora``, ``dora``, or ``none`` for all."""
    if isinstance(trainer, ObjectiveTrainer):
        return trainer.adapter
    return trainer.name if isinstance(trainer, LoraTrainer) else "none"


def objective_of(trainer: TrainerConfig) -> str:
    """Return what is learned: ``sft``, or the name of another objective."""
    if isinstance(trainer, ObjectiveTrainer | PretrainTrainer):
        return trainer.name
    return "sft"


@dataclass
class BackendConfig:
    """The engine that trains."""

    name: str = setting(about="Which engine is used.", choices=BACKENDS)


@dataclass
class TrlBackend(BackendConfig):
    """transformers, peft, trl and accelerate, in this environment."""

    name: str = "trl"


@dataclass
class AxolotlBackend(BackendConfig):
    """Axolotl in an environment of its own."""

    name: str = "axolotl"
    extra: dict[str, Any] = setting({}, about="Settings for Axolotl by its own names; they win.")


@dataclass
class LlamaFactoryBackend(BackendConfig):
    """LLaMA-Factory in an environment of its own."""

    name: str = "llama_factory"
    extra: dict[str, Any] = setting({}, about="Settings for LLaMA-Factory by its own names; they win.")


@dataclass
class UnslothBackend(BackendConfig):
    """Unsloth in an environment of its own."""

    name: str = "unsloth"
    extra: dict[str, Any] = setting({}, about="Settings for Unsloth and its trainer by their own names; they win.")


@dataclass
class NanogptBackend(BackendConfig):
    """Pretraining in nanoGPT's formats: a checkout of nanoGPT, or secft's own engine of the same architecture."""

    name: str = "nanogpt"
    checkout: str | None = setting(None, about="Directory of a nanoGPT checkout; null is the own engine.", file=True)


@dataclass
class TrackerConfig:
    """Who is told about the progress of training; metrics.jsonl is always written."""

    name: str = setting(about="Which tracker is used.", choices=("none", "tensorboard"))


@dataclass
class NoTracker(TrackerConfig):
    """Only metrics.jsonl."""

    name: str = "none"


@dataclass
class TensorboardTracker(TrackerConfig):
    """Event files for TensorBoard in the run's directory."""

    name: str = "tensorboard"
    flush_seconds: int = setting(10, about="Seconds between writes.", low=1)
