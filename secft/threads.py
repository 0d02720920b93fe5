"""How the threads of matrix products wait for each other, in this process and in those that it starts."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

SPIN_COUNT = "3000"
"""How often such a thread looks before it sleeps (libgomp). Its default of many milliseconds makes training ten times
slower as soon as any other process wants a core; this costs nothing when none does."""


def wait_gently(environment: MutableMapping[str, str] | None = None) -> None:
    """Let threads sleep soon while they wait; a value of the user's own stays.

    Args:
        environment: of a process that is about to start; None is this process's, for libraries not yet loaded.
    """
    (os.environ if environment is None else environment).setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
