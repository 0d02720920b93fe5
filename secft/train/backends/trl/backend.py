"""backend=trl: trl's SFTTrainer in this environment, in a process of its own."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from secft.train.backends.backend import Backend
from secft.train.distributed.commands import start_command, supervised
from secft.train.distributed.launch_files import write_launch_files
from secft.train.distributed.notes import clear_notes
from secft.train.job import TrainJob


class TrlBackend(Backend[TrainJob]):
    """Renders job.json and launches ``secft.train.backends.trl.runner``."""

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
        return [
            path,
            *write_launch_files(settings, sys.executable, program, directory.absolute(), job.trainer.precision),
        ]

    def command(self, directory: Path) -> list[str]:
        """Return the command line of the runner, or of what starts several of them."""
        program, settings = self._program(directory), TrainJob.read(directory / "job.json").distributed
        if settings.world == 1:
            return [sys.executable, *program]
        command = start_command(settings, "0", sys.executable, program, directory.absolute())
        return supervised(command, sys.executable, directory.absolute())

    def _program(self, directory: Path) -> list[str]:
        return ["-m", "secft.train.backends.trl.runner", str(directory.absolute())]
