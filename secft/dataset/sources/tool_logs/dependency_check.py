"""Findings of OWASP Dependency-Check (JSON and XML): libraries with known vulnerabilities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

from secft.dataset.sources.reading.json_values import mapping, mappings, string, strings
from secft.dataset.sources.reading.xml import text_at, without_namespaces
from secft.dataset.sources.tool_logs.finding import Finding, Skipped, finding
from secft.dataset.sources.tool_logs.report import Report
from secft.reasons import Reason
from secft.security.severity import severity_of


def _finding(flaw: dict[str, Any], file: str, path: str, packages: list[str]) -> Finding:
    rule = string(flaw, "name")
    score = mapping(flaw, "cvssv3").get("baseScore") or mapping(flaw, "cvssv2").get("score")
    return finding(
        "dependency-check", rule, f"{rule} in {file}",
        severity=severity_of(flaw.get("severity"), score),
        cwes=[*strings(flaw, "cwes"), string(flaw, "cwe")], cves=[rule], target=file,
        evidence="\n".join(filter(None, [f"file {path}" if path else "", *packages])),
        description=string(flaw, "description"),
        references=[string(one, "url") or string(one, "name") for one in mappings(flaw, "references")],
    )  # fmt: skip


def _dependency(item: dict[str, Any]) -> Iterator[Finding | Skipped]:
    packages = [f"package {string(one, 'id')}" for one in mappings(item, "packages")]
    for flaw in mappings(item, "vulnerabilities"):
        yield _finding(flaw, string(item, "fileName"), string(item, "filePath"), packages)
    for flaw in mappings(item, "suppressedVulnerabilities"):
        yield Skipped(Reason("tool_log.suppressed"), string(flaw, "name"))


def parse_dependency_check_json(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each vulnerability of each dependency; suppressed ones are left."""
    for item in mappings(report.record(), "dependencies"):
        yield from _dependency(item)


def _flaw(element: Element) -> dict[str, Any]:
    """Return a vulnerability as the JSON has it."""
    return {
        **{key: text_at(element, key) for key in ("name", "severity", "description", "cwe")},
        "cwes": [one.text or "" for one in element.findall("cwes/cwe")],
        "cvssv3": {"baseScore": text_at(element, "cvssV3/baseScore")},
        "cvssv2": {"score": text_at(element, "cvssV2/score") or text_at(element, "cvssScore")},
        "references": [{"url": text_at(one, "url")} for one in element.findall("references/reference")],
    }


def parse_dependency_check_xml(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each vulnerability of each dependency; suppressed ones are left."""
    for element in map(without_namespaces, report.elements(["dependency"])):
        found = element.find("vulnerabilities")
        yield from _dependency({
            "fileName": text_at(element, "fileName"),
            "filePath": text_at(element, "filePath"),
            "packages": [{"id": text_at(one, "id")} for one in element.findall("identifiers/package")],
            "vulnerabilities": [_flaw(one) for one in found.findall("vulnerability")] if found is not None else [],
            "suppressedVulnerabilities": [
                _flaw(one) for one in (found.findall("suppressedVulnerability") if found is not None else ())
            ],
        })  # fmt: skip
