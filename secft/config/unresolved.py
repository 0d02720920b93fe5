"""Values that cannot be had or cannot be meant: references to nothing, texts with NUL, mappings in lists of names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError, OmegaConfBaseException

from secft.config.ranges import settings
from secft.errors import Problem

LARGEST = 2**63 - 1
_SINGLE = (str, int, float, bool)
_ASKED = (str, int, DictConfig, ListConfig)


def unresolved_problems(config: DictConfig) -> list[Problem]:
    """Return a problem for every reference that leads nowhere, in a circle, or to a value of another type."""
    return list(_unresolved(config, ""))


def _unresolved(node: DictConfig | ListConfig, prefix: str) -> Iterator[Problem]:
    places: Any = range(len(node)) if isinstance(node, ListConfig) else [name for name in node if name != "hydra"]
    for place in places:
        key = f"{prefix}{place}"
        if OmegaConf.is_missing(node, place):
            continue
        if not OmegaConf.is_interpolation(node, place):
            if isinstance(node[place], DictConfig | ListConfig):
                yield from _unresolved(node[place], f"{key}.")
            continue
        problem = _of_reference(node, place, key)
        if problem:
            yield problem


def _of_reference(node: Any, place: Any, key: str) -> Problem | None:
    raw = OmegaConf.to_container(node, resolve=False)[place]  # type: ignore[index]
    try:
        value = node[place]
    except (OmegaConfBaseException, RecursionError) as error:
        return Problem(key, _reason(error), raw, remedy=_remedy(error))
    except Exception as error:  # noqa: BLE001  # resolvers raise what they like
        return Problem(key, f"cannot be resolved ({type(error).__name__})", raw)
    if isinstance(value, DictConfig | ListConfig):
        remedy = "Write the values, or refer to single settings."
        return Problem(key, "refers to a whole group of settings", raw, remedy=remedy)
    return None


def _reason(error: Exception) -> str:
    text = next(iter(str(error).splitlines()), "")
    if isinstance(error, RecursionError) or "Recursive interpolation" in text:
        return "refers to itself"
    return f"cannot be resolved ({text})" if text else "cannot be resolved"


def _remedy(error: Exception) -> str:
    text = str(error)
    if "Environment variable" in text:
        return "Set the variable, or write the value."
    if isinstance(error, InterpolationResolutionError | RecursionError):
        return "Refer to a setting that exists, as in ${seed}, or write the value."
    return ""


def impossible_values(config: DictConfig) -> list[Problem]:
    """Return a problem for every text with a NUL, number beyond 64 bits, and mapping within a list of values."""
    return [
        problem for key, _, value in settings(config) if type(value) in _ASKED for problem in _impossible(key, value)
    ]


def _impossible(key: str, value: Any) -> Iterator[Problem]:
    nested = _nested(value) if isinstance(value, ListConfig) else None
    if nested is not None:
        yield Problem(key, "is a list of single values", nested, remedy="Write each as text, without brackets.")
        return
    if isinstance(value, DictConfig | ListConfig):
        value = OmegaConf.to_container(value, resolve=True)
    if isinstance(value, dict):
        value = [*value, *value.values()]
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, str) and "\0" in one:
            yield Problem(key, "holds a NUL character", one, remedy="Leave it out.")
        if isinstance(one, int) and not isinstance(one, bool) and abs(one) > LARGEST:
            yield Problem(key, "is larger than any number of 64 bits", remedy="Write a smaller one.")


def _nested(value: ListConfig) -> Any:
    """Return the first mapping or list within a list of texts or numbers: OmegaConf lets one pass."""
    if getattr(value, "_metadata").element_type not in _SINGLE:  # noqa: B009  # OmegaConf shows it nowhere else
        return None
    return next((one for one in value if isinstance(one, DictConfig | ListConfig)), None)


def missing_files(config: DictConfig) -> list[Problem]:
    """Return a problem for every file that a setting names and that is not there."""
    return [
        Problem(key, "no such file", value)
        for key, item, value in settings(config)
        if item.metadata.get("file") and isinstance(value, str) and value and not _exists(value)
    ]


def _exists(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):
        return False
