"""The environment variables that programs of a backend's environment are started with."""

from __future__ import annotations

import os
from collections.abc import Mapping

from secft.environment import cuda_devices
from secft.train.backends import BACKENDS
from secft.train.environments.place import BackendEnvironment

SILENT = {
    "AXOLOTL_DO_NOT_TRACK": "1",
    "DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRACKIO_DISABLE_TELEMETRY": "1",
    "UNSLOTH_DISABLE_STATISTICS": "1",
    "WANDB_MODE": "disabled",
}
"""What keeps the backends and their libraries from telling others about a run."""

_HIDDEN = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "__PYVENV_LAUNCHER__")


def variables_for(place: BackendEnvironment, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables for a program of an environment.

    Telemetry is off, the environment's programs come first on the PATH, nothing of secft's own environment or of the
    user's site-packages is seen. On a machine without a CUDA device
    a backend may need more (``BackendRecord.cpu_variables``).

    Args:
        place: the environment.
        given: variables to start from; those of this process if left out.
    """
    start = os.environ if given is None else given
    kept = {key: value for key, value in start.items() if key not in _HIDDEN}
    path = os.pathsep.join(part for part in (str(place.python.parent), kept.get("PATH", "")) if part)
    found = {**kept, **SILENT, "PATH": path, "VIRTUAL_ENV": str(place.directory), "PYTHONNOUSERSITE": "1"}
    if place.name in BACKENDS and not cuda_devices():
        found.update(BACKENDS[place.name].cpu_variables)
    return found
