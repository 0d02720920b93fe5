"""Findings of npm audit (JSON of versions 6 and 7 on), and of pnpm and yarn, which write the older form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from secft.dataset.sources.reading.json_values import mapping, mappings, string, strings
from secft.dataset.sources.tool_logs.finding import Finding, Skipped, finding
from secft.dataset.sources.tool_logs.packages import installed, update_advice
from secft.dataset.sources.tool_logs.report import Report
from secft.reasons import Reason
from secft.security.severity import severity_of


def is_npm_audit(report: Report) -> bool:
    """Recognise both forms, and a line of yarn."""
    record = report.record()
    new = "auditReportVersion" in record and isinstance(record.get("vulnerabilities"), dict)
    old = isinstance(record.get("advisories"), dict) and "metadata" in record
    return new or old or record.get("type") in ("auditAdvisory", "auditSummary")


def _texts(record: dict[str, Any], key: str) -> list[str]:
    single = string(record, key)
    return [single] if single else strings(record, key)


def _advisory(advisory: dict[str, Any]) -> Finding:
    name, fixed = string(advisory, "module_name"), string(advisory, "patched_versions")
    versions = [string(one, "version") for one in mappings(advisory, "findings")]
    advice = string(advisory, "recommendation")
    return finding(
        "npm-audit", string(advisory, "github_advisory_id") or str(advisory.get("id") or ""),
        string(advisory, "title"),
        severity=severity_of(advisory.get("severity"), mapping(advisory, "cvss").get("score")),
        cwes=_texts(advisory, "cwe"), cves=strings(advisory, "cves"), target=f"package {name}",
        evidence=installed(name, ", ".join(filter(None, dict.fromkeys(versions)))),
        description=string(advisory, "overview"),
        remediation=advice or update_advice(name, "" if fixed.startswith("<0.0.0") else fixed),
        references=[string(advisory, "url"), string(advisory, "references")],
    )  # fmt: skip


def _package(package: dict[str, Any], name: str) -> Iterator[Finding | Skipped]:
    fix = mapping(package, "fixAvailable")
    advice = update_advice(string(fix, "name"), string(fix, "version")) if fix else update_advice(name, "")
    if package.get("fixAvailable") is True:
        advice = f"Run npm audit fix: it updates {name} within the versions that package.json allows."
    causes = mappings(package, "via")
    if not causes:
        yield Skipped(Reason("tool_log.no_finding"), f"package {name} only needs one that is vulnerable")
    for cause in causes:
        url = string(cause, "url")
        yield finding(
            "npm-audit", url.rpartition("/")[2] or str(cause.get("source") or ""), string(cause, "title"),
            severity=severity_of(cause.get("severity"), mapping(cause, "cvss").get("score")),
            cwes=_texts(cause, "cwe"), cves=[string(cause, "title")], target=f"package {name}",
            evidence=f"installed {name} in the affected range {string(cause, 'range')}",
            remediation=advice, references=[url],
        )  # fmt: skip


def parse_npm_audit(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each advisory; packages that only depend on a vulnerable one are left."""
    record = report.record()
    if "type" in record:
        advisory = mapping(mapping(record, "data"), "advisory")
        yield _advisory(advisory) if advisory else Skipped(Reason("tool_log.no_finding"), string(record, "type"))
        return
    advisories, packages = mapping(record, "advisories"), mapping(record, "vulnerabilities")
    yield from (_advisory(mapping(advisories, key)) for key in advisories if mapping(advisories, key))
    for name in packages:
        yield from _package(mapping(packages, name), name)
