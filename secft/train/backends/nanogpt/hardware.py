"""What this machine computes with: device, precision of matrix products, compilation."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from secft.errors import InputError
from secft.train.backends.nanogpt.job import PretrainJob


@dataclass(frozen=True)
class ComputeDevice:
    """What a job runs on.

    Attributes:
        device: cpu or cuda.
        precision: fp32 or bf16, of matrix products; weights and the optimizer are always 32-bit.
        compiled: whether torch.compile is used.
        threads: CPU threads.
    """

    device: str
    precision: str
    compiled: bool
    threads: int


def choose(job: PretrainJob) -> ComputeDevice:
    """Decide for a job, and set torch's threads and precision in this process.

    Raises:
        InputError: the job asks for what this machine lacks.
    """
    cuda = torch.cuda.is_available()
    if job.device == "cuda" and not cuda:
        raise InputError("device=cuda: torch finds no CUDA device here; use device=auto or cpu.")
    device = "cuda" if cuda and job.device != "cpu" else "cpu"
    threads = job.threads or len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    if device == "cuda":
        precision = "bf16" if torch.cuda.is_bf16_supported() and job.precision != "fp32" else "fp32"
    else:
        precision = _cpu_products(job.precision)
    if job.precision == "bf16" and precision != "bf16":
        raise InputError("precision=bf16: this processor has no matrix units for bfloat16; use precision=auto or fp32.")
    if job.compile == "true" and device == "cpu" and shutil.which("g++") is None and shutil.which("clang++") is None:
        raise InputError("compile=true: torch.compile needs a C++ compiler here; use compile=auto or false.")
    # On a CPU compilation takes longer than it saves at these sizes.
    compiled = job.compile == "true" or (job.compile == "auto" and device == "cuda")
    return ComputeDevice(device, precision, compiled, threads)


def _cpu_products(wanted: str) -> str:
    """Choose who multiplies 32-bit matrices in this process, and return in which precision they do.

    ``medium`` hands the products to oneDNN. It multiplies in bfloat16 where the processor has matrix units for that;
    elsewhere it stays with 32-bit numbers and is still much faster than the default where that is not made for the
    processor (`benchmarks/results/nanogpt.md`). Which of the two it does is measured, not guessed.
    """
    torch.set_float32_matmul_precision("highest" if wanted == "fp32" else "medium")
    generator = torch.Generator().manual_seed(0)
    one, other = (torch.randn(64, 64, generator=generator) for _ in range(2))
    error = (one @ other - (one.double() @ other.double()).float()).abs().max()
    return "bf16" if float(error) > 1e-3 else "fp32"


@contextmanager
def compute_precision(hardware: ComputeDevice) -> Iterator[None]:
    """Compute in bfloat16 on a GPU that was chosen for it; a CPU's products are set once, by choose."""
    if hardware.device == "cpu":
        yield
        return
    with torch.autocast("cuda", torch.bfloat16, enabled=hardware.precision == "bf16"):
        yield
