"""backend=trl: trl's SFTTrainer in this environment, in a process of its own."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path

from secft.errors import TrainingError
from secft.files import read_json
from secft.train.job import TrainJob, TrainResult


class TrlBackend:
    """Renders job.json and launches ``secft.train.engines.trl_sft``."""

    name = "trl"

    def render(self, job: TrainJob, directory: Path) -> list[Path]:
        """Write job.json."""
        path = directory / "job.json"
        job.write(path)
        return [path]

    def command(self, directory: Path) -> list[str]:
        """Return the engine's command line."""
        return [sys.executable, "-m", "secft.train.engines.trl_sft", str(directory)]

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
