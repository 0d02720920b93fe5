"""Check the values of a composed configuration against the ranges and choices of the schemas."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import Field, fields, is_dataclass
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from secft.config.setting import allowed_values
from secft.errors import Problem, did_you_mean


def range_problems(config: DictConfig) -> list[Problem]:
    """Return a problem for every value outside its range or choices."""
    return [problem for key, item, value in settings(config) for problem in _check(key, item, value)]


def settings(config: DictConfig, prefix: str = "") -> Iterator[tuple[str, Field[Any], Any]]:
    """Yield (dotted key, schema field, value) for every value of a composed configuration, except missing ones."""
    schema = OmegaConf.get_type(config)
    known = {item.name: item for item in fields(schema)} if schema is not None and is_dataclass(schema) else {}
    for name in map(str, config):
        if name == "hydra" and not prefix:
            continue
        if OmegaConf.is_missing(config, name):
            continue
        value = config[name]
        if isinstance(value, DictConfig):
            yield from settings(value, f"{prefix}{name}.")
        if name in known and not (isinstance(value, DictConfig) and OmegaConf.get_type(value) is not dict):
            yield f"{prefix}{name}", known[name], value


def _check(key: str, item: Field[Any], value: Any) -> list[Problem]:
    rules = item.metadata
    if value is None or not rules:
        return []
    if rules["choices"]:
        values = list(value) if isinstance(value, list | tuple | ListConfig) else [value]
        wrong = [entry for entry in values if entry not in rules["choices"]]
        return [
            Problem(key, "is not a choice", entry, allowed_values(item), did_you_mean(str(entry), rules["choices"]))
            for entry in wrong
        ]
    if isinstance(value, int | float) and not isinstance(value, bool) and not _in_range(value, rules):
        return [Problem(key, "is out of range", value, allowed_values(item))]
    return []


def _in_range(value: float, rules: Any) -> bool:
    if not math.isfinite(value):
        return False
    low, high, above = rules["low"], rules["high"], rules["above"]
    return (low is None or value >= low) and (high is None or value <= high) and (above is None or value > above)
