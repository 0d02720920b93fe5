"""What all ways of training (trainer), backends and trackers have.

The settings of one way of training stand in its module of secft/train/objectives, those of a backend in its folder of
secft/train/backends.
"""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.setting import setting


@dataclass
class LoraConfig:
    """Low-rank adapters (Hu et al. 2021)."""

    r: int = setting(16, about="Rank.", low=1, high=1024)
    alpha: int = setting(32, about="Scale is alpha / r.", low=1)
    dropout: float = setting(0.0, about="Dropout before the adapter.", low=0, high=0.9)
    target_modules: list[str] = setting(["all-linear"], about="Module names, or all-linear.")
    bias: str = setting("none", about="Which biases are trained.", choices=("none", "all", "lora_only"))
    modules_to_save: list[str] = setting(
        [],
        about="Modules that are trained whole beside the adapter, such as lm_head; trl only, not for tied embeddings.",
    )


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


@dataclass(frozen=True)
class Adapter:
    """Which weights are trained.

    Attributes:
        name: as settings and results have it.
        whole: all weights of the model; there is no adapter beside it.
        quantised: the frozen base is stored in few bits.
        magnitudes: direction and magnitude of an adapter are learned apart (Liu et al. 2024).
    """

    name: str
    whole: bool = False
    quantised: bool = False
    magnitudes: bool = False


ADAPTERS = {
    adapter.name: adapter
    for adapter in (
        Adapter("none", whole=True), Adapter("lora"), Adapter("qlora", quantised=True), Adapter("dora", magnitudes=True)
    )
}  # fmt: skip


@dataclass(frozen=True)
class Optimizer:
    """How weights are changed by their gradients.

    Attributes:
        name: as settings have it, and as ``optim`` of transformers' TrainingArguments.
        moment_bytes: of the two moments of a weight; those in 8 bits have a scale for each 256 (Dettmers et al. 2022).
        eight_bit: the moments are stored in 8 bits, by bitsandbytes.
        paged: the moments go to main memory where the memory of the GPU is not enough.
    """

    name: str
    moment_bytes: float
    eight_bit: bool = False
    paged: bool = False


OPTIMIZERS = {
    optimizer.name: optimizer
    for optimizer in (
        Optimizer("auto", 8),
        Optimizer("adamw", 8),
        Optimizer("adamw_8bit", 2 * (1 + 4 / 256), eight_bit=True),
        Optimizer("paged_adamw_8bit", 2 * (1 + 4 / 256), eight_bit=True, paged=True),
    )
}


@dataclass
class TrainerConfig:
    """What every way of training has."""

    name: str = setting(about="Which way of training is used; the records in secft/train/objectives.")
    learning_rate: float = setting(5e-4, about="Peak learning rate.", above=0)
    scheduler: str = setting(
        "cosine", about="Shape of the learning rate.", choices=("cosine", "linear", "constant", "constant_with_warmup")
    )
    optimizer: str = setting(
        "auto",
        about="AdamW (auto), its moments in 8 bits, or those in main memory where the GPU is full (paged).",
        choices=tuple(OPTIMIZERS),
    )
    warmup_ratio: float = setting(0.05, about="Part of the steps spent warming up.", low=0, high=1)
    weight_decay: float = setting(0.0, about="AdamW weight decay.", low=0, high=1)
    max_grad_norm: float = setting(1.0, about="Gradient clipping.", above=0)
    epochs: float = setting(1.0, about="Passes over the training split.", above=0)
    pass_tokens: int | None = setting(
        "${hardware.pass_tokens}",
        about="A pass ends after about so many tokens, drawn by seed; null is the whole split.",
        low=1,
    )
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
class AdaptedTrainer(TrainerConfig):
    """What ways of training with low-rank adapters beside the frozen base have."""

    lora: LoraConfig = setting(LoraConfig(), about="The adapter.")


@dataclass
class QuantisedTrainer(AdaptedTrainer):
    """What ways of training beside a base have that may be quantised."""

    quantization: QuantizationConfig = setting(QuantizationConfig(), about="How the base is stored.")


@dataclass
class ObjectiveTrainer(QuantisedTrainer):
    """What every objective other than imitation has: which weights are trained is a setting of its own."""

    adapter: str = setting(
        "lora", about="Which weights are trained: an adapter, or all (none).", choices=tuple(ADAPTERS)
    )
    packing: bool = setting(False, about="Pairs and samples are not packed.")


@dataclass
class PairsConfig:
    """How answers that are worse than the right one are had where the dataset holds none.

    Pairs of the dataset (``rejected``) are used as they are. Where it is asked for, a worse answer is made of the right
    one in other rows: another choice, the answer about another entity, or the right answer with its facts swapped.
    """

    corrupt: bool = setting(False, about="Make worse answers of right ones where the dataset has none.")
    per_example: int = setting(1, about="Pairs of one example.", low=1, high=8)
    max_pairs: int | None = setting(None, about="At most so many pairs, drawn by seed.", low=1)


@dataclass
class PairTrainer(ObjectiveTrainer):
    """What objectives over pairs of answers have."""

    learning_rate: float = setting(1e-4, about="Peak learning rate.", above=0)
    pairs: PairsConfig = setting(PairsConfig(), about="Where pairs come from.")


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
class BackendConfig:
    """What trains."""

    name: str = setting(about="What trains; the records in secft/train/backends.")


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
