"""The group choices of a command line: which options are taken, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.types import ChoiceSweep, Override, OverrideType

from secft.config.options import EXPERIMENT, chosen_by_default, groups, options
from secft.config.overrides import plain
from secft.config.roots import RUN, Root
from secft.errors import Problem, did_you_mean

SEVERAL = "source"
"""The group that takes several options."""


def is_choice(override: Override, root: Root[Any]) -> bool:
    """Tell whether an override chooses an option of a group."""
    if override.type not in (OverrideType.CHANGE, OverrideType.ADD, OverrideType.FORCE_ADD):
        return False
    return override.key_or_group in groups(root.name) or is_experiment(override, root)


def is_experiment(override: Override, root: Root[Any]) -> bool:
    """Tell whether an override chooses a whole experiment."""
    return override.key_or_group == EXPERIMENT and root.schema is RUN.schema


def check_choices(overrides: Sequence[Override], root: Root[Any]) -> tuple[list[str], list[Problem]]:
    """Split group choices into those that can be composed and the problems of the others.

    ``+source=pdf`` adds to the sources that are chosen so far.
    """
    good: dict[str, str] = {}
    problems: list[Problem] = []
    sources = default_sources(overrides, root)
    for override in overrides:
        group, chosen = override.key_or_group, _chosen(override)
        wrong = [name for name in chosen if name not in options(group)]
        if len(chosen) != 1 and group != SEVERAL:
            allowed = ", ".join(options(group))
            problems.append(Problem(group, "takes exactly one option", str(override.value()), allowed))
        elif wrong or not chosen:
            problems += [_unknown(group, name, root) for name in wrong or [""]]
        elif group == SEVERAL:
            sources = [*sources, *chosen] if override.type == OverrideType.ADD else chosen
            sources = list(dict.fromkeys(sources))
            good[group] = f"{group}=[{','.join(sources)}]"
        else:
            good[group] = f"{'+' if group == EXPERIMENT else ''}{group}={chosen[0]}"
    return list(good.values()), problems


def default_sources(overrides: Sequence[Override], root: Root[Any]) -> list[str]:
    """Return the sources that are read where none are chosen: the experiment's, or the root's."""
    named = [f"{EXPERIMENT}/{_chosen(one)[0]}" for one in overrides if is_experiment(one, root) and _chosen(one)]
    for place in [*reversed(named), root.given or root.name]:
        found = chosen_by_default(place, SEVERAL)
        if found is not None:
            return [str(name) for name in found] if isinstance(found, list) else [str(found)]
    return []


def _unknown(group: str, name: str, root: Root[Any]) -> Problem:
    known = options(group)
    return Problem(group, "is not an option", name, ", ".join(known), did_you_mean(name, known), _elsewhere(name, root))


def _elsewhere(name: str, root: Root[Any]) -> str:
    """Return where an option of that name does exist, as an advice, or an empty string."""
    places = [group for group in groups(root.name) if name in options(group)]
    return f"There is {' and '.join(f'{group}={name}' for group in places)}." if places else ""


def _chosen(override: Override) -> list[str]:
    value: object = override.value()
    if isinstance(value, ChoiceSweep):
        value = value.list[0]
    value = plain(value)
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]
