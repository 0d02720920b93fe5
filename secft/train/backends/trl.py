"""backend=trl: trl's SFTTrainer in this environment, in a process of its own."""

from __future__ import annotations

import sys
from dataclasses import fields, replace
from pathlib import Path

from secft.errors import TrainingError
from secft.files import read_json
from secft.train.distributed.commands import start_command, supervised
from secft.train.distributed.launch_files import write_launch_files
from secft.train.distributed.notes import clear_notes
from secft.train.job import TrainJob, TrainResult


class TrlBackend:
    """Renders job.json and launches ``secft.train.engines.trl_sft``."""

    name = "trl"

    def render(self, job: TrainJob, directory: Path) -> list[Path]:
        """Write job.json, and the launch files of a training on several processes."""
        path = directory / "job.json"
        if job.distributed.world == 1:
            job.write(path)
            return [path]
        settings = job.distributed.with_port()
        replace(job, distributed=settings).write(path)
        clear_notes(directory)
        program = self._program(directory)
        return [path, *write_launch_files(settings, sys.executable, program, directory.absolute(), job.precision)]

    def command(self, directory: Path) -> list[str]:
        """Return the engine's command line: the engine itself, or what starts its processes."""
        program, settings = self._program(directory), TrainJob.read(directory / "job.json").distributed
        if settings.world == 1:
            return [sys.executable, *program]
        command = start_command(settings, "0", sys.executable, program, directory.absolute())
        return supervised(command, sys.executable, directory.absolute())

    def _program(self, directory: Path) -> list[str]:
        return ["-m", "secft.train.engines.trl_sft", str(directory.absolute())]

    def collect(self, directory: Path) -> TrainResult:
        """Read result.json.

        Raises:
            TrainingError: if there is no complete result.
        """
        path = directory / "result.json"
        if not path.is_file():
            raise TrainingError(f"the training engine ended without a result in {directory}")
        values = read_json(path)
        values["adapter_dir"] = directory / values["adapter_dir"]
        if not values["adapter_dir"].is_dir():
            raise TrainingError(f"{path} names an adapter that is not there: {values['adapter_dir']}")
        return TrainResult(**{entry.name: values[entry.name] for entry in fields(TrainResult) if entry.name in values})
