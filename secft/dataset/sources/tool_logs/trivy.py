"""Findings of Trivy (JSON): images, file systems, SBOMs and Kubernetes clusters, schema 1 (a list) and 2.

Kinds: vulnerable packages, misconfigurations, secrets (the match is not read) and licences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from secft.dataset.sources.reading.json_values import mapping, mappings, number, string, strings
from secft.dataset.sources.tool_logs.finding import Finding, Skipped, finding
from secft.dataset.sources.tool_logs.packages import installed, update_advice
from secft.dataset.sources.tool_logs.redaction import REDACTED
from secft.dataset.sources.tool_logs.report import Report
from secft.reasons import Reason
from secft.security.severity import severity_of_word

_RESOURCES = ("Resources", "Vulnerabilities", "Misconfigurations", "Findings")


def _package(item: dict[str, Any], target: str) -> Finding | Skipped:
    rule, name = string(item, "VulnerabilityID"), string(item, "PkgName")
    if not rule:
        return Skipped(Reason("tool_log.no_finding"), f"package {name} without a vulnerability")
    fixed = string(item, "FixedVersion")
    status = string(item, "Status").replace("_", " ")
    advice = update_advice(name, fixed, status)
    return finding(
        "trivy", rule, string(item, "Title") or f"{rule} in {name}",
        severity=severity_of_word(item.get("Severity")),
        cwes=strings(item, "CweIDs"), cves=[rule, *strings(item, "VendorIDs")],
        target=f"{target}, package {name}",
        evidence=installed(name, string(item, "InstalledVersion"), string(item, "PkgPath")),
        description=string(item, "Description"), remediation=advice,
        references=[string(item, "PrimaryURL"), *strings(item, "References")],
    )  # fmt: skip


def _configuration(item: dict[str, Any], target: str) -> Finding | Skipped:
    if string(item, "Status") in ("PASS", "EXCEPTION"):
        return Skipped(Reason("tool_log.passed_check"), string(item, "ID"))
    line = number(mapping(item, "CauseMetadata"), "StartLine")
    return finding(
        "trivy", string(item, "AVDID") or string(item, "ID"), string(item, "Title"),
        severity=severity_of_word(item.get("Severity")),
        target=f"{target}:{line:.0f}" if line else target, evidence=string(item, "Message"),
        description=string(item, "Description"), remediation=string(item, "Resolution"),
        references=[string(item, "PrimaryURL"), *strings(item, "References")],
    )  # fmt: skip


def _secret(item: dict[str, Any], target: str) -> Finding:
    line = number(item, "StartLine")
    return finding(
        "trivy", string(item, "RuleID"), f"Leaked secret: {string(item, 'Title') or string(item, 'RuleID')}",
        severity=severity_of_word(item.get("Severity")), cwes=["CWE-798"],
        target=f"{target}:{line:.0f}" if line else target, evidence=f"{string(item, 'Category')} {REDACTED}".strip(),
        remediation="Revoke or rotate the credential, then remove it and load it from a secret store.",
    )  # fmt: skip


def _licence(item: dict[str, Any], target: str) -> Finding:
    name, package = string(item, "Name"), string(item, "PkgName") or string(item, "FilePath")
    return finding(
        "trivy", f"license:{name}", f"Licence {name} of {package or target}",
        severity=severity_of_word(item.get("Severity")), target=f"{target}, package {package}",
        evidence=f"category {string(item, 'Category')}", references=[string(item, "Link")],
    )  # fmt: skip


_KINDS: dict[str, Callable[[dict[str, Any], str], Finding | Skipped]] = {
    "Vulnerabilities": _package,
    "Misconfigurations": _configuration,
    "Secrets": _secret,
    "Licenses": _licence,
}


def _results(results: list[dict[str, Any]], place: str) -> Iterator[Finding | Skipped]:
    for result in results:
        target = string(result, "Target")
        where = " ".join(filter(None, [place if place not in target else "", target]))
        for key, build in _KINDS.items():
            for item in mappings(result, key):
                yield build(item, where)


def parse_trivy(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each vulnerable package, failed check, secret and licence."""
    value = report.value
    if "Target" in value:
        yield from _results([value], "")
        return
    yield from _results(mappings(value, "Results"), string(value, "ArtifactName"))
    for group in _RESOURCES if "ClusterName" in value else ():
        for resource in mappings(value, group):
            names = [string(resource, key) for key in ("Namespace", "Kind", "Name")]
            yield from _results(mappings(resource, "Results"), "/".join(filter(None, names)))
