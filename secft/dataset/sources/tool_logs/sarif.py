"""SARIF 2.1 of any tool: the results of all runs, with their rules.

Source: OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0, sections 3.19, 3.27, 3.35 and 3.49;
GitHub, "SARIF support for code scanning" (``security-severity``, tags).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from secft.dataset.sources.reading.json_values import mapping, mappings, string, strings
from secft.dataset.sources.tool_logs.finding import Finding, Skipped, finding
from secft.dataset.sources.tool_logs.redaction import REDACTED
from secft.dataset.sources.tool_logs.report import Report
from secft.dataset.sources.tool_logs.sarif_run import SarifRun, text_of
from secft.dataset.sources.tool_logs.static_analysis import code_or_nothing
from secft.reasons import Reason
from secft.security.identifiers import cwes_in
from secft.security.severity import UNKNOWN, severity_of_score, severity_of_word

_LEVELS = {"error": "high", "warning": "medium", "note": "low", "none": "info"}
_NO_FINDING = {"pass", "open", "notApplicable", "informational"}
_STATED = ("security-severity", "security_severity", "severity", "issue_severity")
"""Properties in which tools state a severity, as a score or as a word."""
_CLASSES = ("cwe", "cwes", "cwe_id", "cwe_ids", "cwe-id", "cweid", "cweids", "cwe_list")
_IDENTIFIERS = ("cve", "cves", "cve_id", "cve_ids", "cve-id", "cveid", "cveids")
_PLACEHOLDER = re.compile(r"\{(\d{1,3})\}")
_ABOUT_SECRETS = re.compile(r"(?i)gitleaks|trufflehog|secret|credential|password")


def _message(run: SarifRun, result: dict[str, Any], rule: dict[str, Any]) -> str:
    message = mapping(result, "message")
    text = string(message, "text") or run.message_template(rule, string(message, "id"))
    arguments = message.get("arguments")
    values = arguments if isinstance(arguments, list) else []

    def fill(match: re.Match[str]) -> str:
        index = int(match.group(1))
        return str(values[index]) if index < len(values) else match.group()

    return _PLACEHOLDER.sub(fill, text) if values else text


def _places(run: SarifRun, result: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (where, code) of the locations of a result."""
    for location in mappings(result, "locations"):
        physical = mapping(location, "physicalLocation")
        region = mapping(physical, "region")
        line = region.get("startLine")
        where = run.file_of(mapping(physical, "artifactLocation"))
        code = string(mapping(region, "snippet"), "text")
        yield f"{where}:{line}" if line and where else where or run.logical_place(location), code


def _property(parts: list[dict[str, Any]], names: tuple[str, ...]) -> Iterator[Any]:
    """Yield the values of properties of some names, whatever their case, of the result first and then of the rule."""
    for part in parts:
        lowered = {key.lower(): value for key, value in mapping(part, "properties").items()}
        yield from (lowered[name] for name in names if lowered.get(name) not in (None, ""))


def _severity(run: SarifRun, result: dict[str, Any], rule: dict[str, Any]) -> str:
    for stated in _property([result, rule], _STATED):
        score = severity_of_score(stated) if not isinstance(stated, bool) else UNKNOWN
        known = score if score != UNKNOWN else severity_of_word(stated)
        if known != UNKNOWN:
            return known
    level = run.level_of(result, rule) or "warning"
    if string(result, "kind") == "review" and not string(result, "level"):
        level = "warning"
    return _LEVELS.get(level, UNKNOWN)


def _texts(values: Iterator[Any]) -> list[str]:
    """Return texts and numbers, alone or in lists."""
    found = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return [str(item) for item in found if isinstance(item, str | int) and not isinstance(item, bool)]


def _finding(run: SarifRun, tool: str, result: dict[str, Any], rule: dict[str, Any]) -> Finding:
    places = list(_places(run, result))
    where, code = next(iter(places), ("", ""))
    identifier = string(result, "ruleId") or string(mapping(result, "rule"), "id") or string(rule, "id")
    title = text_of(mapping(rule, "shortDescription")) or string(rule, "name")
    parts = [result, rule]
    tags = [tag for part in parts for tag in strings(mapping(part, "properties"), "tags")]
    related = [mapping(item, "target") for item in mappings(rule, "relationships")]
    classes = [*tags, *_texts(_property(parts, _CLASSES)), *run.weaknesses([*related, *mappings(result, "taxa")])]
    message = _message(run, result, rule)
    secretive = _ABOUT_SECRETS.search(f"{tool} {identifier} {title}") is not None
    shown = REDACTED if secretive else f"{message}\n{code_or_nothing(code, identifier, list(cwes_in(classes)))}"
    more = f"also at {', '.join(place for place, _ in places[1:6])}" if len(places) > 1 else ""
    changes = [text_of(mapping(fix, "description")) for fix in mappings(result, "fixes")]
    return finding(
        tool, identifier, title or ("" if secretive else message) or identifier,
        severity=_severity(run, result, rule),
        cwes=[*classes, identifier if not identifier.isdigit() else ""],
        cves=[identifier, *tags, *_texts(_property(parts, _IDENTIFIERS)), message],
        target=where, evidence="\n".join(filter(None, [shown.strip(), more])),
        description=text_of(mapping(rule, "fullDescription")) or title,
        remediation=text_of(mapping(rule, "help")) or ("" if secretive else next(filter(None, changes), "")),
        references=[string(rule, "helpUri")],
    )  # fmt: skip


def _is_suppressed(result: dict[str, Any]) -> bool:
    """Say whether all requests to suppress a result are accepted (section 3.35.3); without a status, one is."""
    states = [string(item, "status") or "accepted" for item in mappings(result, "suppressions")]
    return bool(states) and set(states) == {"accepted"}


def parse_sarif(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each failing result; suppressed, passed and absent ones are left."""
    for run in map(SarifRun, mappings(report.value, "runs")):
        tool = re.sub(r"[^a-z0-9]+", "-", run.name.lower()).strip("-")[:40] or "sarif"
        for result in run.results:
            if _is_suppressed(result):
                yield Skipped(Reason("tool_log.suppressed"), string(result, "ruleId"))
            elif string(result, "kind") in _NO_FINDING or string(result, "baselineState") == "absent":
                yield Skipped(Reason("tool_log.passed_check"), string(result, "ruleId"))
            else:
                yield _finding(run, tool, result, run.rule_of(result))
