"""Hydra's sweep syntax as a space to search, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from omegaconf import DictConfig, OmegaConf
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from secft.errors import ConfigError, Problem

MAX_CHOICES = 1000


@dataclass(frozen=True)
class Space:
    """What all jobs share and what they differ in.

    Attributes:
        fixed: overrides of every job.
        axes: key -> what its value is drawn from.
    """

    fixed: list[str]
    axes: dict[str, BaseDistribution]

    def overrides(self, chosen: Mapping[str, Any]) -> list[str]:
        """Write the overrides of one job.

        Args:
            chosen: key -> value, one for every axis.
        """
        return [*self.fixed, *(f"{key}={_text(chosen[key])}" for key in self.axes)]

    def fitted(self, config: DictConfig) -> Space:
        """Return the space with whole numbers where a setting is one: Hydra reads every interval as fractions.

        Args:
            config: composed from the fixed overrides.

        Raises:
            ConfigError: an interval of fractions for such a setting.
        """
        return replace(self, axes={key: _fitted(key, axis, config) for key, axis in self.axes.items()})


def read_space(arguments: Sequence[str]) -> Space:
    """Read overrides: ``a,b`` and ``choice`` and ``range`` are choices, ``interval`` is a range of numbers.

    ``tag(log, interval(1e-5, 1e-3))`` is searched on a logarithmic scale; ``int(interval(4, 32))`` has whole numbers,
    both ends included.

    Raises:
        ConfigError: with everything that cannot be searched.
    """
    fixed: list[str] = []
    axes: dict[str, BaseDistribution] = {}
    problems: list[Problem] = []
    for override in OverridesParser.create().parse_overrides(list(arguments)):
        if not override.is_sweep_override():
            fixed.append(override.input_line or "")
            continue
        try:
            axes[override.get_key_element()] = _axis(override)
        except ValueError as error:
            problems.append(Problem(override.key_or_group, f"cannot be searched ({error})", override.input_line))
    if not axes and not problems:
        remedy = "Give a key several values (8,16) or an interval."
        problems.append(Problem("hydra/sweeper", "has nothing to search among", "optuna", remedy=remedy))
    if problems:
        raise ConfigError(problems)
    return Space(fixed, axes)


def _axis(override: Override) -> BaseDistribution:
    value = override.value()
    if isinstance(value, IntervalSweep):
        return _interval(value)
    if not override.is_discrete_sweep():
        raise ValueError("only choices, ranges and intervals can be")
    texts = []
    for text in override.sweep_string_iterator():
        texts.append(text)
        if len(texts) > MAX_CHOICES:
            raise ValueError(f"more than {MAX_CHOICES} values; use an interval")
    return CategoricalDistribution(texts)


def _interval(value: IntervalSweep) -> BaseDistribution:
    low, high = value.start, value.end
    if low is None or high is None or not low < high:
        raise ValueError("an interval goes from a smaller to a larger number")
    log = "log" in value.tags
    if log and low <= 0:
        raise ValueError("a logarithmic interval lies above 0")
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, log=log)
    return FloatDistribution(float(low), float(high), log=log)


def _fitted(key: str, axis: BaseDistribution, config: DictConfig) -> BaseDistribution:
    value = OmegaConf.select(config, key)
    if not isinstance(axis, FloatDistribution) or not isinstance(value, int) or isinstance(value, bool):
        return axis
    if axis.low != int(axis.low) or axis.high != int(axis.high):
        raise ConfigError([Problem(key, "takes whole numbers", f"interval({axis.low:g},{axis.high:g})")])
    return IntDistribution(int(axis.low), int(axis.high), log=axis.log)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)
