"""The embedded trainer: ``python -m secft.train.backends.nanogpt.runner <directory>`` runs the job.json in a directory.

It leaves metrics.jsonl, ``weights/`` (for secft), ``model/`` (for transformers, where GPT-2 has a place for every
weight) and, last, result.json with the keys of ``secft.train.job.TrainResult``.
"""

from __future__ import annotations

import math
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from secft.files import write_json
from secft.train.backends.nanogpt.job import PretrainJob
from secft.train.process_setup import prepare
from secft.train.program import exit_code, stop_on_signals
from secft.train.runners.facts import die_with_parent, library_versions, peak_memory_gib

if TYPE_CHECKING:
    from secft.train.backends.nanogpt.model import GPT
    from secft.train.backends.nanogpt.trainer import Trainer

LIBRARIES = ("torch", "safetensors", "numpy", "tokenizers")


def main(argv: list[str]) -> int:
    """Run the job of a directory; return the exit code."""
    die_with_parent()
    directory = Path(argv[0])
    job = PretrainJob.read(directory / "job.json")
    prepare(offline=True, threads=job.threads)
    return exit_code(lambda: train(job, directory))


def train(job: PretrainJob, directory: Path) -> bool:
    """Train to the end or to an interruption.

    Args:
        job: what to train.
        directory: receives checkpoints, metrics.jsonl, the model and result.json, in this order.

    Returns:
        False if a signal stopped the run after a checkpoint.
    """
    from secft.train.backends.nanogpt.trainer import Trainer

    started = time.perf_counter()
    job.check()
    directory.mkdir(parents=True, exist_ok=True)
    job_digest = job.fingerprint()
    trainer = Trainer(job, directory, job_digest)
    plan = {"total_steps": job.max_iters, "resumed_step": trainer.progress.step}
    setup = {"engine": engine_name(trainer), "setup_seconds": time.perf_counter() - started}
    write_json(directory / "started.json", {**plan, **setup})
    restore = stop_on_signals(trainer)
    try:
        finished = trainer.run()
    finally:
        restore()
    if not finished:
        return False
    model, whole = _final(trainer)
    saved = save_model(model, directory, Path(job.data_dir))
    write_json(directory / "result.json", {**_result(trainer, saved, whole), "job_digest": job_digest})
    return True


def engine_name(trainer: Trainer) -> str:
    """Return what computed, for example ``gpt+cpu+bf16``."""
    hardware = trainer.hardware
    parts = ["gpt", hardware.device, hardware.precision, *(["compiled"] if hardware.compiled else [])]
    return "+".join([*parts, *trainer.job.experiments])


def _final(trainer: Trainer) -> tuple[GPT, float]:
    """Return the model to keep, the best one if asked, and its loss over all of val.bin."""
    from secft.train.backends.nanogpt.trainer import whole_loss
    from secft.train.backends.nanogpt.weights import load_weights

    best = trainer.directory / "best"
    if trainer.job.keep_best and best.is_dir():
        model = load_weights(best)
        return model, whole_loss(model, trainer.val, trainer.job)
    return trainer.model, trainer.whole_validation_loss()


def save_model(model: GPT, directory: Path, data_dir: Path) -> str:
    """Write the weights in both forms, each beside its place first; return the name of the one to go on with."""
    from secft.train.backends.nanogpt.weights import export, save_weights

    for name in ("weights", "model"):
        temporary = directory / f"{name}.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        if name == "weights":
            save_weights(model, temporary)
        elif model.shape.experiments:
            return "weights"
        else:
            export(model, temporary, data_dir)
        shutil.rmtree(directory / name, ignore_errors=True)
        temporary.rename(directory / name)
    return "model"


def _result(trainer: Trainer, saved: str, whole: float) -> dict[str, Any]:
    from secft.train.metrics import final_train_loss

    progress, best = trainer.progress, trainer.history.best()
    return {
        "adapter_dir": saved,
        "status": "diverged" if trainer.diverged else "completed",
        "steps": progress.step,
        "epochs": trainer.epoch,
        "examples": len(trainer.train),
        "dropped": 0,
        "truncated": 0,
        "tokens": progress.tokens,
        "supervised_tokens": progress.supervised_tokens,
        "seconds": progress.seconds,
        "train_loss": final_train_loss(trainer.metrics),
        "best_validation_loss": best[1] if best is not None and math.isfinite(best[1]) else None,
        "final_validation_loss": whole if math.isfinite(whole) else None,
        "tokens_per_second": progress.tokens / max(progress.step_seconds, 1e-9),
        "peak_memory_gib": peak_memory_gib(),
        "precision": trainer.hardware.precision,
        "engine": engine_name(trainer),
        "trainable_parameters": sum(p.numel() for p in trainer.model.parameters()),
        "versions": library_versions(LIBRARIES),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
