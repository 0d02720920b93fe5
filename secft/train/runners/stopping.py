"""Leaving in order: a checkpoint on the first signal, at once on the second."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from facts import INTERRUPTED_EXIT
from ranks import summed
from transformers import TrainerCallback


class StopCallback(TrainerCallback):  # type: ignore[misc]
    """SIGTERM or SIGINT: a checkpoint after this step, then exit code 130. A second signal: at once.

    Until training begins the first signal leaves at once, too: there is nothing to save. Several processes leave
    together: they are asked by a file, because a launcher would end them one by one.

    Attributes:
        requested: whether a signal arrived.
    """

    def __init__(self, file: Path | None = None) -> None:
        """Prepare to stop.

        Args:
            file: several processes stop when it is there; None in a single one.
        """
        self.requested, self.file = False, file

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Catch signals; here, because backends install handlers of their own before."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def _handle(self, number: int, _frame: Any) -> None:
        if self.requested:
            os._exit(INTERRUPTED_EXIT)
        self.requested = True

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Ask for a checkpoint and the end of training."""
        if self.file is not None:
            self.requested = summed(int(self.requested or self.file.exists()))[0] > 0
        if self.requested:
            control.should_save = True
            control.should_training_stop = True

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Leave with exit code 130, unless the last step was done anyway.

        Raises:
            SystemExit: training was stopped before its end.
        """
        if self.requested and state.global_step < state.max_steps:
            raise SystemExit(INTERRUPTED_EXIT)
