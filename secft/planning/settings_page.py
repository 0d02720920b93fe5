"""docs/settings.md, made of the catalogue of settings."""

from __future__ import annotations

from collections.abc import Iterator

from secft.config.catalogue import SettingFacts, catalogue
from secft.config.options import EXPERIMENT, about_option, groups, options
from secft.config.roots import RUN
from secft.planning.readers import readers

HEAD = """\
# Settings

Made by `python -m secft settings --markdown` of what the schemas say; a test compares. `python -m secft settings KEY`
tells the same of one setting, with its value on this machine; `python -m secft settings --find TEXT` looks for words.
`python -m secft --cfg job` shows all of them as YAML, with comments. `docs/settings.schema.json` is the same for
editors ([how](#editors)).

`${...}` refers to another setting, `???` must be given. Where options of a group differ in a default, each is named.

"""
FOOT = """\
## Editors

`python -m secft settings --schema > settings.schema.json` writes a JSON schema. With the YAML extension of VS Code, or
any editor that uses yaml-language-server, the first line of an experiment or of a file for `--config-name` names it:

```yaml
# yaml-language-server: $schema=settings.schema.json
```
"""
SHARED = 6
"""Of a default that more options have than this, the number is told, not their names."""


def settings_page() -> str:
    """Return the page."""
    known = catalogue()
    read = readers(known)
    sections = "".join(_section(group, read) for group in dict.fromkeys(key.split(".")[0] for key in known))
    return HEAD + _experiments() + sections + FOOT


def _experiments() -> str:
    lines = [f"- `+{EXPERIMENT}={name}`: {about_option(EXPERIMENT, name)}" for name in options(EXPERIMENT)]
    return "\n".join([f"## {EXPERIMENT}", "", *lines, "", ""])


def _section(group: str, read: dict[str, str]) -> str:
    facts = {key: one for key, one in catalogue().items() if key.split(".")[0] == group}
    lines = [f"## {group}", ""]
    if group in groups(RUN.name):
        lines += [f"- `{group}={name}`: {about_option(group, name)}" for name in options(group)]
        lines.append("")
    lines += ["| setting | type | default | allowed | meaning | read by |", "|---|---|---|---|---|---|"]
    lines += list(_rows(facts, read))
    return "\n".join([*lines, "", ""])


def _rows(facts: dict[str, SettingFacts], read: dict[str, str]) -> Iterator[str]:
    for key, one in facts.items():
        cells = [f"`{key}`", one.type, _defaults(one), one.allowed, one.about, read[key]]
        yield f"| {' | '.join(text.replace('|', chr(92) + '|') for text in cells)} |"


def _defaults(facts: SettingFacts) -> str:
    if len(facts.defaults) == 1:
        return _code(facts.default)
    told = []
    for default, names in sorted(facts.defaults.items(), key=lambda item: -len(item[1])):
        short = [name.partition("=")[2].strip("[]") for name in names]
        told.append(f"{_code(default)} ({', '.join(short) if len(short) <= SHARED else f'{len(short)} options'})")
    return ", ".join(told)


def _code(default: str) -> str:
    """Return a default as code; what looks like a path is none of this repository, so it stands as text."""
    return default if "/" in default else f"`{default}`"
