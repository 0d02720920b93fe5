"""The protocol of a backend and the table of backends."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Protocol

from secft.errors import InputError, did_you_mean
from secft.train.job import TrainJob, TrainResult

BACKENDS = {"trl": "secft.train.backends.trl:TrlBackend"}


class Backend(Protocol):
    """Three nearly pure methods; the launch in between is the same for all backends."""

    name: str

    def render(self, job: TrainJob, directory: Path) -> list[Path]:
        """Write the files that the engine reads into a directory and return them."""

    def command(self, directory: Path) -> list[str]:
        """Return the command that trains what was rendered there."""

    def collect(self, directory: Path) -> TrainResult:
        """Read what the engine left there.

        Raises:
            TrainingError: if the result is missing or incomplete.
        """


def backend_named(name: str) -> Backend:
    """Look a backend up.

    Raises:
        InputError: if there is none of that name.
    """
    if name not in BACKENDS:
        guess = did_you_mean(name, BACKENDS)
        hint = f" Did you mean {guess!r}?" if guess else ""
        raise InputError(f"backend: {name!r} is unknown.{hint} Available: {', '.join(sorted(BACKENDS))}")
    module, _, attribute = BACKENDS[name].partition(":")
    backend: Backend = getattr(importlib.import_module(module), attribute)()
    return backend
