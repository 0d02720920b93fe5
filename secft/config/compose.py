"""Overrides in, typed configuration out; every problem of a command line is found before anything is raised.

Hydra stops at the first mistake and accepts any key behind ``+``. Here group choices and values are checked one
by one against the schemas, so that all mistakes can be told together.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, OverrideType, RangeSweep
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from secft.config.keys import check_value
from secft.config.options import groups, options
from secft.config.ranges import range_problems
from secft.config.roots import RUN, C, Root, RunConfig
from secft.config.store import conf_directory, register_schemas
from secft.errors import ConfigError, Problem, did_you_mean

MISSING = "missing"
"""Code of the problem that a setting has no value."""

MAX_JOBS_CHECKED = 64
"""Sweeps larger than this are checked job by job when they run."""


OPEN_MAPPINGS = (
    "backend.extra",
    "eval.max_items",
    "curation.max_examples_per_task",
    "source.jsonl.fields",
    "source.parquet.fields",
)
"""Settings that are mappings with keys of the user's choice."""


@dataclass
class Composed:
    """What came of a command line.

    Attributes:
        config: the typed configuration, or None where a required value is missing.
        problems: everything that is wrong with it.
    """

    config: Any
    problems: list[Problem] = field(default_factory=list)


def read_config(overrides: Sequence[str]) -> RunConfig:
    """Compose one run.

    Raises:
        ConfigError: with all problems of the overrides.
    """
    return compose(RUN, overrides)


def compose(root: Root[C], overrides: Sequence[str]) -> C:
    """Compose the configuration of a command.

    Raises:
        ConfigError: with all problems of the overrides.
    """
    composed = compose_job(overrides, root)
    if composed.problems or composed.config is None:
        raise ConfigError(composed.problems)
    found: C = composed.config
    return found


def compose_job(overrides: Sequence[str], root: Root[Any] = RUN) -> Composed:
    """Compose one job and collect its problems; a sweep's first choice stands for the sweep."""
    parsed, problems = _parse(overrides)
    choices = [override for override in parsed if _is_group(override, root)]
    values = [
        override
        for override in parsed
        if not _is_group(override, root) and override.key_or_group.split(".")[0].split("/")[0] != "hydra"
    ]
    good, bad = _check_choices(choices, root)
    problems += bad
    try:
        config = _compose(good, root)
    except (HydraException, OmegaConfBaseException) as error:
        return Composed(None, [*problems, Problem("conf", str(error).splitlines()[0])])
    for override in values:
        problems += check_value(config, override)
    problems += range_problems(config)
    problems += _missing(config)
    if OmegaConf.missing_keys(config):
        return Composed(None, problems)
    try:
        return Composed(to_typed(config, root), problems)
    except OmegaConfBaseException as error:
        return Composed(None, [*problems, Problem(str(error.full_key or "conf"), str(error).splitlines()[0])])


def compose_sweep(overrides: Sequence[str], root: Root[Any] = RUN) -> list[Composed]:
    """Compose every job of a multirun, as far as its choices can be listed beforehand."""
    parsed, _ = _parse(overrides)
    axes = [[text] if override is None else _choices(override, text) for override, text in _pairs(parsed, overrides)]
    jobs = itertools.islice(itertools.product(*axes), MAX_JOBS_CHECKED)
    return [compose_job(job, root) for job in jobs]


def open_key_overrides(overrides: Sequence[str]) -> list[str]:
    """Write overrides so that Hydra accepts new keys in open mappings, such as eval.max_items.<task>."""
    parsed, _ = _parse(overrides)
    open_groups = tuple(f"{key}." for key in OPEN_MAPPINGS)
    return [
        f"++{text.lstrip('+')}" if override and override.key_or_group.startswith(open_groups) else text
        for override, text in _pairs(parsed, overrides)
    ]


def to_typed(config: DictConfig, root: Root[C]) -> C:
    """Convert a composed configuration into dataclasses; the part that belongs to Hydra is left out."""
    if "hydra" in config:
        config = OmegaConf.masked_copy(config, [key for key in map(str, config) if key != "hydra"])
    made = OmegaConf.to_object(config)
    if not isinstance(made, root.schema):
        raise ConfigError([Problem("conf", f"the root configuration is not the schema of {root.name}")])
    return made


def _parse(overrides: Sequence[str]) -> tuple[list[Override], list[Problem]]:
    parser = OverridesParser.create()
    parsed, problems = [], []
    for text in overrides:
        try:
            parsed.append(parser.parse_override(text))
        except HydraException as error:
            reason = str(error).splitlines()[0]
            problems.append(Problem(text.partition("=")[0], f"cannot be read ({reason})", remedy="Write key=value."))
    return parsed, problems


def _pairs(parsed: list[Override], overrides: Sequence[str]) -> list[tuple[Override | None, str]]:
    by_text = {override.input_line: override for override in parsed}
    return [(by_text.get(text), text) for text in overrides]


def _choices(override: Override, text: str) -> list[str]:
    if not override.is_sweep_override() or not (override.is_choice_sweep() or override.is_range_sweep()):
        return [text]
    sweep = override.value()
    if isinstance(sweep, ChoiceSweep | RangeSweep):
        key = text.partition("=")[0]
        return [f"{key}={value}" for value in override.sweep_string_iterator()]
    return [text]


def _is_group(override: Override, root: Root[Any]) -> bool:
    return override.key_or_group in groups(root.name) and override.type in (OverrideType.CHANGE, OverrideType.ADD)


def _check_choices(overrides: Sequence[Override], root: Root[Any]) -> tuple[list[str], list[Problem]]:
    """Split group choices into those that can be composed and the problems of the others."""
    good, problems = [], []
    for override in overrides:
        group = override.key_or_group
        chosen = _chosen(override)
        wrong = [name for name in chosen if name not in options(group)]
        if len(chosen) != 1 and group != "source":
            problems.append(
                Problem(group, "takes exactly one option", str(override.value()), ", ".join(options(group)))
            )
        elif wrong or not chosen:
            names = wrong or [""]
            known = options(group)
            problems += [
                Problem(
                    group, "is not an option", name, ", ".join(known), did_you_mean(name, known), _elsewhere(name, root)
                )
                for name in names
            ]
        else:
            good.append(f"{group}=[{','.join(chosen)}]" if group == "source" else f"{group}={chosen[0]}")
    return good, problems


def _elsewhere(name: str, root: Root[Any]) -> str:
    """Return where an option of that name does exist, as an advice, or an empty string."""
    found = [group for group in groups(root.name) if name in options(group)]
    return f"There is {' and '.join(f'{group}={name}' for group in found)}." if found else ""


def _chosen(override: Override) -> list[str]:
    value: object = override.value()
    if isinstance(value, ChoiceSweep):
        value = value.list[0]
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _compose(choices: list[str], root: Root[Any]) -> DictConfig:
    register_schemas(root)
    # Hydra keeps one global state; a composition inside a running Hydra application must give it back.
    before = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(conf_directory()), version_base="1.3"):
            return hydra_compose(root.name, overrides=choices)
    finally:
        if before is not None:
            GlobalHydra.instance().hydra = before


def _missing(config: DictConfig) -> list[Problem]:
    found: list[Problem] = []
    for key in sorted(cast("set[Any]", OmegaConf.missing_keys(config))):
        found.append(Problem(str(key), "must be given", remedy=f"Add {key}=... to the command.", code=MISSING))
    return found
