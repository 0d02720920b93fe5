"""Findings of Qualys: scan results, asset reports and detections of hosts as XML, and the report as CSV.

Source: Qualys API (VM/PC) user guide, the DTDs of the host list detection and of the knowledge base.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from secft.dataset.sources.reading.xml import text_at
from secft.dataset.sources.tool_logs.finding import Finding, Skipped, finding
from secft.dataset.sources.tool_logs.network import output_of_test
from secft.dataset.sources.tool_logs.report import Report, table_report
from secft.reasons import Reason
from secft.security.severity import UNKNOWN

_SEVERITIES = {"1": "info", "2": "low", "3": "medium", "4": "high", "5": "critical"}
_HEADER = re.compile(r'^"?IP"?[,;\t]"?(?:DNS|Network|Asset)[^\n]*"?QID"?[,;\t]"?Title"?', re.MULTILINE)
_LOOKED_AT = 1 << 20
"""Characters in which the head of the table must stand."""
Facts = dict[str, str]


def is_qualys_csv(report: Report) -> bool:
    """Recognise the table by its head, wherever it stands."""
    return _HEADER.search(report.text[:_LOOKED_AT]) is not None


def _finding(facts: Facts, host: str, cves: list[str]) -> Finding:
    """Build a finding from what any of the forms states; see the callers for the keys."""
    port = "/".join(filter(None, [facts.get("port", ""), facts.get("protocol", "")]))
    title, threat, impact = (facts.get(key, "") for key in ("title", "threat", "impact"))
    return finding(
        "qualys", facts.get("qid", ""), title,
        severity=_SEVERITIES.get(facts.get("severity", ""), UNKNOWN),
        cves=cves, target=f"{host}, port {port}" if port else host,
        evidence=output_of_test(title, threat, facts.get("results", "")),
        description="\n\n".join(filter(None, [threat, f"Impact: {impact}" if impact else ""])),
        remediation=facts.get("solution", ""), references=[facts.get("vendor reference", "")],
    )  # fmt: skip


def _named(name: str, address: str) -> str:
    return f"{name} ({address})" if name and name not in (address, "No registered hostname") else address


def parse_qualys_scan(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each vulnerability, potential vulnerability, service and information of each host."""
    for host in report.elements(["IP"]):
        name = _named(host.get("name", ""), host.get("value", ""))
        for category in host.iter("CAT"):
            for item in (one for one in category if one.tag in ("VULN", "PRACTICE", "INFO", "SERVICE")):
                facts = {
                    "qid": item.get("number", ""), "severity": item.get("severity", ""),
                    "port": category.get("port", ""), "protocol": category.get("protocol", ""),
                    "title": text_at(item, "TITLE"), "threat": text_at(item, "DIAGNOSIS"),
                    "impact": text_at(item, "CONSEQUENCE"), "solution": text_at(item, "SOLUTION"),
                    "results": text_at(item, "RESULT"),
                }  # fmt: skip
                cves = [text_at(one, "ID") for one in item.findall("CVE_ID_LIST/CVE_ID")]
                yield _finding(facts, name, [*cves, item.get("cveid", "")])


def _glossary(report: Report) -> dict[str, tuple[Facts, list[str]]]:
    """Return QID -> what the end of an asset report says of it."""
    found = {}
    for one in report.elements(["VULN_DETAILS"]):
        keys = {"qid": "QID", "title": "TITLE", "severity": "SEVERITY", "threat": "THREAT", "impact": "IMPACT",
                "solution": "SOLUTION"}  # fmt: skip
        facts = {key: text_at(one, path) for key, path in keys.items()}
        found[facts["qid"]] = facts, _cves(one)
    return found


def _cves(details: Element) -> list[str]:
    return [text_at(one, "ID") for one in details.findall("CVE_ID_LIST/CVE_ID")]


def parse_qualys_assets(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each vulnerability of each host, with what the glossary says of it; fixed ones are left."""
    glossary = _glossary(report)
    for host in report.elements(["HOST"]):
        name = _named(text_at(host, "DNS"), text_at(host, "IP"))
        for one in host.findall("VULN_INFO_LIST/VULN_INFO"):
            facts, cves = glossary.get(text_at(one, "QID"), ({"qid": text_at(one, "QID")}, []))
            own = {
                "port": text_at(one, "PORT"),
                "protocol": text_at(one, "PROTOCOL"),
                "results": text_at(one, "RESULT"),
            }
            if text_at(one, "VULN_STATUS").lower() == "fixed":
                yield Skipped(Reason("tool_log.resolved"), facts["qid"])
            else:
                yield _finding({**facts, **own}, name, cves)


_KNOWLEDGE = {"title": "TITLE", "threat": "DIAGNOSIS", "impact": "CONSEQUENCE", "solution": "SOLUTION"}


def _known(one: Element) -> tuple[Facts, list[str]]:
    """Return what the fields of the knowledge base say, wherever they stand."""
    facts = {key: text for key, path in _KNOWLEDGE.items() if (text := text_at(one, path))}
    return facts, [text_at(cve, "ID") for cve in one.findall("CVE_LIST/CVE")]


def parse_qualys_detections(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each detection of each host, with what entries of the knowledge base in the file say of it.

    Fixed detections are left, and those that are ignored or disabled. A detection names its QID only.
    """
    knowledge = {text_at(one, "QID"): _known(one) for one in report.elements(["VULN"])}
    for host in report.elements(["HOST"]):
        name = _named(text_at(host, "DNS") or text_at(host, "NETBIOS"), text_at(host, "IP") or text_at(host, "IPV6"))
        for one in host.findall("DETECTION_LIST/DETECTION"):
            qid = text_at(one, "QID")
            facts, cves = knowledge.get(qid, ({}, []))
            own, more = _known(one)
            if text_at(one, "STATUS").lower() == "fixed":
                yield Skipped(Reason("tool_log.resolved"), qid)
            elif "1" in (text_at(one, "IS_IGNORED"), text_at(one, "IS_DISABLED")):
                yield Skipped(Reason("tool_log.suppressed"), qid)
            else:
                seen = {"qid": qid, "severity": text_at(one, "SEVERITY"), "port": text_at(one, "PORT"),
                        "protocol": text_at(one, "PROTOCOL"), "results": text_at(one, "RESULTS")}  # fmt: skip
                yield _finding({"title": f"QID {qid}", **facts, **own, **seen}, name, [*cves, *more])


def parse_qualys_csv(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each row; fixed ones are left."""
    head = _HEADER.search(report.text)
    table = table_report(report.text[head.start() :] if head else report.text, report.max_line)
    for row in table.rows():
        if isinstance(row, Skipped):
            yield row
        elif row.get("vuln status", "").lower() == "fixed":
            yield Skipped(Reason("tool_log.resolved"), row["qid"])
        else:
            name = _named(row.get("fqdn", "") or row.get("dns", ""), row["ip"])
            yield _finding(row, name, [row.get("cve id", "")])
