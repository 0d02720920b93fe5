"""The rules of a Sigma file: several documents, and the actions of collections that complete each other.

Source: Sigma specification 1.0, "Rule collections" (``action: global``, ``reset`` and ``repeat``), and 2.0, "Sigma
correlations".
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from secft.dataset.sources.reading.json_values import clean, mapping, string, strings
from secft.dataset.sources.reading.safe_yaml import load_yaml

_BOUNDARY = re.compile(r"^---(?:[ \t].*)?\n?", re.MULTILINE)
_COMPARISONS = {
    "gte": "at least", "gt": "more than", "lte": "at most", "lt": "fewer than", "eq": "exactly", "neq": "other than",
}  # fmt: skip
_COUNTED = {
    "event_count": "events of the rules are counted",
    "value_count": "distinct values in events of the rules are counted",
    "value_sum": "values in events of the rules are added up",
    "value_avg": "the mean of values in events of the rules is taken",
    "value_percentile": "a percentile of values in events of the rules is taken",
    "value_median": "the median of values in events of the rules is taken",
    "temporal": "events of all the rules come near each other in time",
    "temporal_ordered": "events of the rules come near each other in time, in this order",
}


def _merged(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Return a document with another one over it; mappings are merged, everything else is replaced."""
    found = dict(base)
    for key, value in more.items():
        old = found.get(key)
        found[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return found


def _expanded(documents: list[tuple[Any, str]]) -> list[tuple[Any, str]]:
    """Complete the documents of a collection by its actions; an action without a rule after it stands as it is."""
    found: list[tuple[Any, str]] = []
    shared: dict[str, Any] = {}
    last: dict[str, Any] = {}
    unused: list[tuple[Any, str]] = []
    for document, own in documents:
        action = string(document, "action").lower()
        if action == "global":
            shared = _merged(shared, {key: value for key, value in document.items() if key != "action"})
            unused.append((document, own))
        elif action == "reset":
            shared = {}
        elif not isinstance(document, dict):
            found.append((document, own))
        else:
            base = last if action == "repeat" else shared
            last = _merged(base, {key: value for key, value in document.items() if key != "action"})
            found.append((last, "" if base else own))
            unused.clear()
    return found + unused


def rules_in(text: str) -> list[tuple[Any, str]]:
    """Return the rules of a text with their own YAML: (rule, YAML or an empty string where that stands apart).

    Raises:
        BadYaml: the text is no YAML, or out to harm.
    """
    documents = load_yaml(text)
    parts = _BOUNDARY.split(text.replace("\r\n", "\n"))
    while len(parts) > len(documents) and not re.sub(r"(?m)^\s*#.*$", "", parts[0]).strip():
        parts.pop(0)
    own = parts if len(parts) == len(documents) else [""] * len(documents)
    return _expanded([pair for pair in zip(documents, own, strict=True) if pair[0] is not None])


def named_rules(correlation: dict[str, Any]) -> list[str]:
    """Return the ids or names of the rules that a correlation is about."""
    single = string(correlation, "rules")
    return [single] if single else strings(correlation, "rules")


def correlation_words(correlation: dict[str, Any], titles: dict[str, str]) -> str:
    """Say in words what a correlation looks for.

    Args:
        correlation: the section of the rule.
        titles: id or name -> title, of the rules in the same file.
    """
    kind, span = string(correlation, "type").lower(), string(correlation, "timespan")
    groups = strings(correlation, "group-by") or [string(correlation, "group-by")]
    condition = mapping(correlation, "condition")
    bounds = [f"{_COMPARISONS[key]} {condition[key]}" for key in _COMPARISONS if key in condition]
    fields = strings(condition, "field") or [string(condition, "field")]
    rules = [f"{titles[name]} ({name})" if name in titles else name for name in named_rules(correlation)]
    parts = [
        f"A correlation of rules ({kind}): {_COUNTED.get(kind, 'events of the rules are taken together')}.",
        f"Rules: {'; '.join(rules)}.",
        f"For each {', '.join(groups)}." if any(groups) else "",
        f"Values of {', '.join(fields)}." if any(fields) else "",
        f"Within {span}." if span else "",
        f"Condition: {' and '.join(bounds) or string(correlation, 'condition')}."
        if bounds or string(correlation, "condition")
        else "",
    ]
    return clean(" ".join(part for part in parts if part))


def correlation_text(correlation: dict[str, Any]) -> str:
    """Return the section of a correlation as YAML."""
    return clean(yaml.safe_dump({"correlation": correlation}, sort_keys=False, allow_unicode=True, width=1000).strip())
