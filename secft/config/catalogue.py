"""Every setting with what is known about it: type, default, what it may be, what it means, which options have it.

Made of the schemas and of the files in conf/, and of nothing else: what people read about settings says what is
checked.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from functools import cache
from typing import Any

import yaml

from secft.config.keys import type_name
from secft.config.options import options
from secft.config.places import found
from secft.config.roots import RUN
from secft.config.setting import allowed_values
from secft.config.store import SCHEMAS
from secft.dataset.sources.table import SOURCES

REQUIRED = "???"


@dataclass(frozen=True)
class Option:
    """One option of a group.

    Attributes:
        group: trainer, model, ...
        name: as it is chosen.
        schema: of its settings.
        values: what its file sets, as (possibly nested) plain values.
    """

    group: str
    name: str
    schema: type
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def chosen(self) -> str:
        """How the option is chosen on a command line."""
        return f"{self.group}=[{self.name}]" if self.group == "source" else f"{self.group}={self.name}"

    @property
    def prefix(self) -> str:
        """Where its settings stand."""
        return f"source.{self.name}" if self.group == "source" else self.group


@dataclass(frozen=True)
class SettingFacts:
    """What is known about one setting.

    Attributes:
        key: dotted, as on a command line.
        type: ``int``, ``str or null``, ``list[str]``, ...
        about: one line.
        allowed: range or choices; empty where any value of the type is taken.
        defaults: default -> options that have it; the option is empty for settings outside of groups. References
            (``${...}``) are shown as they are; ``???`` must be given.
        module: where it is declared.
        internal: no result depends on it.
        item: the field of the schema.
    """

    key: str
    type: str
    about: str
    allowed: str
    defaults: Mapping[str, tuple[str, ...]]
    module: str
    internal: bool
    item: Field[Any]

    @property
    def options(self) -> tuple[str, ...]:
        """The options that have it; none for settings outside of groups."""
        return tuple(name for names in self.defaults.values() for name in names)

    @property
    def default(self) -> str:
        """The most frequent default."""
        return max(self.defaults, key=lambda default: len(self.defaults[default]))


@cache
def all_options() -> tuple[Option, ...]:
    """Return every option of every group, of secft's own and of added folders."""
    found_options = [_option("source", name, {one: record.config for one, record in SOURCES.items()})
                     for name in options("source")]  # fmt: skip
    for group, schemas in SCHEMAS.items():
        by_name = {name.removesuffix("_schema"): schema for name, schema in schemas.items()}
        found_options += [_option(group, name, by_name) for name in options(group)]
    return tuple(found_options)


def _option(group: str, name: str, schemas: Mapping[str, type]) -> Option:
    path = found(f"{group}/{name}")
    content = yaml.safe_load(path.read_text(encoding="utf-8")) if path else {}
    based = [str(entry).removesuffix("_schema") for entry in content.pop("defaults", []) if isinstance(entry, str)]
    named = [one for one in based if one in schemas]
    schema = schemas[named[0] if named else name if name in schemas else next(iter(schemas))]
    return Option(group, name, schema, content)


@cache
def catalogue() -> Mapping[str, SettingFacts]:
    """Return key -> facts of every setting of a run, in the order of the configuration."""
    facts: dict[str, SettingFacts] = {}
    for item in fields(RUN.schema):
        own = [option for option in all_options() if option.group == item.name]
        for option in own:
            for key, leaf, default, module in _leaves(option.schema, option.prefix, option.values):
                _add(facts, key, leaf, default, module, option.chosen)
        if not own:
            for key, leaf, default, module in _leaves(RUN.schema, "", {}, only=item.name):
                _add(facts, key, leaf, default, module, "")
    return facts


def _add(facts: dict[str, SettingFacts], key: str, item: Field[Any], default: str, module: str, option: str) -> None:
    before = facts.get(key)
    defaults = dict(before.defaults) if before else {}
    defaults[default] = (*defaults.get(default, ()), *([option] if option else []))
    rules = item.metadata
    facts[key] = SettingFacts(
        key=key,
        type=type_name(item),
        about=(before.about if before else "") or rules.get("about", "") or _about_name(key),
        allowed=(before.allowed if before else "") or allowed_values(item),
        defaults=defaults,
        module=before.module if before else module,
        internal=bool(rules.get("internal")),
        item=before.item if before and before.item.metadata else item,
    )


def _about_name(key: str) -> str:
    return "Which option this is; chosen by its group." if key.endswith(".name") else ""


def _leaves(
    schema: type, prefix: str, values: Mapping[str, Any], only: str = ""
) -> Iterator[tuple[str, Field[Any], str, str]]:
    """Yield (key, field, default, module) of every setting of a schema.

    Args:
        schema: a dataclass.
        prefix: where it stands; empty is the root.
        values: that a file sets.
        only: the one field that is looked at; empty looks at all.
    """
    for item in fields(schema):
        if only and item.name != only:
            continue
        key = f"{prefix}.{item.name}" if prefix else item.name
        default = item.default_factory() if item.default_factory is not MISSING else item.default
        given = values.get(item.name)
        if is_dataclass(default) and not isinstance(default, type):
            yield from _leaves(type(default), key, given if isinstance(given, Mapping) else {})
            continue
        shown = given if item.name in values else default
        yield key, _declared(schema, item), shown_value(shown), _module(schema, item)


def _declared(schema: type, item: Field[Any]) -> Field[Any]:
    """Return the field of the most general class that explains it: what is shared is explained once."""
    for base in reversed(schema.__mro__):
        for one in fields(base) if is_dataclass(base) else ():
            if one.name == item.name and one.metadata:
                return one
    return item


def _module(schema: type, item: Field[Any]) -> str:
    """Return the file in which a setting is declared."""
    owners = [base for base in reversed(schema.__mro__) if item.name in inspect.get_annotations(base)]
    return f"{(owners or [schema])[0].__module__.replace('.', '/')}.py"


def shown_value(value: Any) -> str:
    """Return a value as it is written on a command line."""
    if value is MISSING or value == REQUIRED:
        return REQUIRED
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list | tuple):
        return f"[{','.join(map(shown_value, value))}]"
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{key}:{shown_value(one)}' for key, one in value.items())}}}"
    return str(value)
