"""Findings of Grype (JSON): packages of images, folders and SBOMs with known vulnerabilities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from secft.dataset.sources.reading.json_values import mapping, mappings, string, strings
from secft.dataset.sources.tool_logs.finding import Finding, Skipped, finding
from secft.dataset.sources.tool_logs.packages import installed, update_advice
from secft.dataset.sources.tool_logs.report import Report
from secft.reasons import Reason
from secft.security.severity import severity_of


def is_grype(report: Report) -> bool:
    """Recognise matches of vulnerabilities and artifacts."""
    record = report.record()
    first = next(iter(mappings(record, "matches")), {})
    named = string(mapping(record, "descriptor"), "name") == "grype"
    return isinstance(record.get("matches"), list) and (named or {"vulnerability", "artifact"} <= first.keys())


def _finding(match: dict[str, Any], place: str) -> Finding:
    flaw, package = mapping(match, "vulnerability"), mapping(match, "artifact")
    related = mappings(match, "relatedVulnerabilities")
    name, rule = string(package, "name"), string(flaw, "id")
    fix = mapping(flaw, "fix")
    scores = [mapping(one, "metrics").get("baseScore") for part in (flaw, *related) for one in mappings(part, "cvss")]
    path = next((string(one, "path") for one in mappings(package, "locations")), "")
    weaknesses = [string(one, "cwe") for part in (flaw, *related) for one in mappings(part, "cwes")]
    texts = [string(part, "description") for part in (flaw, *related)]
    state = string(fix, "state").replace("-", " ")
    return finding(
        "grype", rule, f"{rule} in {name}",
        severity=severity_of(flaw.get("severity"), next(iter(scores), None)),
        cwes=weaknesses, cves=[rule, *(string(one, "id") for one in related)],
        target=", ".join(filter(None, [place, f"package {name}"])),
        evidence=installed(name, string(package, "version"), path),
        description=next(filter(None, texts), ""),
        remediation=update_advice(name, ", ".join(strings(fix, "versions")), state if "unknown" not in state else ""),
        references=[*(string(one, "dataSource") for one in (flaw, *related)), *strings(flaw, "urls")],
    )  # fmt: skip


def parse_grype(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each match; ignored ones are left."""
    record = report.record()
    source = mapping(record, "source")
    target = mapping(source, "target")
    place = string(target, "userInput") or string(target, "path") or string(source, "target")
    yield from (_finding(match, place) for match in mappings(record, "matches"))
    for match in mappings(record, "ignoredMatches"):
        yield Skipped(Reason("tool_log.suppressed"), string(mapping(match, "vulnerability"), "id"))
