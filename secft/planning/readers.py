"""Which stages read a setting: it is marked, and looked for in what each stage is given."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from secft.config.catalogue import SettingFacts, all_options
from secft.config.compose import read_config
from secft.config.roots import RunConfig
from secft.files import plain
from secft.pipelines import pipeline_of

MARK = "\0read"
PRETRAINING = {"trainer": "pretrain", "backend": "nanogpt"}
"""One is not chosen without the other."""
ELSEWHERE = {
    "paths": "where things are kept",
    "sweep": "sweeps",
    "name": "the name of the run",
    "dry_run": "run and plan",
    "hardware": "plan, training, defaults of trainer and eval",
}
"""Groups of settings that no stage is given -> who reads them; reports tell of all settings."""


def readers(facts: Mapping[str, SettingFacts]) -> dict[str, str]:
    """Return key -> who reads a setting, for people.

    Args:
        facts: of the settings that are asked about.
    """
    base = read_config([])
    return {key: _readers(one, base) for key, one in facts.items()}


def _readers(facts: SettingFacts, base: RunConfig) -> str:
    config = _with_option(facts, base)
    marked = _marked(config, facts.key)
    found = [stage.name for stage in pipeline_of(config).stages(config) if _is_given(stage.settings, marked)]
    return ", ".join(found) or ELSEWHERE.get(facts.key.split(".")[0], "reports and checks before a run")


def _is_given(settings: Callable[[Any], Any], marked: RunConfig) -> bool:
    try:
        return MARK in str(plain(settings(marked))).replace("\\x00", "\0")
    except Exception:  # noqa: BLE001  # a mark is no number: who computes with it has read it
        return True


def _with_option(facts: SettingFacts, base: RunConfig) -> RunConfig:
    """Return a configuration that has the setting."""
    if not facts.options:
        return base
    option = next(one for one in all_options() if one.chosen == facts.options[0])
    if option.group == "source":
        return replace(base, source={option.name: option.schema()})
    chosen = {option.group: option.schema(name=option.name)}
    if PRETRAINING.get(option.group) == option.name:
        chosen = {**{group: _schema(f"{group}={name}") for group, name in PRETRAINING.items()}, **chosen}
    return replace(base, **chosen)


def _schema(chosen: str) -> Any:
    return next(option for option in all_options() if option.chosen == chosen).schema()


def _marked(config: RunConfig, key: str) -> RunConfig:
    marked = copy.deepcopy(config)
    node: Any = marked
    *above, leaf = key.split(".")
    for part in above:
        node = node[part] if isinstance(node, dict) else getattr(node, part)
    if isinstance(node, dict):
        node[leaf] = MARK
    else:
        setattr(node, leaf, MARK)
    return marked
