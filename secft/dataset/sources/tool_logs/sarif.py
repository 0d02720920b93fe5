"""SARIF 2.1 of any tool: the results of all runs, with their rules.

Source: OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0, sections 3.19, 3.27 and 3.49.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from secft.dataset.sources.reading.json_values import mapping, mappings, string, strings
from secft.dataset.sources.tool_logs.finding import Finding, Skipped, finding
from secft.dataset.sources.tool_logs.redaction import REDACTED
from secft.dataset.sources.tool_logs.report import Report
from secft.dataset.sources.tool_logs.static_analysis import code_or_nothing
from secft.reasons import Reason
from secft.security.identifiers import cwes_in
from secft.security.severity import severity_of_score

_LEVELS = {"error": "high", "warning": "medium", "note": "low", "none": "info"}
_NO_FINDING = {"pass", "open", "notApplicable", "informational"}
_PLACEHOLDER = re.compile(r"\{(\d{1,3})\}")
_ABOUT_SECRETS = re.compile(r"(?i)gitleaks|trufflehog|secret|credential|password")


def _name(run: dict[str, Any]) -> str:
    name = string(mapping(mapping(run, "tool"), "driver"), "name").lower()
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-")[:40] or "sarif"


def _rules(run: dict[str, Any]) -> list[dict[str, Any]]:
    tool = mapping(run, "tool")
    parts = [mapping(tool, "driver"), *mappings(tool, "extensions")]
    return [rule for part in parts for rule in mappings(part, "rules")]


def _rule_of(result: dict[str, Any], rules: list[dict[str, Any]], by_id: dict[str, dict[str, Any]]) -> dict[str, Any]:
    reference = mapping(result, "rule")
    identifier = string(result, "ruleId") or string(reference, "id")
    # A result may name a sub-rule of a rule: CA2000/1 of CA2000 (section 3.27.5).
    found = by_id.get(identifier) or by_id.get(identifier.rpartition("/")[0])
    index = result.get("ruleIndex", reference.get("index"))
    if found is None and isinstance(index, int) and 0 <= index < len(rules):
        found = rules[index]
    return found or {}


def _message(result: dict[str, Any], rule: dict[str, Any]) -> str:
    message = mapping(result, "message")
    template = mapping(mapping(rule, "messageStrings"), string(message, "id"))
    text = string(message, "text") or string(template, "text")
    arguments = message.get("arguments")
    values = arguments if isinstance(arguments, list) else []

    def fill(match: re.Match[str]) -> str:
        index = int(match.group(1))
        return str(values[index]) if index < len(values) else match.group()

    return _PLACEHOLDER.sub(fill, text) if values else text


def _places(result: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (where, code) of the locations of a result."""
    for location in mappings(result, "locations"):
        physical = mapping(location, "physicalLocation")
        region = mapping(physical, "region")
        line = region.get("startLine")
        where = string(mapping(physical, "artifactLocation"), "uri")
        logical = next((string(one, "fullyQualifiedName") for one in mappings(location, "logicalLocations")), "")
        yield f"{where}:{line}" if where and line else where or logical, string(mapping(region, "snippet"), "text")


def _severity(result: dict[str, Any], rule: dict[str, Any]) -> str:
    score = next(
        (mapping(part, "properties").get("security-severity") for part in (result, rule)
         if mapping(part, "properties").get("security-severity") is not None), None,
    )  # fmt: skip
    level = string(result, "level") or string(mapping(rule, "defaultConfiguration"), "level") or "warning"
    known = severity_of_score(score)
    return known if known != "unknown" else _LEVELS.get(level, "unknown")


def _finding(tool: str, result: dict[str, Any], rule: dict[str, Any]) -> Finding:
    places = list(_places(result))
    where, code = next(iter(places), ("", ""))
    identifier = string(result, "ruleId") or string(mapping(result, "rule"), "id") or string(rule, "id")
    title = string(mapping(rule, "shortDescription"), "text") or string(rule, "name")
    tags = [*strings(mapping(rule, "properties"), "tags"), *strings(mapping(result, "properties"), "tags")]
    related = [mapping(item, "target") for item in mappings(rule, "relationships")]
    classes = [*tags, *(f"CWE-{string(item, 'id')}" for item in related
                        if string(mapping(item, "toolComponent"), "name") == "CWE")]  # fmt: skip
    message = _message(result, rule)
    secretive = _ABOUT_SECRETS.search(f"{tool} {identifier} {title}") is not None
    shown = REDACTED if secretive else f"{message}\n{code_or_nothing(code, identifier, list(cwes_in(classes)))}"
    more = f"also at {', '.join(place for place, _ in places[1:6])}" if len(places) > 1 else ""
    return finding(
        tool, identifier, title or ("" if secretive else message) or identifier,
        severity=_severity(result, rule),
        cwes=[*classes, identifier], cves=[identifier, *tags, message],
        target=where, evidence="\n".join(filter(None, [shown.strip(), more])),
        description=string(mapping(rule, "fullDescription"), "text") or title,
        remediation=string(mapping(rule, "help"), "text"),
        references=[string(rule, "helpUri")],
    )  # fmt: skip


def parse_sarif(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each failing result; suppressed, passed and absent ones are left."""
    for run in mappings(report.value, "runs"):
        tool, rules = _name(run), _rules(run)
        by_id = {string(rule, "id"): rule for rule in reversed(rules)}
        for result in mappings(run, "results"):
            rule = _rule_of(result, rules, by_id)
            states = {string(item, "status") or "accepted" for item in mappings(result, "suppressions")}
            if "accepted" in states:
                yield Skipped(Reason("tool_log.suppressed"), string(result, "ruleId"))
            elif string(result, "kind") in _NO_FINDING or string(result, "baselineState") == "absent":
                yield Skipped(Reason("tool_log.passed_check"), string(result, "ruleId"))
            else:
                yield _finding(tool, result, rule)
