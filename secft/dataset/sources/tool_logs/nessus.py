"""Findings of Nessus: ``.nessus`` (version 2 of its XML), what writes the same form, and tables, also of Tenable."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from secft.dataset.sources.reading.xml import text_at
from secft.dataset.sources.tool_logs.finding import BrokenReport, Finding, Skipped, finding
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


_PLUGIN, _NAME = ("plugin id", "plugin"), ("name", "plugin name")
_HOST, _OUTPUT = ("host", "ip address", "asset"), ("plugin output", "plugin text")
_SCORES = ("cvss v3.0 base score", "cvss v4.0 base score", "cvss v2.0 base score", "cvss", "cvss base score")
Row = dict[str, str]


def is_nessus_csv(report: Report) -> bool:
    """Recognise the table of Nessus or of Tenable's Security Center."""
    columns = set(report.header)
    return all(not columns.isdisjoint(names) for names in (_PLUGIN, _NAME, _HOST, ("risk", "severity"))) and (
        columns >= {"synopsis", "solution"}
    )


def _cell(row: Row, names: tuple[str, ...]) -> str:
    return next((row[name].strip() for name in names if row.get(name, "").strip()), "")


def _of_rows(rows: list[Row]) -> Finding:
    """Build a finding from the rows that differ in nothing but the CVE."""
    row = rows[0]
    title, synopsis, port = _cell(row, _NAME), row.get("synopsis", "").strip(), row.get("port", "").strip()
    output = [without_payloads(line) for line in _cell(row, _OUTPUT).splitlines() if line.strip()]
    risk, score = _cell(row, ("risk", "severity")), _cell(row, _SCORES)
    name, address = _cell(row, ("dns name", "fqdn")), _cell(row, _HOST)
    host = f"{name} ({address})" if name and name != address else address
    return finding(
        "nessus", _cell(row, _PLUGIN), title,
        severity="info" if risk.lower() == "none" else _SEVERITIES.get(risk) or severity_of(risk, score),
        cves=[one.get("cve", "") for one in rows], cwes=[_cell(row, ("cross references", "xref"))],
        target=f"{host}, port {port}/{row.get('protocol', '').lower()}" if port not in ("", "0") else host,
        evidence=output_of_test(title, synopsis, "\n".join(line for line, _ in output)),
        description="\n\n".join(filter(None, dict.fromkeys([synopsis, row.get("description", "").strip()]))),
        remediation=row.get("solution", ""), references=row.get("see also", "").splitlines(),
        payload_omitted=any(cut for _, cut in output),
    )  # fmt: skip


def parse_nessus_csv(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each plugin, host and port; the table has a row for each of its CVEs."""
    found: dict[tuple[str, ...], list[Row]] = {}
    broken: BrokenReport | None = None
    try:
        for row in report.rows():
            if isinstance(row, Skipped):
                yield row
                continue
            same = (_PLUGIN, _HOST, ("protocol",), ("port",), _OUTPUT)
            found.setdefault(tuple(_cell(row, names) for names in same), []).append(row)
    except BrokenReport as error:
        broken = error
    yield from map(_of_rows, found.values())
    if broken:
        raise broken


def parse_nessus(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each item of each host."""
    for host in report.elements(["ReportHost"]):
        name = _host(host)
        yield from (_finding(item, name) for item in host.findall("ReportItem"))
