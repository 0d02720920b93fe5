"""Findings of the Trivy operator: its reports as Kubernetes objects, alone or in lists, as JSON or YAML."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from secft.dataset.sources.reading.json_values import mapping, mappings, string, strings
from secft.dataset.sources.tool_logs.finding import Finding, Skipped, finding
from secft.dataset.sources.tool_logs.packages import installed, update_advice
from secft.dataset.sources.tool_logs.redaction import REDACTED
from secft.dataset.sources.tool_logs.report import Report
from secft.reasons import Reason
from secft.security.severity import severity_of

_GROUP = "aquasecurity.github.io"
_LABEL = "trivy-operator.resource."


def is_trivy_operator(report: Report) -> bool:
    """Recognise an object of the operator, or a list of Kubernetes whose first object is one."""
    record = report.record()
    return any(_GROUP in string(one, "apiVersion") for one in (record, *mappings(record, "items")[:1]))


def _package(item: dict[str, Any], place: str) -> Finding | Skipped:
    rule, name = string(item, "vulnerabilityID"), string(item, "resource")
    return finding(
        "trivy", rule, string(item, "title") or f"{rule} in {name}",
        severity=severity_of(item.get("severity"), item.get("score")),
        cves=[rule], target=f"{place}, package {name}",
        evidence=installed(name, string(item, "installedVersion"), string(item, "target")),
        description=string(item, "description"), remediation=update_advice(name, string(item, "fixedVersion")),
        references=[string(item, "primaryLink"), *strings(item, "links")],
    )  # fmt: skip


def _check(item: dict[str, Any], place: str) -> Finding | Skipped:
    if item.get("success") is True:
        return Skipped(Reason("tool_log.passed_check"), string(item, "checkID"))
    return finding(
        "trivy", string(item, "checkID"), string(item, "title"),
        severity=severity_of(item.get("severity"), None), target=place,
        evidence="\n".join(strings(item, "messages")), description=string(item, "description"),
        remediation=string(item, "remediation"),
    )  # fmt: skip


def _secret(item: dict[str, Any], place: str) -> Finding | Skipped:
    return finding(
        "trivy", string(item, "ruleID"), f"Leaked secret: {string(item, 'title') or string(item, 'ruleID')}",
        severity=severity_of(item.get("severity"), None), cwes=["CWE-798"],
        target=" ".join(filter(None, [place, string(item, "target")])),
        evidence=f"{string(item, 'category')} {REDACTED}".strip(),
        remediation="Revoke or rotate the credential, then remove it and load it from a secret store.",
    )  # fmt: skip


_KINDS: dict[str, Callable[[dict[str, Any], str], Finding | Skipped]] = {
    "vulnerabilities": _package,
    "checks": _check,
    "secrets": _secret,
}


def _place(item: dict[str, Any]) -> str:
    """Return which image, or else which object of the cluster, a report is about."""
    report, about = mapping(item, "report"), mapping(item, "metadata")
    artifact, labels = mapping(report, "artifact"), mapping(about, "labels")
    image = "/".join(filter(None, [string(mapping(report, "registry"), "server"), string(artifact, "repository")]))
    tag = string(artifact, "tag")
    names = [string(labels, f"{_LABEL}{key}") for key in ("namespace", "kind", "name")]
    return (f"{image}:{tag}" if tag else image) or "/".join(filter(None, names)) or string(about, "name")


def parse_trivy_operator(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each vulnerable package, failed check and secret; other objects are left."""
    record = report.record()
    for item in mappings(record, "items") or [record]:
        known = [key for key in _KINDS if key in mapping(item, "report")]
        if not known:
            yield Skipped(Reason("tool_log.no_finding"), string(item, "kind"))
        for key in known:
            yield from (_KINDS[key](one, _place(item)) for one in mappings(mapping(item, "report"), key))
