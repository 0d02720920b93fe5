"""Parts of a Sigma rule: its detection as YAML, its tags as ids, the log fields that it looks at."""

from __future__ import annotations

import datetime
import re
from typing import Any

import yaml

from secft.dataset.sources.reading.json_values import clean
from secft.security.identifiers import attack_tags

_BLOCK = re.compile(r"^detection:[ \t]*(?:#.*)?\n((?:[ \t].*\n|[ \t]*\n|-.*\n|#.*\n)+)", re.MULTILINE)
_TACTIC = re.compile(r"attack\.([a-z]+(?:[-_][a-z]+)*)")
_MAX_FIELDS = 200


def detection_text(detection: dict[str, Any], own: str) -> str:
    """Return a detection as YAML: as it stands in the rule's own text, else written anew in the same order."""
    found = _BLOCK.search(f"{own}\n".replace("\r\n", "\n")) if own else None
    if found:
        lines = [line.rstrip() for line in found[1].split("\n")]
        while lines and (not lines[-1] or lines[-1].startswith("#")):
            lines.pop()
        return clean("\n".join(["detection:", *(line.expandtabs(4) for line in lines)]))
    return clean(yaml.safe_dump({"detection": detection}, sort_keys=False, allow_unicode=True, width=1000).strip())


def attack_fields(tags: list[str]) -> dict[str, list[str]]:
    """Return what the tags name of ATT&CK: ids of techniques, names of tactics, ids of software and groups."""
    tactics = (_TACTIC.fullmatch(tag.lower()) for tag in tags)
    return {
        "techniques": attack_tags(tags, "technique"),
        "tactics": list(dict.fromkeys(match[1].replace("_", "-") for match in tactics if match)),
        "software": attack_tags(tags, "software"),
        "groups": attack_tags(tags, "group"),
    }


def day(value: object) -> str:
    """Return a date as YYYY-MM-DD, or an empty string."""
    if isinstance(value, datetime.datetime):
        return value.date().isoformat()
    if isinstance(value, datetime.date):
        return value.isoformat()
    text = value.strip().replace("/", "-") if isinstance(value, str) else ""
    return text if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) else ""


def log_fields(detection: dict[str, Any]) -> list[str]:
    """Return the fields of the log that a detection looks at, without their modifiers, in order."""
    found: dict[str, None] = {}
    for name, selection in detection.items():
        if name in ("condition", "timeframe"):
            continue
        for item in selection if isinstance(selection, list) else [selection]:
            if isinstance(item, dict):
                found.update((clean(key).split("|")[0], None) for key in item if isinstance(key, str))
    return [name for name in found if name][:_MAX_FIELDS]
