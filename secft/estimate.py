"""How much memory and time a training will need, from sizes alone: rough, and labelled so."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.schemas.model import Architecture
from secft.config.schemas.training import OPTIMIZERS, AdaptedTrainer, Adapter, QuantisedTrainer, QuantizationConfig
from secft.environment import cores
from secft.train.checks.machine import Machine, machine_of
from secft.train.objectives import adapter_of, objective_of
from secft.train.passes import cut_short
from secft.train.setup import TrainingSetup

CPU_BF16_FLOPS = 2.7e11
CPU_FP32_FLOPS = 8e10
"""Floating-point operations per second and core that the trl backend reaches in training, measured with
benchmarks/train_cpu.py on AVX512-BF16 cores."""
CUDA_FLOPS = 1.2e14
"""What a training step reaches on a data-centre GPU: 40 % of 312 TFLOP/s in bf16."""
PROCESS_BYTES = 800 * 2**20
"""What the process of a training needs before it holds a model: torch, transformers and their code."""
CONTEXT_BYTES = 700 * 2**20
"""What CUDA and its libraries take of a device."""
SCALE_BITS = {True: 8 / 64 + 32 / (64 * 256), False: 32 / 64}
"""Bits that the scales add to a quantised weight, themselves quantised or not (Dettmers et al. 2023, section 3)."""
LOGIT_COPIES = 2
"""How often logits of a batch stand in memory at once: themselves and their gradient."""
DIVIDED = {
    "deepspeed_zero1": ("optimiser",),
    "deepspeed_zero2": ("optimiser", "gradients"),
    "deepspeed_zero3": ("optimiser", "gradients", "weights"),
    "fsdp2": ("optimiser", "gradients", "weights"),
}
"""strategy -> parts that its processes divide among them."""
OFFLOADED = {"optimizer": ("optimiser",), "all": ("optimiser", "weights")}
"""offload -> parts that are kept in main memory."""
KEPT_OF_WIDTH = {
    ("quantised", True): 24.4, ("adapter", True): 26.3, ("whole", True): 30.2,
    ("quantised", False): 24.5, ("adapter", False): 24.5, ("whole", False): 32.2,
}  # fmt: skip
"""(what is trained, bf16) -> bytes that a layer keeps for its backward pass, per token and unit of width, besides those
of keys, values and the inner width of its feed-forward block (``kept_by_layer``). Fitted to the tensors that autograd
saves in narrow Llama models (tests/train/test_memory.py counts them for one more shape, within 15 %)."""


@dataclass(frozen=True)
class TrainingEstimate:
    """Rough needs of a training run.

    Attributes:
        base_parameters: weights of the base model.
        trained_parameters: weights that are trained.
        memory_bytes: part -> bytes on each device: libraries, weights, gradients, optimiser, activations, logits.
        seconds: training time on the hardware of the configuration, or None where the tokens are not known.
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
    attention = shape.hidden_size * (2 * _query_width(shape) + 2 * _key_value_width(shape))
    router = shape.hidden_size * shape.experts if shape.experts > 1 else 0
    feed_forward = 3 * shape.hidden_size * shape.intermediate_size * shape.experts + router
    layer = attention + feed_forward + 2 * shape.hidden_size
    embeddings = shape.vocabulary * shape.hidden_size * (1 if shape.tied_embeddings else 2)
    return shape.layers * layer + embeddings + shape.hidden_size


def lora_parameters(shape: Architecture, rank: int) -> int:
    """Return the weights of rank-r adapters on all linear layers of a Llama-like model."""
    hidden, key_value, inner = shape.hidden_size, _key_value_width(shape), shape.intermediate_size
    widths = 2 * (hidden + _query_width(shape)) + 2 * (hidden + key_value) + 3 * (hidden + inner)
    return shape.layers * rank * widths


def estimate(
    setup: TrainingSetup, tokens: int | None, micro_batch: int | None = None, *, epochs_counted: bool = False
) -> TrainingEstimate:
    """Estimate memory and time of a training.

    Args:
        setup: the training.
        tokens: tokens of the training split, or None if it cannot be known here.
        micro_batch: rows of a forward pass, instead of the trainer's.
        epochs_counted: the tokens are those of all steps of the training, not of one pass over the split.
    """
    shape, trainer, machine = setup.model.architecture, setup.trainer, machine_of(setup.hardware)
    base = parameters(shape)
    trained = trained_parameters(setup)
    bf16 = _computes_in_bf16(setup, machine)
    # Forward, and backward through frozen weights; trained ones cost a third product.
    per_token = (6 if trained == base else 4) * base + 2 * trained
    if trainer.gradient_checkpointing:
        per_token += 2 * base  # the forward pass is done again
    seen = tokens if tokens is None or epochs_counted else tokens * cut_short(trainer, tokens).epochs
    if seen is not None and trainer.max_steps and not epochs_counted:
        seen = min(seen, setup.global_batch * trainer.max_length * trainer.max_steps)
    seconds = None if seen is None else seen * per_token / _speed(machine, bf16, setup.world)
    on_gpu = None if seen is None else seen * per_token / CUDA_FLOPS
    memory = memory_of_parts(setup, machine, micro_batch or trainer.micro_batch_size)
    return TrainingEstimate(base, trained, memory, seconds, on_gpu, machine.summary)


