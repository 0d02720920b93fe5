"""The plugin through which secft watches Axolotl: Axolotl's own way to add callbacks and training arguments."""

from __future__ import annotations

from typing import Any

import torch
from axolotl.integrations.base import BasePlugin
from ranks import several
from session import Session

SESSION: list[Session] = []
"""The session of this process; Axolotl makes the plugin itself and cannot be handed one."""


class SecftPlugin(BasePlugin):  # type: ignore[misc]
    """Adds secft's callbacks to the trainer."""

    def get_training_args(self, cfg: Any) -> dict[str, Any]:
        """Return training arguments that have no key in Axolotl's configuration."""
        arguments = {"eval_on_start": False, "logging_nan_inf_filter": False, "disable_tqdm": True}
        return arguments if torch.cuda.is_available() or not several() else {**arguments, "ddp_backend": "gloo"}

    def add_callbacks_post_trainer(self, cfg: Any, trainer: Any) -> list[Any]:
        """Return the callbacks of the session."""
        session = SESSION[0]
        if session.facts["counted"] != "model":
            session.metrics.watch(trainer)
        callbacks: list[Any] = session.callbacks()
        return callbacks
