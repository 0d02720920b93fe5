"""Check and apply one value override: the key must exist in the schema, the value must have its type."""

from __future__ import annotations

import typing
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, OverrideType, RangeSweep
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from secft.config.overrides import plain
from secft.config.setting import allowed_values
from secft.dataset.sources.table import SOURCES
from secft.errors import Problem, did_you_mean


def check_value(config: DictConfig, override: Override) -> list[Problem]:
    """Apply an override to a composed configuration, or say what is wrong with it.

    Every choice of a sweep is checked; the first one stays applied. A list takes a single value, and ``+list=value``
    adds to it.
    """
    key = override.key_or_group
    unknown = unknown_key(config, key)
    if unknown:
        return [unknown]
    if override.type == OverrideType.DEL:
        return [Problem(key, "is part of the schema and cannot be removed", remedy="Set it to another value.")]
    values = [plain(value) for value in _values(override)]
    if key.count(".") == 1 and key.startswith("source.") and not all(isinstance(value, dict) for value in values):
        return [
            Problem(key, "is a source, not a setting of one", values[0], remedy="Choose sources with source=[...].")
        ]
    if override.type == OverrideType.ADD and is_list(field_at(config, key)) and not override.is_sweep_override():
        values = [[*(_selected(config, key) or ()), *as_list(values[0])]]
    elif override.type == OverrideType.ADD and not _is_open(config, key):
        return [Problem(key, "exists already", remedy=f"Write {key}=... without the +.")]
    problems = []
    for value in reversed(values):
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
        if part not in node:  # a new key of an open mapping
            return None
        if OmegaConf.is_interpolation(node, part):
            return None  # whether it leads anywhere is asked when all are set
        node = _selected(config, ".".join(walked))
    return None


def field_at(config: DictConfig, key: str) -> Field[Any] | None:
    """Return the schema's field for a dotted key, or None below open mappings."""
    parent, _, leaf = key.rpartition(".")
    node = _selected(config, parent) if parent else config
    schema = OmegaConf.get_type(node) if isinstance(node, DictConfig) else None
    if schema is None or not is_dataclass(schema):
        return None
    return next((item for item in fields(schema) if item.name == leaf), None)


def all_keys(config: DictConfig, prefix: str = "") -> Iterable[str]:
    """Yield every dotted key of a composed configuration."""
    for name in map(str, config):
        key = f"{prefix}{name}"
        yield key
        unknown = OmegaConf.is_missing(config, name) or OmegaConf.is_interpolation(config, name)
        child = None if unknown else config[name]
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
    return bool(parent) and _names(_selected(config, parent)) is None


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


def is_list(item: Field[Any] | None) -> bool:
    """Tell whether a setting is a list."""
    return item is not None and type_name(item).startswith("list[")


def as_list(value: Any) -> list[Any]:
    """Return a list as it is, and a single value as a list of one."""
    return value if isinstance(value, list) else [value]


def _apply(config: DictConfig, key: str, value: Any) -> Problem | None:
    item = field_at(config, key)
    if is_list(item) and isinstance(value, str | int | float) and not _is_reference(value):
        value = [value]
    before = _raw(config, key)
    try:
        OmegaConf.update(config, key, value, merge=True, force_add=True)
        if not _is_reference(value):
            OmegaConf.select(config, key)
    except (OmegaConfBaseException, ValueError, OverflowError, RecursionError, TypeError) as error:
        _restore(config, key, before)
        allowed = (allowed_values(item) if item else "") or type_name(item)
        return Problem(key, _wrong(error, item), value, allowed)
    return None


def _is_reference(value: Any) -> bool:
    return isinstance(value, str) and "${" in value


def _raw(config: DictConfig, key: str) -> Any:
    """Return what a setting holds, references as they are written; None where there is nothing yet."""
    parent, _, leaf = key.rpartition(".")
    node = _selected(config, parent) if parent else config
    held = OmegaConf.to_container(node, resolve=False) if isinstance(node, DictConfig) else {}
    return held.get(leaf) if isinstance(held, dict) else None


def _selected(config: DictConfig, key: str) -> Any:
    """Return what stands at a key; None where a reference on the way leads nowhere, which another check tells."""
    try:
        return OmegaConf.select(config, key, throw_on_missing=False)
    except (OmegaConfBaseException, RecursionError):
        return None


def _restore(config: DictConfig, key: str, before: Any) -> None:
    """Put the value back that a setting had, so that it is not told of again by another check."""
    with suppress(OmegaConfBaseException, ValueError, TypeError):
        OmegaConf.update(config, key, before, merge=False, force_add=True)


def _wrong(error: Exception, item: Field[Any] | None) -> str:
    text = next(iter(str(error).splitlines()), "")
    wrong_type = ("could not be converted", "is not a ListConfig", "Cannot ", "Invalid value assigned", "Invalid type")
    if item is None or any(words in text for words in wrong_type):
        return "has the wrong type"
    if "non optional" in text or "not Optional" in text:
        return "cannot be null"
    return text.rstrip(".") or "has the wrong type"


def type_name(item: Field[Any] | None) -> str:
    """Return the type of a setting for people; an empty text where any is taken."""
    if item is None:
        return ""
    if item.default_factory is not MISSING and is_dataclass(item.default_factory()):
        return f"its settings {', '.join(below.name for below in fields(item.default_factory()))}"
    if isinstance(item.type, str):
        return item.type.replace(" | None", " or null")
    return getattr(item.type, "__name__", str(typing.cast(object, item.type)))
