"""``python -m secft settings``: every setting with its type, default, allowed values, meaning, and who reads it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

from secft.columns import columns, plain_text
from secft.command import PROGRAM, Command, Verb, json_flag, print_json
from secft.config.catalogue import SettingFacts, catalogue
from secft.config.json_schema import json_schema
from secft.config.options import about_option, groups, options
from secft.config.roots import RUN, RunConfig
from secft.errors import ConfigError, Problem, did_you_mean

ABOUT_WIDTH = 90


def settings(config: RunConfig, arguments: argparse.Namespace) -> int:
    """Print what is known about settings.

    Raises:
        ConfigError: there is no setting of a name that was asked for.
    """
    if arguments.schema:
        print(json.dumps(json_schema(), indent=1, ensure_ascii=False))
        return 0
    if arguments.markdown:
        from secft.planning.settings_page import settings_page

        print(settings_page(), end="")
        return 0
    chosen = _chosen(arguments.keys, arguments.find)
    if arguments.json:
        print_json([_facts(one, config) for one in chosen.values()])
    elif not chosen:
        print(f"No setting tells of {arguments.find!r}.")
    elif arguments.keys and len(chosen) == 1:
        print(plain_text(_explained(next(iter(chosen.values())), config)))
    else:
        rows = [[key, one.type, one.default, _short(one.about)] for key, one in chosen.items()]
        print(plain_text(columns(("setting", "type", "default", "meaning"), rows)))
    return 0


def _chosen(keys: list[str], text: str | None) -> Mapping[str, SettingFacts]:
    known = catalogue()
    chosen = dict(known) if not keys else {}
    problems = []
    for key in keys:
        found = _named(key.partition("=")[0].strip("."), known)
        chosen.update(found)
        if not found:
            leaves = {name.rpartition(".")[2]: name for name in known}
            near = did_you_mean(key, known) or leaves.get(did_you_mean(key, leaves) or "")
            remedy = f"{PROGRAM} settings --find TEXT looks into their explanations."
            problems.append(Problem(key, "no such setting", None, ", ".join(groups(RUN.name)), near, remedy))
    if problems:
        raise ConfigError(problems)
    wanted = (text or "").casefold()
    return {key: one for key, one in chosen.items() if wanted in f"{key} {one.about}".casefold()}


def _named(key: str, known: Mapping[str, SettingFacts]) -> dict[str, SettingFacts]:
    """Return a setting, those of a group, or those whose name ends so."""
    if key in known:
        return {key: known[key]}
    below = {name: one for name, one in known.items() if name.startswith(f"{key}.")}
    return below or {name: one for name, one in known.items() if name.endswith(f".{key}")}


def _short(text: str) -> str:
    return text if len(text) <= ABOUT_WIDTH else f"{text[: ABOUT_WIDTH - 4]} ..."


def _explained(facts: SettingFacts, config: RunConfig) -> str:
    told = _facts(facts, config)
    rows = [("type", facts.type), ("allowed", facts.allowed or "any value of the type")]
    several = len(facts.defaults) > 1
    for default, names in facts.defaults.items():
        rows.append(("default", f"{default}  ({', '.join(names)})" if several else default))
    rows.append(("of", ", ".join(facts.options) if facts.options else "every run"))
    if told["value"] is not None:
        rows.append(("value here", told["value"]))
    rows += [("read by", told["read_by"]), ("declared in", facts.module)]
    if facts.internal:
        rows.append(("results", "do not depend on it"))
    lines = [f"{facts.key}", f"  {facts.about}", "", *(f"  {title:<12}{text}" for title, text in rows)]
    group = facts.key.split(".")[0]
    if facts.key == f"{group}.name" and group in groups(RUN.name):
        lines += ["", "  Options:", *(f"    {name:<16}{about_option(group, name)}" for name in options(group))]
    return "\n".join(lines)


def _facts(facts: SettingFacts, config: RunConfig) -> dict[str, Any]:
    from secft.planning.readers import readers

    return {
        "key": facts.key,
        "type": facts.type,
        "about": facts.about,
        "allowed": facts.allowed,
        "choices": list(facts.item.metadata.get("choices") or ()),
        "defaults": {default: list(names) for default, names in facts.defaults.items()},
        "value": _value(config, facts.key),
        "read_by": readers({facts.key: facts})[facts.key],
        "declared_in": facts.module,
        "internal": facts.internal,
    }


def _value(config: Any, key: str) -> str | None:
    """Return what a setting is here and now, references resolved; None where these options do not have it."""
    from secft.config.catalogue import shown_value

    node = config
    for part in key.split("."):
        node = node.get(part) if isinstance(node, dict) else getattr(node, part, None)
        if node is None and part != key.rpartition(".")[2]:
            return None
    return shown_value(node)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "keys", metavar="KEY", nargs="*", help="a setting, a group, or the last part of a name; none: all"
    )
    parser.add_argument("--find", metavar="TEXT", help="those whose name or meaning holds a text")
    json_flag(parser)
    parser.add_argument("--markdown", action="store_true", help="print docs/settings.md")
    parser.add_argument("--schema", action="store_true", help="print a JSON schema, for editors of YAML")


COMMAND = Command(
    name="settings",
    about="every setting: type, default, allowed values, meaning, who reads it",
    root=RUN,
    verbs={"": Verb("explain settings", settings, _arguments)},
    notes="group=option and key=value change what is told under 'value here'.",
)
