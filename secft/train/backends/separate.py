"""What backends in environments of their own share: their environment, their process, what its runner is told."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import yaml

from secft.documents.train_result import TrainResult
from secft.environment import cpu_computes_bf16, cuda_devices
from secft.errors import InputError
from secft.files import read_json, write_json, write_text
from secft.train.backends import BACKENDS
from secft.train.backends.backend import Backend, imported
from secft.train.backends.exported_rows import ExportedRows
from secft.train.backends.keys import extra_problems, keys_of
from secft.train.checkpoints import CheckpointProgress, keep_rows_until, last_complete
from secft.train.distributed.commands import start_command, supervised
from secft.train.distributed.launch_files import write_launch_files
from secft.train.distributed.notes import clear_notes
from secft.train.distributed.settings import DistributedSettings
from secft.train.environments import BackendEnvironment, ensure, in_use, variables_for
from secft.train.job import TrainJob
from secft.train.methods import refusal, support_of
from secft.train.objective import Support

SCRIPTS = Path(__file__).resolve().parents[1] / "runners"
CONFIG, RUNNER, JOB = "config.yml", "runner.json", "job.json"
SCRATCH = "engine"
"""Directory inside a run's directory for rows and caches of a backend; removed when the run is finished."""


class SeparateBackend(Backend[TrainJob]):
    """A backend that is started as a script with the Python of its own environment.

    A subclass says how a job is written as the backend's configuration (``settings``) and which script runs it.
    """

    name: str
    script: str

    def __init__(self, root: Path = Path(".backends"), extra: Mapping[str, Any] | None = None) -> None:
        """Remember where environments are and what the user hands to the backend by its own names."""
        self.root, self.extra = root, dict(extra or {})
        self._environment: BackendEnvironment | None = None
        self._held = ExitStack()

    @abstractmethod
    def settings(self, job: TrainJob, directory: Path, resume: Path | None) -> tuple[dict[str, Any], ExportedRows, str]:
        """Write the rows of a job and return the backend's configuration.

        Args:
            job: what to train.
            directory: the run's directory.
            resume: checkpoint to go on from.

        Returns:
            Settings by the backend's names, the rows, and the precision (bf16 or fp32).
        """

    def prepare(self, show: Callable[[str], None]) -> None:
        """Make the environment if there is none, and keep it from being removed until the result is collected.

        Raises:
            InputError, StorageError, TrainingError: it cannot be made.
        """
        self._held.close()
        self._environment = ensure(self.name, self.root, show)
        self._held.enter_context(in_use(self._environment))

    @property
    def place(self) -> BackendEnvironment:
        """The environment, made on first use."""
        if self._environment is None:
            self.prepare(lambda text: None)
        assert self._environment is not None
        return self._environment

    def support(self, job: TrainJob) -> Support:
        """Return how this backend does what a job learns."""
        return support_of(job.method, self.name)

    def check(self, job: TrainJob) -> None:
        """Refuse what the backend cannot train.

        Raises:
            InputError: no such method here, or unknown settings.
        """
        reasons = [refusal(job.method.name, self.name, cuda=bool(cuda_devices())), self.support(job).check(job)]
        reasons += map(str, extra_problems(self.name, self.extra))
        if not job.adapter.whole and job.lora.bias != "none" and not BACKENDS[self.name].biases:
            reasons.append(f"trainer.lora.bias={job.lora.bias} is known to backend=trl only")
        if any(reasons):
            raise InputError("; ".join(filter(None, reasons)))

    def precision(self, job: TrainJob) -> str:
        """Return bf16 or fp32: what is asked for, or bf16 where this machine computes in it."""
        if job.trainer.precision != "auto":
            return job.trainer.precision
        return "bf16" if cuda_devices() or cpu_computes_bf16() else "fp32"

    def render(self, job: TrainJob, directory: Path) -> list[Path]:
        """Write rows, configuration and orders; go on from the last complete checkpoint of this job.

        Raises:
            InputError: the job cannot be trained by this backend, or its rows not at all.
        """
        if self.support(job).backend and not isinstance(self, imported(self.support(job).backend)):
            other: SeparateBackend = imported(self.support(job).backend)(self.root, self.extra)
            return other.render(job, directory)
        self.check(job)
        resume, progress = self.resumed(job, directory)
        settings = job.distributed if job.distributed.world == 1 else job.distributed.with_port()
        values, rows, precision = self.settings(job, directory, resume)
        values |= self.spread(settings, directory.absolute())
        unknown = sorted(set(values) - keys_of(self.name))
        if unknown:
            raise InputError(f"backend {self.name} of this version has no settings {', '.join(unknown)}")
        text = yaml.safe_dump({**values, **self.extra}, sort_keys=True, allow_unicode=True, width=120)
        write_text(directory / CONFIG, text)
        write_json(directory / RUNNER, self.runner_facts(job, rows, progress, precision))
        files = [directory / CONFIG, directory / RUNNER, rows.train, *([rows.validation] if rows.validation else [])]
        replace(job, distributed=settings).write(directory / JOB)
        if settings.world > 1:
            clear_notes(directory)
            python, program = str(self.place.python), self._program(directory)
            files += write_launch_files(settings, python, program, directory.absolute(), precision)
        return [*files, directory / JOB]

    def resumed(self, job: TrainJob, directory: Path) -> tuple[Path | None, CheckpointProgress]:
        """Return the checkpoint to go on from, and how far it came; forget what was measured after it."""
        digest = job.fingerprint()
        found = last_complete(directory / "checkpoints", digest)
        keep_rows_until(directory / "metrics.jsonl", found[1].step if found else -1)
        return found or (None, CheckpointProgress(digest))

    def spread(self, settings: DistributedSettings, directory: Path) -> dict[str, Any]:
        """Return what the backend is told about several processes, by its own names; nothing for one."""
        return {}

    def command(self, directory: Path) -> list[str]:
        """Return the command line: the environment's Python and the script, or what starts several of them."""
        python, program = str(self.place.python), self._program(directory)
        settings = TrainJob.read(directory / JOB).distributed
        if settings.world == 1:
            return [python, *program]
        command = start_command(settings, "0", python, program, directory.absolute())
        return supervised(command, sys.executable, directory.absolute())

    def _program(self, directory: Path) -> list[str]:
        return [str(SCRIPTS / read_json(directory / RUNNER)["script"]), str(directory.absolute())]

    def environment(self, directory: Path) -> dict[str, str]:
        """Return the variables of the process: no telemetry, no hub if offline, caches inside the run's directory."""
        runner = read_json(directory / RUNNER)
        found = variables_for(self.place)
        found["HF_DATASETS_CACHE"] = str((directory / SCRATCH / "cache").absolute())
        found["TOKENIZERS_PARALLELISM"] = "false"
        if runner["offline"]:
            found.update(dict.fromkeys(("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"), "1"))
        if runner["threads"]:
            found.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(runner["threads"])))
        return found

    def collect(self, directory: Path) -> TrainResult:
        """Let the environment go, and read the result.

        Raises:
            TrainingError: if there is no complete result.
        """
        self._held.close()
        return super().collect(directory)

    def runner_facts(
        self, job: TrainJob, rows: ExportedRows, progress: CheckpointProgress, precision: str
    ) -> dict[str, Any]:
        """Return what the runner is told besides the configuration of its backend.

        Args:
            job: what to train.
            rows: what the backend gets.
            progress: of the checkpoint to go on from; its digest is that of the job.
            precision: bf16 or fp32.
        """
        kind, support = job.objective.rows, self.support(job)
        return {
            "script": support.script or self.script,
            "progress": asdict(progress),
            "patience": job.trainer.early_stopping_patience,
            "threshold": job.early_stopping_threshold,
            "keep_best": job.load_best and rows.validation is not None,
            "validates": rows.validation is not None,
            "base_model_name": job.base_model_name,
            "rows": kind.name,
            "columns": list(kind.columns),
            "counted": kind.counted,
            "trainer": support.trainer,
            "precision": precision,
            "threads": job.threads,
            "offline": job.offline,
            "examples": rows.examples,
            "dropped": rows.dropped,
            "truncated": rows.truncated,
            "expected": rows.expected,
        }
