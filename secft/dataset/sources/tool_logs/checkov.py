"""Findings of Checkov (JSON): infrastructure as code, pipelines, and packages; one object for each framework.

The code of a check is never read: checks for secrets have the secret in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from secft.dataset.sources.reading.json_values import mapping, mappings, string
from secft.dataset.sources.tool_logs.finding import Finding, Skipped, finding
from secft.dataset.sources.tool_logs.packages import installed, update_advice
from secft.dataset.sources.tool_logs.report import Report
from secft.reasons import Reason
from secft.security.severity import severity_of


def is_checkov(report: Report) -> bool:
    """Recognise the results of one framework."""
    results = mapping(report.record(), "results")
    return not results.keys().isdisjoint(("failed_checks", "passed_checks"))


def _finding(check: dict[str, Any], framework: str) -> Finding:
    lines = check.get("file_line_range")
    line = lines[0] if isinstance(lines, list) and lines and isinstance(lines[0], int) else 0
    file = string(check, "file_path").lstrip("/") or string(check, "repo_file_path").lstrip("/")
    flaw = mapping(check, "vulnerability_details")
    package, resource = string(flaw, "package_name"), string(check, "resource")
    advice = update_advice(package, string(flaw, "lowest_fixed_version")) if package else ""
    evidence = installed(package, string(flaw, "package_version")) if package else f"resource {resource}"
    rule = string(check, "check_id")
    return finding(
        "checkov", string(flaw, "id") or rule, string(check, "check_name") or rule,
        severity=severity_of(check.get("severity") or flaw.get("severity"), flaw.get("cvss")),
        cwes=[check.get("cwe")], cves=[string(flaw, "id")],
        target=f"{file}:{line}" if line else file,
        evidence="\n".join(filter(None, [f"framework {framework}" if framework else "", evidence])),
        description=string(check, "description") or string(flaw, "description"),
        remediation=string(check, "fixed_definition") or advice,
        references=[string(check, "guideline"), string(flaw, "link")],
    )  # fmt: skip


def parse_checkov(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each failed check; passed and skipped ones are left."""
    record = report.record()
    results = mapping(record, "results")
    yield from (_finding(check, string(record, "check_type")) for check in mappings(results, "failed_checks"))
    for key, reason in (("passed_checks", "tool_log.passed_check"), ("skipped_checks", "tool_log.suppressed")):
        yield from (Skipped(Reason(reason), string(check, "check_id")) for check in mappings(results, key))
