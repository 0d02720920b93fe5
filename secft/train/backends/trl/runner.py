"""The trl engine: ``python -m secft.train.backends.trl.runner <directory>`` runs the job.json in a directory."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from secft.config.schemas.training import OPTIMIZERS
from secft.files import write_json
from secft.models.soundness import read_object
from secft.train.backends.trl.saving import save_like_base
from secft.train.checkpoints import CheckpointProgress, keep_rows_until, last_complete
from secft.train.distributed.notes import noted
from secft.train.distributed.world import World
from secft.train.divergence import RollbackWanted
from secft.train.job import TrainJob
from secft.train.objectives import adapter_of
from secft.train.process_setup import prepare
from secft.train.program import exit_code, stop_on_signals
from secft.train.runners.facts import die_with_parent, finite_or_none, library_versions, peak_memory_gib, tidy_config

if TYPE_CHECKING:
    from secft.train.backends.trl.loading import LoadedJob
    from secft.train.backends.trl.observed import ObservedTrainer

OF_CHECKPOINTS = ("optimizer*", "scheduler*", "rng_state*", "trainer_state*", "pytorch_model_fsdp*", "complete.json",
                  "global_step*", "latest", "zero_to_fp32.py")  # fmt: skip
"""What a checkpoint holds besides weights and tokenizer."""
LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "tokenizers", "safetensors")


def main(argv: list[str]) -> int:
    """Run the job of a directory; return the exit code."""
    die_with_parent()
    directory = Path(argv[0])
    job = TrainJob.read(directory / "job.json")
    prepare(offline=job.offline, threads=job.threads)
    world = World.of_environment()

    def work() -> bool:
        _spare(job)
        return train(job, directory)

    return exit_code(work) if world.size == 1 else noted(directory, world.rank, lambda: exit_code(work))


def _spare(job: TrainJob) -> None:
    """Keep peft from importing bitsandbytes, and the compiler of torch with it, where nothing of it is needed.

    Both take about a sixth of the time in which the libraries load; a name whose module is None is not found.
    """
    stored = read_object(Path(job.model_dir) / "config.json").get("quantization_config")
    if not (stored or adapter_of(job.trainer).quantised or OPTIMIZERS[job.trainer.optimizer].eight_bit):
        sys.modules.setdefault("bitsandbytes", None)  # type: ignore[arg-type]  # documented: Python's import system


def train(job: TrainJob, directory: Path) -> bool:
    """Train to the end or to an interruption.

    Args:
        job: what to train.
        directory: receives checkpoints, metrics.jsonl, the adapter and result.json, in this order.

    Returns:
        False if a signal stopped the run after a checkpoint.

    Raises:
        RollbackWanted: the loss left all bounds, and the job may go back to a checkpoint.
    """
    from secft.train.backends.trl.loading import load_job
    from secft.train.backends.trl.loss_guard import LossGuard
    from secft.train.backends.trl.observed import StepRecorder

    started, world = time.perf_counter(), World.of_environment()
    world.join(job.distributed.device, job.distributed.timeout)
    loaded = load_job(job)
    job_digest, metrics = job.fingerprint(), directory / "metrics.jsonl"
    resumed = _last_checkpoint(directory, job_digest, metrics, world)
    progress = resumed[1] if resumed else CheckpointProgress(job_digest)
    trainer = loaded.trainer(job, directory, progress, metrics)
    setup = {"engine": loaded.engine, "setup_seconds": time.perf_counter() - started}
    trainer.add_callback(StepRecorder(trainer, directory / "started.json", setup))
    guard = LossGuard(trainer)
    trainer.add_callback(guard)
    stop_on_signals(trainer)
    trainer.train(resume_from_checkpoint=str(resumed[0]) if resumed else None)
    if trainer.stop_requested and trainer.state.global_step < trainer.state.max_steps and not trainer.diverged:
        return False
    if guard.found is not None and job.trainer.recovery.rollbacks > 0:
        guard.found.write(directory)
        raise RollbackWanted(guard.found.reason)
    guard.restore_last_good()
    reached = "completed" if trainer.state.global_step >= trainer.state.max_steps else "early_stopped"
    status = "diverged" if trainer.diverged else reached
    final_loss = _final_validation(trainer, job)
    adapter = _save_final(trainer, job, directory)
    result = _result(trainer, job, loaded, adapter, status, final_loss)
    if world.main:
        write_json(directory / "result.json", {**result, "job_digest": job_digest, **loaded.describe()})
    world.leave()
    return True


def _last_checkpoint(
    directory: Path, job_digest: str, metrics: Path, world: World
) -> tuple[Path, CheckpointProgress] | None:
    """Find the checkpoint to go on from; the first process removes what is of no use, then all look."""
    if world.main:
        resumed = last_complete(directory / "checkpoints", job_digest)
        keep_rows_until(metrics, resumed[1].step if resumed else -1)
    world.barrier()
    return last_complete(directory / "checkpoints", job_digest)


def _final_validation(trainer: ObservedTrainer, job: TrainJob) -> float | None:
    """Return the validation loss of the weights that are about to be saved; load the best ones first if asked."""
    if not trainer.validates:
        return None
    losses = trainer.history.losses
    if not losses or losses[-1][0] != trainer.state.global_step:
        trainer.evaluate()
    best = trainer.history.best()
    best_dir = Path(trainer.args.output_dir) / "best"
    if job.load_best and best is not None and best_dir.is_dir():
        trainer.load_weights(best_dir)
        return best[1]
    return trainer.history.losses[-1][1]


def _save_final(trainer: ObservedTrainer, job: TrainJob, directory: Path) -> Path:
    """Write the adapter, or the whole model in the type of its base, beside its place and rename it into it."""
    temporary, final = directory / "adapter.tmp", directory / "adapter"
    if trainer.world.main:
        shutil.rmtree(temporary, ignore_errors=True)
    trainer.world.barrier()
    if trainer.ends_with is None:
        trainer.save_model(str(temporary), _internal_call=True)
    elif trainer.world.main:
        shutil.copytree(trainer.ends_with, temporary, ignore=shutil.ignore_patterns(*OF_CHECKPOINTS))
    if not trainer.world.main:
        return final
    for name in ("training_args.bin", "README.md"):
        (temporary / name).unlink(missing_ok=True)
    if job.adapter.whole:
        save_like_base(temporary, Path(job.model_dir))
    tidy_config(temporary / "adapter_config.json", job.base_model_name)
    shutil.rmtree(final, ignore_errors=True)
    temporary.rename(final)
    return final


def _result(
    trainer: ObservedTrainer,
    job: TrainJob,
    loaded: LoadedJob,
    adapter: Path,
    status: str,
    final_loss: float | None,
) -> dict[str, Any]:
    from secft.train.metrics import final_train_loss

    progress, best = trainer.progress, trainer.history.best()
    return {
        "adapter_dir": adapter.name,
        "status": status,
        "steps": trainer.state.global_step,
        "epochs": float(trainer.state.epoch or 0.0),
        "examples": loaded.counts.examples,
        "dropped": loaded.counts.dropped,
        "truncated": loaded.counts.truncated,
        "tokens": progress.tokens,
        "supervised_tokens": progress.supervised_tokens,
        "seconds": progress.seconds,
        "train_loss": final_train_loss(trainer.metrics),
        "best_validation_loss": None if best is None else finite_or_none(best[1]),
        "final_validation_loss": None if final_loss is None else finite_or_none(final_loss),
        "tokens_per_second": progress.tokens / max(progress.step_seconds, 1e-9),
        "peak_memory_gib": peak_memory_gib(),
        "trainable_parameters": sum(p.numel() for p in trainer.model.parameters() if p.requires_grad),
        "versions": library_versions(LIBRARIES),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