def trained_parameters(setup: TrainingSetup) -> int:
    """Return the number of weights that are trained."""
    shape, trainer = setup.model.architecture, setup.trainer
    if isinstance(trainer, AdaptedTrainer) and not adapter_of(trainer).whole:
        return lora_parameters(shape, trainer.lora.r)
    return parameters(shape)


def memory_of_parts(setup: TrainingSetup, machine: Machine, micro_batch: int) -> dict[str, int]:
    """Return part -> bytes on each device.

    Weights that are trained are kept in fp32, with a gradient and two moments of AdamW in fp32 or 8 bits. FSDP and
    DeepSpeed divide what they divide among the processes: ZeRO 1 the optimiser, ZeRO 2 the gradients too, ZeRO 3 and
    FSDP 2 all three.

    Source: Rajbhandari et al. 2020 (ZeRO), section 3.
    """
    shape, trainer, spread = setup.model.architecture, setup.trainer, setup.distributed
    adapter, bf16 = adapter_of(trainer), _computes_in_bf16(setup, machine)
    width = 2 if bf16 else 4
    trained = trained_parameters(setup)
    rows = micro_batch * trainer.max_length * objective_of(trainer).rows_in_memory
    layers = 1 if trainer.gradient_checkpointing else shape.layers
    kept = rows * shape.hidden_size * width * (shape.layers if trainer.gradient_checkpointing else 0)
    memory = {
        "libraries": PROCESS_BYTES if machine.device == "cpu" else CONTEXT_BYTES,
        "weights": _weight_bytes(setup, width) + (0 if adapter.whole else trained * 4),
        "gradients": trained * 4,
        "optimiser": _moment_bytes(setup, trained, machine),
        "activations": int(rows * layers * kept_by_layer(shape, adapter, bf16=bf16)) + kept,
        # Logits, their gradient and the softmax between them.
        "logits": rows * shape.vocabulary * 4 * LOGIT_COPIES,
    }
    for part in DIVIDED.get(spread.name, ()):
        memory[part] = memory[part] // setup.world
    for part in OFFLOADED.get(spread.offload, ()) if machine.device == "cuda" else ():
        memory[part] = 0
    if machine.device == "cpu" and spread.processes > 1:  # processes of one machine share its memory
        memory = {part: size * spread.processes for part, size in memory.items()}
    return memory


def _moment_bytes(setup: TrainingSetup, trained: int, machine: Machine) -> int:
    """Return the bytes of the optimizer's moments that a device must hold."""
    optimizer, shape = OPTIMIZERS[setup.trainer.optimizer], setup.model.architecture
    if optimizer.paged and machine.device == "cuda":
        return 0  # they go to main memory where there is no room
    # transformers keeps the moments of embeddings in fp32.
    plain = shape.vocabulary * shape.hidden_size if optimizer.eight_bit and adapter_of(setup.trainer).whole else 0
    return int((trained - plain) * optimizer.moment_bytes) + plain * 8


def _weight_bytes(setup: TrainingSetup, width: int) -> int:
    """Return the bytes of a base model's weights, ``width`` bytes each where they are neither quantised nor trained."""
    shape, adapter = setup.model.architecture, adapter_of(setup.trainer)
    base = parameters(shape)
    if adapter.whole:
        return base * (4 + (2 if width == 2 else 0))  # autocast keeps a copy in bf16 until the backward pass
    if not adapter.quantised:
        return base * width
    how = setup.trainer.quantization if isinstance(setup.trainer, QuantisedTrainer) else QuantizationConfig()
    # Embeddings and head are not quantised.
    plain = shape.vocabulary * shape.hidden_size * (1 if shape.tied_embeddings else 2)
    bits = how.bits + (SCALE_BITS[how.double] if how.bits == 4 else 0)
    return plain * width + int((base - plain) * bits / 8)


def kept_by_layer(shape: Architecture, adapter: Adapter, *, bf16: bool) -> float:
    """Return the bytes that a decoder layer keeps of one token for its backward pass."""
    what = "quantised" if adapter.quantised else "whole" if adapter.whole else "adapter"
    item = 2 if bf16 else 4
    inner = item * (2 * _key_value_width(shape) + 4 * shape.intermediate_size)
    return KEPT_OF_WIDTH[what, bf16] * shape.hidden_size + inner


def _query_width(shape: Architecture) -> int:
    return shape.attention_heads * shape.head_width if shape.head_width else shape.hidden_size


def _key_value_width(shape: Architecture) -> int:
    return _query_width(shape) * shape.key_value_heads // max(shape.attention_heads, 1)


def _computes_in_bf16(setup: TrainingSetup, machine: Machine) -> bool:
    if setup.trainer.precision != "auto":
        return setup.trainer.precision == "bf16"
    return machine.bf16


def _speed(machine: Machine, bf16: bool, processes: int) -> float:
    if machine.device == "cuda":
        return CUDA_FLOPS * processes
    return cores() * (CPU_BF16_FLOPS if bf16 else CPU_FP32_FLOPS)
