"""Findings of Snyk (JSON): open source, containers (with the applications in them) and infrastructure as code.

Snyk Code writes SARIF.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from secft.dataset.sources.reading.json_values import mapping, mappings, number, string, strings
from secft.dataset.sources.tool_logs.finding import Finding, Skipped, finding
from secft.dataset.sources.tool_logs.packages import installed, update_advice
from secft.dataset.sources.tool_logs.report import Report
from secft.reasons import Reason
from secft.security.severity import severity_of

_ABOUT_PROJECT = ("packageManager", "dependencyCount", "displayTargetFile", "uniqueCount")


def is_snyk(report: Report) -> bool:
    """Recognise the result of a test of one project."""
    record = report.record()
    tested = isinstance(record.get("vulnerabilities"), list) and not record.keys().isdisjoint(_ABOUT_PROJECT)
    return (tested and "ok" in record) or isinstance(record.get("infrastructureAsCodeIssues"), list)


def _package(flaw: dict[str, Any], place: str, ways: int) -> Finding:
    name, version = string(flaw, "packageName") or string(flaw, "name"), string(flaw, "version")
    known = mapping(flaw, "identifiers")
    way = strings(flaw, "from")[1:]
    more = f" and in {ways - 1} more ways" if ways > 1 else ""
    lines = [installed(name, version), f"comes by {' > '.join(way)}{more}" if way else ""]
    fixed = ", ".join(strings(flaw, "fixedIn")) or string(flaw, "nearestFixedInVersion")
    return finding(
        "snyk", string(flaw, "id"), string(flaw, "title") or string(flaw, "id"),
        severity=severity_of(flaw.get("severity"), flaw.get("cvssScore")),
        cwes=strings(known, "CWE"), cves=strings(known, "CVE"),
        target=", ".join(filter(None, [place, f"package {name}"])),
        evidence="\n".join(filter(None, lines)),
        description=string(flaw, "description"),
        remediation="" if flaw.get("type") == "license" else update_advice(name, fixed),
        references=[string(one, "url") for one in mappings(flaw, "references")],
    )  # fmt: skip


def _configuration(issue: dict[str, Any], place: str) -> Finding:
    about = mapping(issue, "iacDescription")
    line = number(issue, "lineNumber")
    return finding(
        "snyk", string(issue, "publicId") or string(issue, "id"), string(issue, "title"),
        severity=severity_of(issue.get("severity"), None),
        target=f"{place}:{line:.0f}" if line and line > 0 else place, evidence=string(issue, "msg"),
        description="\n\n".join(string(about, key) or string(issue, key) for key in ("issue", "impact")),
        remediation=string(about, "resolve") or string(issue, "resolve"),
        references=[string(issue, "documentation"), *strings(issue, "references")],
    )  # fmt: skip


def _project(record: dict[str, Any], outer: str) -> Iterator[Finding | Skipped]:
    names = [string(record, key) for key in ("displayTargetFile", "targetFile", "projectName", "path")]
    place = " ".join(filter(None, [outer, next(filter(None, names), "")]))
    ways: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for flaw in mappings(record, "vulnerabilities"):
        key = string(flaw, "id"), string(flaw, "packageName") or string(flaw, "name"), string(flaw, "version")
        ways.setdefault(key, []).append(flaw)
    yield from (_package(same[0], place, len(same)) for same in ways.values())
    for issue in mappings(record, "infrastructureAsCodeIssues"):
        if issue.get("isIgnored") is True:
            yield Skipped(Reason("tool_log.suppressed"), string(issue, "id"))
        else:
            yield _configuration(issue, place)


def parse_snyk(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each vulnerable package, however often it is needed, and for each misconfiguration."""
    record = report.record()
    yield from _project(record, "")
    for application in mappings(record, "applications"):
        yield from _project(application, string(record, "path"))
