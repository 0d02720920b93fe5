"""Findings of Nessus (``.nessus``, version 2 of its XML) and of what writes the same form."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from secft.dataset.sources.reading.xml import text_at
from secft.dataset.sources.tool_logs.finding import Finding, Skipped, finding
from secft.dataset.sources.tool_logs.network import output_of_test
from secft.dataset.sources.tool_logs.redaction import without_payloads
from secft.dataset.sources.tool_logs.report import Report
from secft.security.severity import UNKNOWN, severity_of

_SEVERITIES = {"0": "info", "1": "low", "2": "medium", "3": "high", "4": "critical"}


def _host(host: Element) -> str:
    tags = {tag.get("name", ""): (tag.text or "").strip() for tag in host.findall("HostProperties/tag")}
    name, address = tags.get("host-fqdn") or tags.get("host-rdns", ""), tags.get("host-ip", "")
    own = host.get("name", "")
    return f"{name} ({address or own})" if name and name != (address or own) else address or own


def _texts(item: Element, name: str) -> list[str]:
    return [(one.text or "").strip() for one in item.findall(name)]


def _finding(item: Element, host: str) -> Finding:
    port, protocol = item.get("port", "0"), item.get("protocol", "")
    title, synopsis = item.get("pluginName", ""), text_at(item, "synopsis")
    output = [without_payloads(line) for line in text_at(item, "plugin_output").splitlines() if line.strip()]
    score = text_at(item, "cvss3_base_score") or text_at(item, "cvss_base_score")
    known = _SEVERITIES.get(item.get("severity", ""), UNKNOWN)
    crossed = _texts(item, "xref")
    return finding(
        "nessus", item.get("pluginID", ""), title,
        severity=known if known != UNKNOWN else severity_of(text_at(item, "risk_factor"), score),
        cwes=[*(f"CWE-{text}" for text in _texts(item, "cwe")), *crossed],
        cves=[*_texts(item, "cve"), *crossed],
        target=f"{host}, port {port}/{protocol}" if port != "0" else host,
        evidence=output_of_test(title, synopsis, "\n".join(line for line, _ in output)),
        description="\n\n".join(filter(None, dict.fromkeys([synopsis, text_at(item, "description")]))),
        remediation=text_at(item, "solution"),
        references=[line for text in _texts(item, "see_also") for line in text.splitlines()],
        payload_omitted=any(cut for _, cut in output),
    )  # fmt: skip


def parse_nessus(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each item of each host."""
    for host in report.elements(["ReportHost"]):
        name = _host(host)
        yield from (_finding(item, name) for item in host.findall("ReportItem"))
