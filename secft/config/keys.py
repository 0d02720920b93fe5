"""Check and apply one value override: the key must exist in the schema, the value must have its type."""

from __future__ import annotations

import typing
from collections.abc import Iterable
from dataclasses import Field, fields, is_dataclass
from typing import Any

from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, OverrideType, RangeSweep
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from secft.config.setting import allowed_values
from secft.dataset.sources.table import SOURCES
from secft.errors import Problem, did_you_mean


def check_value(config: DictConfig, override: Override) -> list[Problem]:
    """Apply an override to a composed configuration, or say what is wrong with it.

    Every choice of a sweep is checked; the first one stays applied.
    """
    key = override.key_or_group
    unknown = unknown_key(config, key)
    if unknown:
        return [unknown]
    if override.type == OverrideType.DEL:
        return [Problem(key, "is part of the schema and cannot be removed", remedy="Set it to another value.")]
    if override.type == OverrideType.ADD and not _is_open(config, key):
        return [Problem(key, "exists already", remedy=f"Write {key}=... without the +.")]
    problems = []
    for value in reversed(_values(override)):
        problem = _apply(config, key, value)
        problems += [problem] if problem else []
    return problems


def unknown_key(config: DictConfig, key: str) -> Problem | None:
    """Return a problem if a dotted key does not exist in the schema of a composed configuration."""
    node: Any = config
    walked: list[str] = []
    for part in key.split("."):
        if walked == ["source"] and part not in node:
            return _source_not_chosen(key, part, list(map(str, node)))
        known = _names(node)
        if known is not None and part not in known:
            path = ".".join([*walked, part])
            return Problem(
                path,
                "no such setting",
                None,
                ", ".join(sorted(known)) if known else "nothing below it: it is a plain value",
                _suggest(config, walked, part, known),
            )
        walked.append(part)
        node = OmegaConf.select(config, ".".join(walked), throw_on_missing=False)
    return None


def field_at(config: DictConfig, key: str) -> Field[Any] | None:
    """Return the schema's field for a dotted key, or None below open mappings."""
    parent, _, leaf = key.rpartition(".")
    node = OmegaConf.select(config, parent) if parent else config
    schema = OmegaConf.get_type(node) if isinstance(node, DictConfig) else None
    if schema is None or not is_dataclass(schema):
        return None
    return next((item for item in fields(schema) if item.name == leaf), None)


def all_keys(config: DictConfig, prefix: str = "") -> Iterable[str]:
    """Yield every dotted key of a composed configuration."""
    for name in map(str, config):
        key = f"{prefix}{name}"
        yield key
        child = None if OmegaConf.is_missing(config, name) else config[name]
        if isinstance(child, DictConfig):
            yield from all_keys(child, f"{key}.")


def _names(node: Any) -> list[str] | None:
    """Return the keys that a node may have, or None where any key is accepted."""
    if not isinstance(node, DictConfig):
        return []
    schema = OmegaConf.get_type(node)
    if schema is not None and is_dataclass(schema):
        return [item.name for item in fields(schema)]
    return None


def _is_open(config: DictConfig, key: str) -> bool:
    parent = key.rpartition(".")[0]
    return bool(parent) and _names(OmegaConf.select(config, parent)) is None


def _suggest(config: DictConfig, walked: list[str], part: str, known: list[str]) -> str | None:
    near = did_you_mean(part, known)
    if near:
        return ".".join([*walked, near])
    by_leaf = {key.rpartition(".")[2]: key for key in all_keys(config)}
    if part in by_leaf:
        return by_leaf[part]
    return None


def _source_not_chosen(key: str, part: str, chosen: list[str]) -> Problem:
    if part in SOURCES:
        names = ",".join([*chosen, part])
        return Problem(key, f"the source {part} is not selected", remedy=f"Add source=[{names}].")
    return Problem(f"source.{part}", "no such source", None, ", ".join(sorted(SOURCES)), did_you_mean(part, SOURCES))


def _values(override: Override) -> list[Any]:
    value = override.value()
    if isinstance(value, ChoiceSweep):
        return list(value.list)
    if isinstance(value, RangeSweep):
        return list(value.range())
    if isinstance(value, IntervalSweep):
        return [value.start, value.end]
    return [value]


def _apply(config: DictConfig, key: str, value: Any) -> Problem | None:
    item = field_at(config, key)
    plain = getattr(value, "text", value)  # a quoted string
    try:
        OmegaConf.update(config, key, plain, merge=True, force_add=True)
        OmegaConf.select(config, key)
    except OmegaConfBaseException as error:
        allowed = (allowed_values(item) if item else "") or _type_name(item)
        return Problem(
            key,
            "has the wrong type" if "could not be converted" in str(error) else str(error).splitlines()[0],
            plain,
            allowed,
        )
    return None


def _type_name(item: Field[Any] | None) -> str:
    if item is None:
        return ""
    if isinstance(item.type, str):
        return item.type.replace(" | None", " or null")
    return getattr(item.type, "__name__", str(typing.cast(object, item.type)))
