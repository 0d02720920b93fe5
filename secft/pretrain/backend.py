"""backend=nanogpt: the embedded engine, or the train.py of a checkout, in a process of its own.

It has the three methods of ``secft.train.backends.Backend``, for a PretrainJob.
"""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path

from secft.errors import TrainingError
from secft.files import read_json
from secft.pretrain.checkout import check_checkout
from secft.pretrain.job import PretrainJob
from secft.train.job import TrainResult


class NanoGptBackend:
    """Renders job.json and names the engine that runs it."""

    name = "nanogpt"

    def render(self, job: PretrainJob, directory: Path) -> list[Path]:
        """Write job.json.

        Raises:
            InputError: the job names a checkout that is none.
        """
        if job.checkout:
            check_checkout(Path(job.checkout))
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / "job.json"
        job.write(path)
        return [path]

    def command(self, directory: Path) -> list[str]:
        """Return the engine's command line."""
        module = "checkout_engine" if PretrainJob.read(directory / "job.json").checkout else "engine"
        return [sys.executable, "-m", f"secft.pretrain.{module}", str(directory)]

    def collect(self, directory: Path) -> TrainResult:
        """Read result.json; ``adapter_dir`` is a whole model directory.

        Raises:
            TrainingError: if there is no complete result.
        """
        path = directory / "result.json"
        if not path.is_file():
            raise TrainingError(f"the pretraining engine ended without a result in {directory}")
        values = read_json(path)
        values["adapter_dir"] = directory / values["adapter_dir"]
        if not values["adapter_dir"].is_dir():
            raise TrainingError(f"{path} names a model that is not there: {values['adapter_dir']}")
        return TrainResult(**{entry.name: values[entry.name] for entry in fields(TrainResult) if entry.name in values})
