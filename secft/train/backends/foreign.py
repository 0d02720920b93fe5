"""What backends in environments of their own share: their environment, their process, their orders, their result."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from secft.environment import cuda_devices
from secft.errors import InputError, TrainingError
from secft.files import read_json, write_json, write_text
from secft.train.backends.handover import Handover
from secft.train.backends.keys import extra_problems, keys_of
from secft.train.checkpoints import Progress, keep_rows_until, last_complete
from secft.train.distributed.commands import start_command, supervised
from secft.train.distributed.launch_files import write_launch_files
from secft.train.distributed.notes import clear_notes
from secft.train.distributed.settings import DistributedSettings
from secft.train.environments import BackendEnvironment, ensure, in_use, variables_for
from secft.train.job import TrainJob, TrainResult
from secft.train.methods import refusal

SCRIPTS = Path(__file__).resolve().parents[1] / "foreign"
CONFIG, ORDERS, JOB = "config.yml", "orders.json", "job.json"
ENGINE = "engine"
"""Directory inside a run's directory for rows and caches of a backend; removed when the run is finished."""


class ForeignBackend(ABC):
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
    def settings(self, job: TrainJob, directory: Path, resume: Path | None) -> tuple[dict[str, Any], Handover, str]:
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

    def check(self, job: TrainJob) -> None:
        """Refuse what the backend cannot train.

        Raises:
            InputError: no such method here, or unknown settings.
        """
        told = refusal(job.method, self.name, cuda=bool(cuda_devices()))
        problems = [told] if told else []
        problems += map(str, extra_problems(self.name, self.extra))
        if job.adapter in ("lora", "qlora", "dora") and job.lora.bias != "none":
            problems.append(f"trainer.lora.bias={job.lora.bias} is known to backend=trl only")
        if problems:
            raise InputError("; ".join(problems))

    def render(self, job: TrainJob, directory: Path) -> list[Path]:
        """Write rows, configuration and orders; go on from the last complete checkpoint of this job.

        Raises:
            InputError: the job cannot be trained by this backend, or its rows not at all.
        """
        self.check(job)
        digest = job.fingerprint()
        found = last_complete(directory / "checkpoints", digest)
        progress = found[1] if found else Progress(digest)
        keep_rows_until(directory / "metrics.jsonl", progress.step if found else -1)
        settings = job.distributed if job.distributed.world == 1 else job.distributed.with_port()
        values, rows, precision = self.settings(job, directory, found[0] if found else None)
        values |= self.spread(settings, directory.absolute())
        unknown = sorted(set(values) - keys_of(self.name))
        if unknown:
            raise InputError(f"backend {self.name} of this version has no settings {', '.join(unknown)}")
        write_text(directory / CONFIG, _yaml({**values, **self.extra}))
        write_json(directory / ORDERS, orders_of(job, rows, progress, precision))
        files = [directory / CONFIG, directory / ORDERS, rows.train, *([rows.validation] if rows.validation else [])]
        replace(job, distributed=settings).write(directory / JOB)
        if settings.world > 1:
            clear_notes(directory)
            python, program = str(self.place.python), self._program(directory)
            files += write_launch_files(settings, python, program, directory.absolute(), precision)
        return [*files, directory / JOB]

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
        return [str(SCRIPTS / self.script), str(directory.absolute())]

    def environment(self, directory: Path) -> dict[str, str]:
        """Return the variables of the process: no telemetry, no hub if offline, caches inside the run's directory."""
        orders = read_json(directory / ORDERS)
        found = variables_for(self.place)
        found["HF_DATASETS_CACHE"] = str((directory / ENGINE / "cache").absolute())
        found["TOKENIZERS_PARALLELISM"] = "false"
        if orders["offline"]:
            found.update(dict.fromkeys(("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"), "1"))
        if orders["threads"]:
            found.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(orders["threads"])))
        return found

    def collect(self, directory: Path) -> TrainResult:
        """Read result.json.

        Raises:
            TrainingError: if there is no complete result.
        """
        self._held.close()
        path = directory / "result.json"
        if not path.is_file():
            raise TrainingError(f"backend {self.name} ended without a result in {directory}")
        values = read_json(path)
        values["adapter_dir"] = directory / values["adapter_dir"]
        if not values["adapter_dir"].is_dir():
            raise TrainingError(f"{path} names an adapter that is not there: {values['adapter_dir']}")
        if values["train_loss"] is None:
            values["train_loss"] = float("nan")
        return TrainResult(**{entry.name: values[entry.name] for entry in fields(TrainResult) if entry.name in values})


def orders_of(job: TrainJob, rows: Handover, progress: Progress, precision: str) -> dict[str, Any]:
    """Return what a script is told besides the configuration of its backend.

    Args:
        job: what to train.
        rows: what the backend gets.
        progress: of the checkpoint to go on from; its digest is that of the job.
        precision: bf16 or fp32.
    """
    return {
        "job_digest": progress.job_digest,
        "progress": asdict(progress),
        "patience": job.early_stopping_patience,
        "threshold": job.early_stopping_threshold,
        "keep_best": job.load_best and rows.validation is not None,
        "validates": rows.validation is not None,
        "base_model_name": job.base_model_name,
        "objective": job.objective,
        "adapter": job.adapter,
        "precision": precision,
        "threads": job.threads,
        "offline": job.offline,
        "examples": rows.examples,
        "dropped": rows.dropped,
        "truncated": rows.truncated,
        "expected": rows.expected,
    }


def _yaml(values: Mapping[str, Any]) -> str:
    import yaml

    return str(yaml.safe_dump(dict(values), sort_keys=True, allow_unicode=True, width=120))
