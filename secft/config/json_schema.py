"""The settings as a JSON schema, for editors that complete and check YAML (yaml-language-server)."""

from __future__ import annotations

from typing import Any

from secft.config.catalogue import REQUIRED, SettingFacts, all_options, catalogue
from secft.config.options import EXPERIMENT, options

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = {"type": "string", "pattern": r"\$\{.+\}"}
_PLAIN = {"int": "integer", "float": "number", "str": "string", "bool": "boolean"}


def json_schema() -> dict[str, Any]:
    """Return a schema of experiments, of files for --config-name, and of a run's config.yaml."""
    root: dict[str, Any] = {
        "$schema": DIALECT,
        "title": "Settings of secft",
        "description": "An experiment, or the whole configuration of a run; made by: python -m secft settings --schema",
        "type": "object",
        "additionalProperties": False,
        "properties": {"defaults": _defaults()},
    }
    for key, facts in catalogue().items():
        *above, leaf = key.split(".")
        node = root
        for place, part in enumerate(above):
            node = node["properties"].setdefault(part, _object(open_keys=above[: place + 1] == ["source"]))
        node["properties"][leaf] = _leaf(facts)
    return root


def _object(*, open_keys: bool) -> dict[str, Any]:
    """Return a group; sources may have names of the user's choice."""
    return {"type": ["object", "null"] if open_keys else "object", "properties": {}, "additionalProperties": open_keys}


def _defaults() -> dict[str, Any]:
    groups = dict.fromkeys(option.group for option in all_options())
    choices: dict[str, Any] = {}
    for group in [*groups, EXPERIMENT]:
        # An option of the reader's own is right, too: names are offered, not demanded.
        offered = {"anyOf": [{"enum": options(group)}, {"type": "string"}]}
        value = {"anyOf": [offered, {"type": "array", "items": offered}]} if group == "source" else offered
        for written in (f"override /{group}", f"/{group}"):
            choices[written] = {"description": f"An option of {group}.", **value}
    entry = {"type": "object", "properties": choices}
    return {"description": "Which options are taken.", "type": "array",
            "items": {"anyOf": [{"type": "string"}, entry]}}  # fmt: skip


def _leaf(facts: SettingFacts) -> dict[str, Any]:
    kind, _, nullable = facts.type.partition(" or ")
    value = _value(kind, facts)
    accepted = [value, *([{"type": "null"}] if nullable == "null" else []), _REFERENCE]
    found: dict[str, Any] = {"description": _description(facts), "anyOf": accepted}
    if (
        len(facts.defaults) == 1
        and facts.default not in (REQUIRED, "null")
        and not facts.default.startswith(("$", "[", "{"))
    ):
        found["default"] = _typed(kind, facts.default)
    return found


def _description(facts: SettingFacts) -> str:
    allowed = f" Allowed: {facts.allowed}." if facts.allowed else ""
    defaults = "; ".join(facts.defaults)
    return f"{facts.about}{allowed} Default: {defaults}."


def _value(kind: str, facts: SettingFacts) -> dict[str, Any]:
    rules = facts.item.metadata
    choices = list(rules.get("choices") or ())
    if kind.startswith("list["):
        inner = {"enum": choices} if choices else _type(kind.removeprefix("list[").removesuffix("]"))
        return {"type": "array", "items": {"anyOf": [inner, _REFERENCE]}}
    if kind.startswith("dict["):
        return {"type": "object"}
    if choices:
        return {"enum": choices}
    bounds = {"minimum": rules.get("low"), "maximum": rules.get("high"), "exclusiveMinimum": rules.get("above")}
    return {**_type(kind), **{name: bound for name, bound in bounds.items() if bound is not None}}


def _type(kind: str) -> dict[str, Any]:
    return {"type": _PLAIN[kind]} if kind in _PLAIN else {}


def _typed(kind: str, text: str) -> Any:
    if kind == "bool":
        return text == "true"
    return int(text) if kind == "int" else float(text) if kind == "float" else text
