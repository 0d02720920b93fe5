"""The protocol of a backend and the table of backends."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from secft.errors import InputError, did_you_mean
from secft.train.environments.lock import SEPARATE
from secft.train.job import TrainJob, TrainResult

BACKENDS = {
    "axolotl": "secft.train.backends.axolotl:AxolotlBackend",
    "llama_factory": "secft.train.backends.llama_factory:LlamaFactoryBackend",
    "trl": "secft.train.backends.trl:TrlBackend",
    "unsloth": "secft.train.backends.unsloth:UnslothBackend",
}


class Backend(Protocol):
    """Three nearly pure methods; the launch in between is the same for all backends.

    A backend may also have ``prepare(show)``, which makes the environment that it needs before anything is rendered and
    tells about it, and ``environment(directory)``, which returns the variables of its process instead of secft's own.
    """

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


def backend_named(
    name: str, backends_root: Path = Path(".backends"), extra: Mapping[str, Any] | None = None
) -> Backend:
    """Look a backend up.

    Args:
        name: of the backend.
        backends_root: where backends that need an environment of their own have it (paths.backends).
        extra: settings that such a backend gets as they are, by its own names.

    Raises:
        InputError: if there is none of that name.
    """
    if name not in BACKENDS:
        guess = did_you_mean(name, BACKENDS)
        hint = f" Did you mean {guess!r}?" if guess else ""
        raise InputError(f"backend: {name!r} is unknown.{hint} Available: {', '.join(sorted(BACKENDS))}")
    module, _, attribute = BACKENDS[name].partition(":")
    kind: Any = getattr(importlib.import_module(module), attribute)
    backend: Backend = kind(backends_root, extra) if name in SEPARATE else kind()
    return backend
