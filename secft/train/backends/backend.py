"""The protocol of a backend, and how one is looked up."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from secft.documents.train_result import TrainResult
from secft.errors import InputError, did_you_mean
from secft.train.backends import BACKENDS
from secft.train.result import read_result

JobType = TypeVar("JobType", contravariant=True)


class Backend(ABC, Generic[JobType]):
    """Three nearly pure methods; the launch in between is the same for all backends.

    Attributes:
        name: value of ``backend=``.
    """

    name: str

    def prepare(self, show: Callable[[str], None]) -> None:
        """Make what the backend needs before anything is rendered, and tell about it; most need nothing."""

    @abstractmethod
    def render(self, job: JobType, directory: Path) -> list[Path]:
        """Write the files that the runner reads into a directory and return them."""

    @abstractmethod
    def command(self, directory: Path) -> list[str]:
        """Return the command that trains what was rendered there."""

    def environment(self, directory: Path) -> Mapping[str, str] | None:
        """Return the variables of the process; None is those of this one, with this very secft on the path."""
        return None

    def collect(self, directory: Path) -> TrainResult:
        """Read what the runner left there.

        Raises:
            TrainingError: if the result is missing or incomplete.
        """
        return read_result(directory)


def backend_named(
    name: str, backends_root: Path = Path(".backends"), extra: Mapping[str, Any] | None = None
) -> Backend[Any]:
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
    kind = imported(BACKENDS[name].implementation)
    backend: Backend[Any] = kind(backends_root, extra) if BACKENDS[name].separate else kind()
    return backend


def imported(path: str) -> Any:
    """Return what ``module:name`` names."""
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(module), attribute)
