"""What is learned (trainer), which engine does it (backend), who is told (tracker)."""

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


@dataclass
class QuantizationConfig:
    """How frozen base weights are stored while an adapter is trained (Dettmers et al. 2023)."""

    bits: int = setting(4, about="Bits per weight.", low=4, high=8)
    type: str = setting("nf4", about="Number format.", choices=("nf4", "fp4"))
    double: bool = setting(True, about="Quantise the scales too.")


@dataclass
class TrainerConfig:
    """What every way of supervised training has."""

    name: str = setting(about="Which way of training is used.", choices=("lora", "qlora", "full"))
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
    micro_batch_size: int = setting(2, about="Rows per forward pass.", low=1)
    gradient_accumulation: int = setting(1, about="Micro batches per optimiser step.", low=1)
    packing: bool = setting(True, about="Several examples in a row, each seeing only itself.")
    precision: str = setting("auto", about="auto is bf16 where the hardware has it.", choices=("auto", "bf16", "fp32"))
    compile: str = setting(
        "auto",
        about="Compile one decoder layer; auto decides by hardware and run length.",
        choices=("auto", "true", "false"),
    )
    eval_steps: int = setting(80, about="Steps between validation losses; 0 is only at the end.", low=0)
    save_steps: int = setting(40, about="Steps between checkpoints; 0 is only at the end.", low=0)
    save_total_limit: int = setting(2, about="Checkpoints that are kept.", low=1)
    early_stopping_patience: int = setting(4, about="Evaluations without progress before stopping; 0 is off.", low=0)


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
class FullTrainer(TrainerConfig):
    """Train every weight."""

    name: str = "full"
    learning_rate: float = setting(2e-5, about="Peak learning rate.", above=0)


@dataclass
class BackendConfig:
    """The engine that trains."""

    name: str = setting(about="Which engine is used.", choices=("trl",))


@dataclass
class TrlBackend(BackendConfig):
    """transformers, peft, trl and accelerate, in this environment."""

    name: str = "trl"


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
