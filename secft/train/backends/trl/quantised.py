"""A frozen base in four or eight bits (Dettmers et al. 2023), on a CUDA device or on a CPU."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import torch

from secft.environment import install_command
from secft.errors import InputError, MissingExtraError
from secft.train.distributed.world import World
from secft.train.job import TrainJob
from secft.train.runners.guards import guard_quantised


def quantised_loading(job: TrainJob, dtype: torch.dtype) -> dict[str, Any]:
    """Return the arguments of ``from_pretrained`` that quantise the weights.

    Args:
        job: how they are stored.
        dtype: what products are computed in.

    Raises:
        MissingExtraError: bitsandbytes is not installed.
        InputError: the hardware cannot compute with such weights.
    """
    from transformers import BitsAndBytesConfig

    if find_spec("bitsandbytes") is None:
        raise MissingExtraError(f"adapter qlora needs bitsandbytes: {install_command('qlora')}")
    settings = job.quantization
    # A head that is drawn at random is learned, not stored in four bits.
    skip = {"llm_int8_skip_modules": ["score"]} if job.objective.scores else {}
    device = {"": World.of_environment().local_rank} if torch.cuda.is_available() else {"": "cpu"}
    if settings.bits == 8:
        return {"quantization_config": BitsAndBytesConfig(load_in_8bit=True, **skip), "device_map": device}
    if settings.bits != 4:
        raise InputError(f"trainer.quantization.bits={settings.bits}: bitsandbytes stores 4 or 8 bits")
    how = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=settings.type,
        bnb_4bit_use_double_quant=settings.double,
        bnb_4bit_compute_dtype=dtype,
        **skip,
    )
    return {"quantization_config": how, "device_map": device}


def ready_for_adapters(model: Any, job: TrainJob) -> None:
    """Freeze a quantised model, and keep its layers from being repacked on a CPU.

    What is not quantised (embeddings, norms, head) stays in the precision of the products: peft's preparation for
    training in few bits makes it fp32, and with it everything that flows between the layers, twice the memory. Norms
    compute in fp32 inside, whatever the type of their weights.

    On a CPU with AVX512-BF16, bitsandbytes 0.50 repacks weights at the first forward pass without gradients (any
    evaluation); afterwards no gradient reaches the input of a layer, and the adapters below it learn nothing.
    """
    model.requires_grad_(False)
    if job.trainer.gradient_checkpointing:
        # Activations that are computed again need an input with a gradient where the first layers are frozen.
        model.enable_input_require_grads()
    guard_quantised(model)
