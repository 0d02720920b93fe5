"""Checkpoints from which a run goes on as if it had never stopped: weights, optimizer, random numbers, progress."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from secft.train.backends.nanogpt.model import GPT
from secft.train.backends.nanogpt.weights import WEIGHTS, fill, save_weights
from secft.train.checkpoints import CheckpointProgress, last_complete, mark_complete

OPTIMIZER = "optimizer.safetensors"
KEPT = 2
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


def save_state(model: GPT, optimizer: torch.optim.AdamW, progress: CheckpointProgress, checkpoints: Path) -> Path:
    """Write a checkpoint, its marker last, and remove the oldest."""
    directory = checkpoints / f"checkpoint-{progress.step}"
    shutil.rmtree(directory, ignore_errors=True)
    save_weights(model, directory)
    tensors: dict[str, Tensor] = {"random": torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    for name, parameter in model.named_parameters():
        for moment, value in optimizer.state[parameter].items():
            tensors[f"{moment}:{name}"] = value.detach().to("cpu").contiguous()
    save_file(tensors, directory / OPTIMIZER)
    mark_complete(directory, progress)
    found = sorted(checkpoints.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    for old in found[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return directory


def load_state(
    model: GPT, optimizer: torch.optim.AdamW, checkpoints: Path, job_digest: str
) -> CheckpointProgress | None:
    """Put the newest checkpoint of a job back; return its progress, or None where there is none."""
    found = last_complete(checkpoints, job_digest)
    if found is None:
        return None
    directory, progress = found
    fill(model, load_file(directory / WEIGHTS))
    tensors = load_file(directory / OPTIMIZER)
    for name, parameter in model.named_parameters():
        moments = {moment: tensors[f"{moment}:{name}"] for moment in _MOMENTS if f"{moment}:{name}" in tensors}
        # Steps stay where the optimizer keeps them; the moments lie beside the parameter.
        optimizer.state[parameter] = {
            key: value.to(parameter.device) if key != "step" or parameter.is_cuda else value
            for key, value in moments.items()
        }
    torch.set_rng_state(tensors["random"])
    if "random.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random.cuda"])
    return progress
