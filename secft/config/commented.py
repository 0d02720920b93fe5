"""``--cfg job``: the configuration of every job, each setting with what it means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import yaml
from omegaconf import DictConfig, ListConfig, OmegaConf

from secft.config.keys import field_at
from secft.config.setting import allowed_values
from secft.errors import ConfigError, Problem, did_you_mean

if TYPE_CHECKING:
    from secft.config.command_line import CommandLine

WIDTH = 48
"""Comments begin in this column, where the setting leaves room."""


def print_jobs(line: CommandLine) -> int:
    """Print the configuration of every job of a command line; several are several YAML documents.

    Raises:
        ConfigError: the package that is asked for does not exist.
    """
    package, resolve = line.flags.values.get("--package", ""), "--resolve" in line.flags
    several = len(line.trees) > 1
    for number, tree in enumerate(line.trees):
        if several:
            print(f"---\n# job {number}")
        print(commented(tree, package="" if package in ("", "_global_") else package, resolve=resolve))
    return 0


def commented(tree: DictConfig, *, package: str = "", resolve: bool = False) -> str:
    """Return a configuration as YAML with comments; read as YAML it is what Hydra shows.

    Args:
        tree: of a job.
        package: key of the part that is shown; empty is all of it.
        resolve: references are replaced by values.

    Raises:
        ConfigError: there is no such part.
    """
    part = OmegaConf.select(tree, package) if package else tree
    if package and not isinstance(part, DictConfig):
        known = [key for key in map(str, tree) if key != "hydra"]
        raise ConfigError([Problem("--package", "is no part of the configuration", package, ", ".join(known),
                                   did_you_mean(package, known))])  # fmt: skip
    head = [f"# @package {package}"] if package else []
    return "\n".join([*head, *_lines(tree, part, package, resolve, "")])


def _lines(tree: DictConfig, node: DictConfig, prefix: str, resolve: bool, indent: str) -> Iterator[str]:
    for name in map(str, node):
        if name == "hydra" and not prefix:
            continue
        key = f"{prefix}.{name}" if prefix else name
        missing = OmegaConf.is_missing(node, name)
        reference = not resolve and OmegaConf.is_interpolation(node, name)
        value = None if missing or reference else node[name]
        if isinstance(value, DictConfig) and len(value):
            yield _with_comment(f"{indent}{name}:", tree, key)
            yield from _lines(tree, value, key, resolve, f"{indent}  ")
            continue
        yield from _leaf(tree, node, name, key, resolve and not missing, indent)


def _leaf(tree: DictConfig, node: DictConfig, name: str, key: str, resolve: bool, indent: str) -> Iterator[str]:
    value: Any = node[name] if resolve else OmegaConf.to_container(node, resolve=False)[name]  # type: ignore[call-overload,index]
    if isinstance(value, DictConfig | ListConfig):
        value = OmegaConf.to_container(value, resolve=True)
    text = yaml.safe_dump({name: value}, allow_unicode=True, sort_keys=False, width=10_000)
    first, *rest = text.rstrip("\n").splitlines()
    yield _with_comment(f"{indent}{first}", tree, key)
    yield from (f"{indent}{line}" for line in rest)


def _with_comment(line: str, tree: DictConfig, key: str) -> str:
    item = field_at(tree, key)
    about = (item.metadata.get("about") or "") if item is not None else ""
    if key.endswith(".name"):  # which option was chosen: the command line says it
        return line
    if not about or line.rstrip().endswith(("|", ">", "|-", ">-")):
        return line
    allowed = allowed_values(item) if item is not None else ""
    told = f"{about} Allowed: {allowed}." if allowed and len(allowed) < 80 else about
    return f"{line:<{WIDTH}}  # {told}"
