"""Overrides in, typed configuration out; every problem of a command line is found before anything is raised.

Hydra stops at the first mistake and accepts any key behind ``+``. Here group choices and values are checked one
by one against the schemas, so that all mistakes can be told together.
"""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import ChoiceSweep, Glob, Override, OverrideType, RangeSweep
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from secft.config.base_model import described
from secft.config.choices import SEVERAL, check_choices, is_choice
from secft.config.keys import as_list, check_value, field_at, is_list
from secft.config.options import options
from secft.config.overrides import as_added, parse, plain
from secft.config.places import added, conf_directory
from secft.config.ranges import range_problems
from secft.config.roots import RUN, C, Root, RunConfig
from secft.config.schemas.hardware import FITTED, HardwareConfig
from secft.config.schemas.model import ModelConfig
from secft.config.store import register_schemas
from secft.config.unresolved import impossible_values, unresolved_problems
from secft.errors import ConfigError, Problem

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
        tree: the same as Hydra has it, references unresolved; None where it could not be composed.
    """

    config: Any
    problems: list[Problem] = field(default_factory=list)
    tree: DictConfig | None = None


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
    parsed, problems = parse(overrides)
    good, bad = check_choices([override for override in parsed if is_choice(override, root)], root)
    problems += bad
    try:
        tree = compose_tree(good, root)
    except (HydraException, OmegaConfBaseException) as error:
        return Composed(None, [*problems, _of_files(error)])
    for override in parsed:
        if not is_choice(override, root) and not of_hydra(override.key_or_group):
            problems += check_value(tree, override)
    unresolved = unresolved_problems(tree)
    if unresolved:
        return Composed(None, [*problems, *unresolved], tree)
    problems += [*range_problems(tree), *impossible_values(tree), *_missing(tree)]
    if OmegaConf.missing_keys(tree):
        return Composed(None, problems, tree)
    try:
        return Composed(to_typed(tree, root), problems, tree)
    except OmegaConfBaseException as error:
        return Composed(None, [*problems, _of_files(error)], tree)


def of_hydra(key: str) -> bool:
    """Tell whether a key belongs to Hydra's own configuration."""
    return key.split(".")[0].split("/")[0] == "hydra"


def compose_sweep(overrides: Sequence[str], root: Root[Any] = RUN) -> list[Composed]:
    """Compose every job of a multirun, as far as its choices can be listed beforehand."""
    axes = [[text] if override is None else _choices(override, text) for override, text in _pairs(overrides)]
    jobs = itertools.islice(itertools.product(*axes), MAX_JOBS_CHECKED)
    return [compose_job(job, root) for job in jobs]


def open_key_overrides(overrides: Sequence[str], tree: DictConfig | None = None) -> list[str]:
    """Write overrides as Hydra itself takes them.

    New keys of open mappings get a ``++``, a single value of a list becomes a list, and what is added to a list (or to
    the sources) becomes the whole list.

    Args:
        overrides: of a command line.
        tree: its first job, composed; without it lists are left as they are.
    """
    pairs = _pairs(overrides)
    named = [override for override, _ in pairs if override is not None and is_choice(override, RUN)]
    added_to = any(one.key_or_group == SEVERAL and one.type == OverrideType.ADD for one in named)
    if added_to:
        pairs = [(one, text) for one, text in pairs if one is None or one.key_or_group != SEVERAL]
    sources = [text for text in check_choices(named, RUN)[0] if added_to and text.startswith(f"{SEVERAL}=")]
    return [*sources, *(text if one is None else _for_hydra(one, text, tree) for one, text in pairs)]


def _for_hydra(override: Override, text: str, tree: DictConfig | None) -> str:
    key = override.key_or_group
    if key in OPEN_MAPPINGS or key.startswith(tuple(f"{name}." for name in OPEN_MAPPINGS)):
        return f"++{text.lstrip('+')}"
    if tree is None or of_hydra(key) or not is_list(field_at(tree, key)):
        return text
    if override.type == OverrideType.ADD:
        return f"{key}={_literal(OmegaConf.to_container(tree, resolve=False), key)}"
    return f"{key}={_lists(override)}"


def _literal(held: Any, key: str) -> str:
    for part in key.split("."):
        held = held[part]
    return json.dumps(held, ensure_ascii=False)


