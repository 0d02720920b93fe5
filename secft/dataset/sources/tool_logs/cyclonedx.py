"""Vulnerabilities in CycloneDX documents (JSON and XML): SBOMs that hold them, and VEX, which judges them.

Source: CycloneDX 1.6, "vulnerabilities".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

from secft.dataset.sources.reading.json_values import mapping, mappings, string
from secft.dataset.sources.reading.xml import text_at, without_namespaces
from secft.dataset.sources.tool_logs.finding import Finding, Skipped, finding
from secft.dataset.sources.tool_logs.report import Report
from secft.reasons import Reason
from secft.security.severity import NAMES, UNKNOWN, severity_of

_NO_FINDING = {
    "not_affected": Reason("tool_log.not_affected"),
    "false_positive": Reason("tool_log.false_positive"),
    "resolved": Reason("tool_log.resolved"),
    "resolved_with_pedigree": Reason("tool_log.resolved"),
}
_MOST = 20
"""Components of one vulnerability that are named."""


def _severity(flaw: dict[str, Any]) -> str:
    """Return the worst rating."""
    ratings = [severity_of(one.get("severity"), one.get("score")) for one in mappings(flaw, "ratings")]
    return max((one for one in ratings if one != UNKNOWN), key=NAMES.index, default=UNKNOWN)


def _named(flaw: dict[str, Any], components: dict[str, str]) -> list[str]:
    found = []
    for one in mappings(flaw, "affects"):
        reference = string(one, "ref")
        name = components.get(reference) or components.get(reference.rpartition("#")[2]) or reference
        versions = [string(item, "version") or string(item, "range") for item in mappings(one, "versions")
                    if string(item, "status") in ("", "affected")]  # fmt: skip
        found.append(f"{name} (versions {', '.join(filter(None, versions))})" if any(versions) else name)
    return found


def _finding(flaw: dict[str, Any], subject: str, components: dict[str, str]) -> Finding:
    rule, names = string(flaw, "id"), _named(flaw, components)
    analysis = mapping(flaw, "analysis")
    state = string(analysis, "state").replace("_", " ")
    lines = [*names[:_MOST], f"analysis: {state}" if state else "", string(analysis, "detail")]
    sources = [mapping(flaw, "source"), *(mapping(one, "source") for one in mappings(flaw, "references"))]
    weaknesses = flaw.get("cwes")
    return finding(
        "cyclonedx", rule, f"{rule} in {names[0]}" if names else rule,
        severity=_severity(flaw),
        cwes=weaknesses if isinstance(weaknesses, list) else [],
        cves=[rule, *(string(one, "id") for one in mappings(flaw, "references"))],
        target=", ".join(filter(None, [subject, names[0] if names else ""])), evidence="\n".join(filter(None, lines)),
        description="\n\n".join(filter(None, [string(flaw, "description"), string(flaw, "detail")])),
        remediation=string(flaw, "recommendation") or string(flaw, "workaround"),
        references=[*(string(one, "url") for one in sources),
                    *(string(one, "url") for one in mappings(flaw, "advisories"))],
    )  # fmt: skip


def _findings(flaws: list[dict[str, Any]], subject: str, components: dict[str, str]) -> Iterator[Finding | Skipped]:
    for flaw in flaws:
        reason = _NO_FINDING.get(string(mapping(flaw, "analysis"), "state"))
        yield Skipped(reason, string(flaw, "id")) if reason else _finding(flaw, subject, components)


def _label(component: dict[str, Any]) -> str:
    return " ".join(filter(None, [string(component, "name"), string(component, "version")]))


def _components(items: list[dict[str, Any]]) -> dict[str, str]:
    """Return reference -> name and version, of components and those inside them."""
    found: dict[str, str] = {}
    left = list(items)
    while left:
        item = left.pop()
        found |= {string(item, key): _label(item) for key in ("purl", "bom-ref") if string(item, key)}
        left += mappings(item, "components")
    return found


def parse_cyclonedx_json(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each vulnerability, unless its analysis says that there is none (any more)."""
    record = report.record()
    subject = mapping(mapping(record, "metadata"), "component")
    components = _components([subject, *mappings(record, "components")])
    yield from _findings(mappings(record, "vulnerabilities"), _label(subject), components)


def _component(element: Element) -> dict[str, Any]:
    texts = {key: text_at(element, key) for key in ("name", "version", "purl")}
    inner = [_component(one) for one in element.findall("components/component")]
    return {**texts, "bom-ref": element.get("bom-ref", ""), "components": inner}


def _flaw(element: Element) -> dict[str, Any]:
    """Return a vulnerability as the JSON has it."""
    return {
        **{key: text_at(element, key) for key in ("id", "description", "detail", "recommendation", "workaround")},
        "source": {"url": text_at(element, "source/url")},
        "references": [{"id": text_at(one, "id"), "source": {"url": text_at(one, "source/url")}}
                       for one in element.findall("references/reference")],
        "ratings": [{"severity": text_at(one, "severity"), "score": text_at(one, "score")}
                    for one in element.findall("ratings/rating")],
        "cwes": [one.text or "" for one in element.findall("cwes/cwe")],
        "advisories": [{"url": text_at(one, "url")} for one in element.findall("advisories/advisory")],
        "analysis": {"state": text_at(element, "analysis/state"), "detail": text_at(element, "analysis/detail")},
        "affects": [{"ref": text_at(one, "ref"), "versions": [
            {key: text_at(version, key) for key in ("version", "range", "status")}
            for version in one.findall("versions/version")]} for one in element.findall("affects/target")],
    }  # fmt: skip


def parse_cyclonedx_xml(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each vulnerability, unless its analysis says that there is none (any more)."""
    subject: dict[str, Any] = {}
    components: dict[str, str] = {}
    for element in map(without_namespaces, report.elements(["metadata", "component", "vulnerability"])):
        if element.tag == "vulnerability":
            yield from _findings([_flaw(element)], _label(subject), components)
            continue
        own = element.find("component") if element.tag == "metadata" else element
        found = _component(own) if own is not None else {}
        subject = found if element.tag == "metadata" else subject
        components |= _components([found])
