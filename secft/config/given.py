"""--config-name: another file than the command's own is composed, or a run's ``config.yaml`` is given back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import yaml
from hydra.core.config_store import ConfigStore

from secft.config.options import groups
from secft.config.places import added, found
from secft.config.roots import Root
from secft.config.store import SCHEMAS
from secft.errors import Problem, did_you_mean


def given_root(root: Root[Any], name: str, overrides: Sequence[str]) -> tuple[Root[Any], list[Problem]]:
    """Return what is composed instead of a command's own file.

    A file with ``defaults`` is composed by Hydra. One without is a whole configuration, as a run keeps it: its groups
    are those that it names, and its values are set; a group that the command line chooses anew is left out of it.

    Args:
        root: of the command.
        name: of the file, without suffix, in a folder of ``--config-dir``.
        overrides: of the command line.
    """
    name = name.removesuffix(".yaml")
    path = found(name)
    if path is None:
        known = sorted({file.stem for folder in added() for file in folder.glob("*.yaml")})
        remedy = "" if known else "Add the folder that holds it: --config-dir DIR."
        allowed = ", ".join(known[:20])
        problem = Problem("--config-name", "there is no such file", name, allowed, did_you_mean(name, known), remedy)
        return root, [problem]
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        reason = " ".join(str(error).split())
        return root, [Problem("--config-name", f"cannot be read ({reason[:200]})", str(path))]
    if not isinstance(settings, dict):
        return root, [Problem("--config-name", "is no mapping of settings", str(path))]
    if "hydra" in settings:
        problem = Problem("--config-name", "has settings of Hydra", str(path), remedy="Give them on the command line.")
        return root, [problem]
    if "defaults" in settings:
        return _stored(root, name, settings), []
    chosen = {text.partition("=")[0].lstrip("+") for text in overrides}
    defaults, problems = _defaults(settings, root, chosen)
    body = {key: value for key, value in settings.items() if key not in chosen or key not in SCHEMAS}
    if "source" in chosen:
        body.pop("source", None)
    return _stored(root, name, {"defaults": defaults, **body}), problems


def _stored(root: Root[Any], name: str, settings: dict[str, Any]) -> Root[Any]:
    given = replace(root, given=name)
    ConfigStore.instance().store(name=given.file, node=settings, provider="secft")
    return given


def _defaults(settings: dict[str, Any], root: Root[Any], chosen: Collection[str]) -> tuple[list[Any], list[Problem]]:
    """Return the defaults list that brings the schemas of what a configuration names."""
    entries: list[Any] = [root.name]
    problems: list[Problem] = []
    for group in groups(root.name):
        held = settings.get(group)
        if group in chosen or not isinstance(held, dict):
            continue
        if group == "source":
            names = [f"{one.get('name', key)}_schema" for key, one in held.items() if isinstance(one, dict)]
            entries.append({"override /source": names})
            continue
        schemas, name = SCHEMAS[group], str(held.get("name"))
        schema = f"{name}_schema" if f"{name}_schema" in schemas else next(iter(schemas))
        if f"{name}_schema" not in schemas and len(schemas) > 1:
            known = sorted(one.removesuffix("_schema") for one in schemas)
            problems.append(Problem(f"{group}.name", "is unknown", name, ", ".join(known), did_you_mean(name, known)))
        entries.append({f"override /{group}": schema})
    return [*entries, "_self_"], problems
