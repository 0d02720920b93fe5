"""Settings that a user hands to a backend by the backend's own names (``backend.extra``).

Backends ignore keys that they do not know, or find them after minutes of loading. The keys of each are listed beside
its lock, so that a wrong one is refused, with a suggestion, before anything is started.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from secft.errors import Problem, did_you_mean
from secft.train.backends import BACKENDS

LOCKS = Path(__file__).resolve().parents[1] / "locks"

RUNS_CODE = frozenset({"plugins", "torchdistx_path", "trainer_cls", "trust_remote_code"})
"""A configuration is data: what would load code by name is not taken from it."""
SENDS = frozenset({
    "export_hub_model_id", "hub_model_id", "hub_strategy", "hub_token", "push_dataset_to_hub", "push_to_hub",
})  # fmt: skip
"""Publishing is a command of its own, behind the gates."""


@cache
def keys_of(backend: str) -> frozenset[str]:
    """Return the keys that a backend's configuration may have; empty if its keys are not listed."""
    path = LOCKS / f"{backend}.keys"
    if not path.is_file():
        return frozenset()
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return frozenset(line for line in lines if line and not line.startswith("#"))


def extra_problems(backend: str, extra: Mapping[str, Any]) -> list[Problem]:
    """Check settings that a user hands to a backend.

    Args:
        backend: name of the backend.
        extra: key -> value, by the backend's own names.

    Returns:
        A problem for each wrong key, in the order of the keys.
    """
    known = keys_of(backend)
    found: list[Problem] = []
    for key in sorted(extra):
        reason, guess = "", None
        if key in RUNS_CODE:
            reason = "would load code named in a configuration"
        elif key in SENDS:
            reason = "would send the model away; use the publish command"
        elif key in BACKENDS[backend].owned:
            reason = "is set by secft from the rest of the configuration"
        elif key not in known:
            reason, guess = f"is no setting of {backend}", did_you_mean(key, known)
        if reason:
            found.append(Problem(f"backend.extra.{key}", reason, extra[key], suggestion=guess, code="backend setting"))
    return found
