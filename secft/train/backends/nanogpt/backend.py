"""backend=nanogpt: secft's own trainer, or the train.py of a checkout, in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

from secft.train.backends.backend import Backend
from secft.train.backends.nanogpt.checkout import check_checkout
from secft.train.backends.nanogpt.job import PretrainJob


class NanoGptBackend(Backend[PretrainJob]):
    """Renders job.json and names the runner that trains it."""

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
        """Return the command line of the runner."""
        module = "checkout_runner" if PretrainJob.read(directory / "job.json").checkout else "runner"
        return [sys.executable, "-m", f"secft.train.backends.nanogpt.{module}", str(directory)]
