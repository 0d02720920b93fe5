"""Declare one setting of a schema: its default, its meaning and what it may be."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import Field, field
from typing import Any

from omegaconf import MISSING


def setting(
    default: Any = MISSING,
    *,
    about: str,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    choices: Sequence[str] = (),
    file: bool = False,
    internal: bool = False,
) -> Any:
    """Return a dataclass field that carries what is needed to explain and to check it.

    Args:
        default: the default value; left out, the user must give one.
        about: one line for people.
        low: smallest allowed number.
        high: largest allowed number.
        above: the number must be larger than this.
        choices: allowed strings (each element, for a list).
        file: the value is a path that must exist before a run starts.
        internal: changes neither results nor fingerprints (where things are shown or stored).
    """
    metadata = {
        "about": about,
        "low": low,
        "high": high,
        "above": above,
        "choices": tuple(choices),
        "file": file,
        "internal": internal,
    }
    if isinstance(default, list | dict) or hasattr(default, "__dataclass_fields__"):
        return field(default_factory=lambda: copy.deepcopy(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def allowed_values(item: Field[Any]) -> str:
    """Describe what a field may be: its choices or its range, or an empty string."""
    rules = item.metadata
    if rules.get("choices"):
        return ", ".join(rules["choices"])
    low, high, above = rules.get("low"), rules.get("high"), rules.get("above")
    if above is not None:
        return f"more than {_number(above)}" + (f", at most {_number(high)}" if high is not None else "")
    if low is not None and high is not None:
        return f"{_number(low)} to {_number(high)}"
    if low is not None:
        return f"{_number(low)} or more"
    return f"at most {_number(high)}" if high is not None else ""


def _number(bound: float) -> str:
    return str(bound) if isinstance(bound, int) else f"{bound:g}"