def _lists(override: Override) -> str:
    value = override.value()
    if isinstance(value, ChoiceSweep) and not value.simple_form:
        return override.get_value_string()
    choices = value.list if isinstance(value, ChoiceSweep) else [value]
    if any(isinstance(one, str) and one.startswith("${") for one in choices):
        return override.get_value_string()
    return ",".join(json.dumps(as_list(plain(one)), ensure_ascii=False) for one in choices)


def to_typed(config: DictConfig, root: Root[C]) -> C:
    """Convert a composed configuration into dataclasses; the part that belongs to Hydra is left out."""
    if "hydra" in config:
        config = OmegaConf.masked_copy(config, [key for key in map(str, config) if key != "hydra"])
    chosen = _chosen_by_user(config)
    made = OmegaConf.to_object(config)
    if not isinstance(made, root.schema):
        raise ConfigError([Problem("conf", f"the root configuration is not the schema of {root.name}")])
    if isinstance(getattr(made, "model", None), ModelConfig):
        made.model = described(made.model)  # type: ignore[attr-defined]  # of the roots that have one
    if isinstance(hardware := getattr(made, "hardware", None), HardwareConfig):
        hardware.fitted = [name for name in hardware.fitted if name not in chosen]
    return made


def _chosen_by_user(config: DictConfig) -> list[str]:
    """Return the settings of ``trainer`` that somebody gave, among those that memory may decide."""
    trainer = config.get("trainer")
    if not isinstance(trainer, DictConfig):
        return []
    return [name for name in FITTED if name in trainer and not OmegaConf.is_interpolation(trainer, name)]


def _pairs(overrides: Sequence[str]) -> list[tuple[Override | None, str]]:
    texts = list(map(as_added, overrides))
    by_text = {override.input_line: override for override in parse(texts)[0]}
    return [(by_text.get(text), text) for text in texts]


def _choices(override: Override, text: str) -> list[str]:
    key = text.partition("=")[0]
    value: object = override.value()
    if isinstance(value, Glob):
        return [f"{key}={name}" for name in value.filter(options(override.key_or_group))] or [text]
    if isinstance(value, ChoiceSweep | RangeSweep):
        return [f"{key}={one}" for one in override.sweep_string_iterator()]
    return [text]


def compose_tree(choices: Sequence[str], root: Root[Any]) -> DictConfig:
    """Let Hydra compose options of groups, without a value of the command line.

    Args:
        choices: ``group=option``; those of ``hydra/...`` and values of ``hydra`` are taken, too.
        root: of the command.

    Raises:
        HydraException: a file of an option is wrong.
        OmegaConfBaseException: a file of an option is wrong.
    """
    if added() or root.given:  # files that may change while this process runs
        return _composed(root, tuple(choices))
    return copy.deepcopy(_kept(root, tuple(choices)))


@lru_cache(maxsize=128)
def _kept(root: Root[Any], choices: tuple[str, ...]) -> DictConfig:
    """Compose once: jobs of a sweep differ in values more often than in options."""
    return _composed(root, choices)


def _composed(root: Root[Any], choices: tuple[str, ...]) -> DictConfig:
    register_schemas(root)
    return composed_file(root.file, choices)


def composed_file(name: str, choices: Sequence[str]) -> DictConfig:
    """Let Hydra compose a file of its folder, or a name in its ConfigStore; schemas must be registered.

    Raises:
        HydraException: a file is wrong.
        OmegaConfBaseException: a file is wrong.
    """
    # Hydra keeps one global state; a composition inside a running Hydra application must give it back.
    before = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(conf_directory()), version_base="1.3"):
            return hydra_compose(name, overrides=[*searchpath(), *choices])
    finally:
        if before is not None:
            GlobalHydra.instance().hydra = before


def searchpath() -> list[str]:
    """Return what tells Hydra of added folders."""
    return [f"hydra.searchpath={json.dumps([f'file://{folder}' for folder in added()])}"] if added() else []


def _of_files(error: Exception) -> Problem:
    """Return what is wrong with the files of options, as Hydra says it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("object_type=", "reference_type=", "set_struct"))]
    return Problem("conf", "; ".join(told[:4]).rstrip(".") or type(error).__name__)


def _missing(config: DictConfig) -> list[Problem]:
    keys = sorted(map(str, cast("set[Any]", OmegaConf.missing_keys(config))))
    return [Problem(key, "must be given", remedy=f"Add {key}=... to the command.", code=MISSING) for key in keys]
