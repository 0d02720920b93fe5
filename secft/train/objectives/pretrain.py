"""Training from random weights on security logs and texts."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.schemas.training import TrainerConfig
from secft.config.setting import setting
from secft.train.objective import Method, Objective, Support, no
from secft.train.views import TEXTS


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
    eval_steps: int = setting(
        250, about="Steps between validation losses, and between checkpoints; 0 is only at the end.", low=0
    )
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


STARTS_FROM_WEIGHTS = no("starts from the weights of a base model here")
SUPPORT = {
    "trl": no("has no start from random weights"),
    "axolotl": STARTS_FROM_WEIGHTS,
    "llama_factory": STARTS_FROM_WEIGHTS,
    "unsloth": no("loads pretrained weights only"),
    "nanogpt": Support("its own architecture and data format"),
}

OBJECTIVE = Objective(
    name="pretrain",
    title="Pretraining from random weights",
    rows=TEXTS,
    methods=(Method("pretrain", PretrainTrainer, SUPPORT, adapter="none"),),
    loss="Loss on every token of plain text.",
)
