"""How much memory and time a training will need, from sizes alone: rough, and labelled so."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.model import Architecture
from secft.config.run import RunConfig
from secft.config.training import LoraTrainer, adapter_of
from secft.environment import cores, cpu_flags, cuda_devices

CPU_BF16_FLOPS = 2.7e11
CPU_FP32_FLOPS = 8e10
"""Floating-point operations per second and core that the trl backend reaches in training, measured with
benchmarks/train_cpu.py on AVX512-BF16 cores."""
CUDA_FLOPS = 1.2e14
"""What a training step reaches on a data-centre GPU: 40 % of 312 TFLOP/s in bf16."""
PROCESS_BYTES = 800 * 2**20
"""What the engine's process needs before it holds a model: torch, transformers and their code."""
ACTIVATION_BYTES = 34
"""Bytes kept per token, layer and unit of width with 16-bit activations (Korthikanti et al. 2022, eq. 1 without the
attention matrix)."""


@dataclass(frozen=True)
class Estimate:
    """Rough needs of a training run.

    Attributes:
        base_parameters: weights of the base model.
        trained_parameters: weights that are trained.
        memory_bytes: part -> bytes: weights, gradients and optimiser, activations, logits.
        seconds: training time on this machine, or None where the number of tokens is not known.
        gpu_seconds: the same on one data-centre GPU.
        device: what the time is for.
    """

    base_parameters: int
    trained_parameters: int
    memory_bytes: dict[str, int]
    seconds: float | None
    gpu_seconds: float | None
    device: str

    @property
    def total_bytes(self) -> int:
        """Sum of all parts."""
        return sum(self.memory_bytes.values())


def parameters(shape: Architecture) -> int:
    """Return the number of weights of a Llama-like model."""
    attention = shape.hidden_size * (2 * shape.hidden_size + 2 * _key_value_width(shape))
    layer = attention + 3 * shape.hidden_size * shape.intermediate_size + 2 * shape.hidden_size
    embeddings = shape.vocabulary * shape.hidden_size * (1 if shape.tied_embeddings else 2)
    return shape.layers * layer + embeddings + shape.hidden_size


def lora_parameters(shape: Architecture, rank: int) -> int:
    """Return the weights of rank-r adapters on all linear layers of a Llama-like model."""
    hidden, key_value, inner = shape.hidden_size, _key_value_width(shape), shape.intermediate_size
    widths = 2 * (hidden + hidden) + 2 * (hidden + key_value) + 3 * (hidden + inner)
    return shape.layers * rank * widths


def estimate(config: RunConfig, tokens: int | None) -> Estimate:
    """Estimate memory and time of the training of a configuration.

    Args:
        config: the whole configuration.
        tokens: tokens of the training split, or None if it cannot be known here.
    """
    shape, trainer = config.model.architecture, config.trainer
    base = parameters(shape)
    trained = (
        lora_parameters(shape, trainer.lora.r)
        if isinstance(trainer, LoraTrainer) and adapter_of(trainer) != "none"
        else base
    )
    bf16 = _computes_in_bf16(config)
    width = 2 if bf16 else 4
    rows = trainer.micro_batch_size * trainer.max_length
    weights = base * (0.55 if adapter_of(trainer) == "qlora" else width)
    memory = {
        "libraries": PROCESS_BYTES,
        "weights": int(weights),
        "gradients and optimiser": trained * (4 + 8 + 4),
        "activations": int(rows * shape.layers * shape.hidden_size * ACTIVATION_BYTES * width / 2),
        "logits": rows * shape.vocabulary * 4,
    }
    # Forward, and backward through frozen weights; trained ones cost a third product.
    per_token = (6 if trained == base else 4) * base + 2 * trained
    seen = None if tokens is None else tokens * trainer.epochs
    if seen is not None and trainer.max_steps:
        seen = min(seen, rows * trainer.gradient_accumulation * trainer.max_steps)
    seconds = None if seen is None else seen * per_token / _speed(bf16)
    on_gpu = None if seen is None else seen * per_token / CUDA_FLOPS
    return Estimate(base, trained, memory, seconds, on_gpu, "CUDA" if cuda_devices() else f"{cores()} CPU cores")


def _key_value_width(shape: Architecture) -> int:
    return shape.hidden_size * shape.key_value_heads // max(shape.attention_heads, 1)


def _computes_in_bf16(config: RunConfig) -> bool:
    if config.trainer.precision != "auto":
        return config.trainer.precision == "bf16"
    return bool(cuda_devices()) or bool(cpu_flags() & {"avx512_bf16", "amx_bf16"})


def _speed(bf16: bool) -> float:
    if cuda_devices():
        return CUDA_FLOPS * len(cuda_devices())
    return cores() * (CPU_BF16_FLOPS if bf16 else CPU_FP32_FLOPS)
