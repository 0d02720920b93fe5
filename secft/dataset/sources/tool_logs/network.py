"""Reports of network scanners: nmap (XML) and OpenVAS or GVM (XML and CSV)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from secft.dataset.sources.reading.xml import text_at
from secft.dataset.sources.tool_logs.finding import Finding, Skipped, finding
from secft.dataset.sources.tool_logs.redaction import REDACTED
from secft.dataset.sources.tool_logs.report import Report
from secft.reasons import Reason
from secft.security.identifiers import either, is_id
from secft.security.severity import severity_of, severity_of_score, severity_of_word

_OPEN_PORT = (
    "A service answers on this port. Every reachable service adds to what can be attacked; this is information, "
    "not a vulnerability by itself."
)
_OPEN_PORT_REMEDY = "Confirm that the service is meant to be reachable; otherwise stop it or filter the port."
_BY_VERSION = (
    "The version that the service tells is one that this vulnerability is known for. Nothing was tried: distributions "
    "fix flaws without a new version number."
)
_BY_VERSION_REMEDY = "Check whether the installed package has the fix, and update it otherwise."
_VULSCAN_LINE = re.compile(r"^[ \t|_]*\[([A-Z]+-[\d-]+)\][ \t]*(.*)$", re.MULTILINE)
_VULNERS_LINE = re.compile(rf"({either('cve')})\s+(\d{{1,2}}(?:\.\d+)?)")
_GUESSED = re.compile(r"(?i)credential|passw|brute.?force|login|unauthenticated")
_VULNERABLE = ("VULNERABLE", "LIKELY VULNERABLE", "VULNERABLE (Exploitable)", "VULNERABLE (DoS)")


def _address(host: Element) -> str:
    names = [item.get("name", "") for item in host.findall("hostnames/hostname")]
    addresses = [item.get("addr", "") for item in host.findall("address") if item.get("addrtype") != "mac"]
    address = next(iter(addresses), "")
    name = next((name for name in names if name), "")
    return f"{name} ({address})" if name and address else name or address


def _port(port: Element, host: str) -> Finding:
    number, protocol = port.get("portid", ""), port.get("protocol", "")
    service = port.find("service")
    name = service.get("name", "") if service is not None else ""
    product = [service.get(key, "") for key in ("product", "version", "extrainfo")] if service is not None else []
    version = " ".join(part for part in product if part)
    title = f"Open port {number}/{protocol}{f' ({name})' if name else ''}"
    return finding(
        "nmap", "open-port", title,
        severity="info", target=f"{host}, port {number}/{protocol}",
        evidence=f"service: {' '.join(filter(None, [name, version]))}" if name or version else "",
        description=_OPEN_PORT, remediation=_OPEN_PORT_REMEDY,
    )  # fmt: skip


def _vulnerability(table: Element, script: str, target: str) -> Finding:
    """Return what a script of nmap's vulnerability library reports."""
    parts = {item.get("key", ""): (item.text or "").strip() for item in table.findall("elem")}
    lists = {item.get("key", ""): [one.text or "" for one in item.findall("elem")] for item in table.findall("table")}
    identifiers = [*lists.get("ids", []), table.get("key", "")]
    return finding(
        "nmap", f"{script}:{table.get('key', '')}".rstrip(":"), parts.get("title") or script,
        severity=severity_of_word(parts.get("risk_factor")),
        cves=identifiers, cwes=identifiers, target=target,
        evidence=f"script {script} says {parts.get('state', '')}",
        description="\n\n".join(lists.get("description", [])),
        references=lists.get("refs", []), payload_omitted=bool(lists.get("exploit_results")),
    )  # fmt: skip


def _listed(script: Element, target: str) -> Iterator[Finding]:
    """Yield the CVEs that the script vulners lists for what it takes a service to be; exploits in the list are left."""
    rows = [{item.get("key", ""): (item.text or "").strip() for item in table.findall("elem")}
            for table in script.iter("table")]  # fmt: skip
    listed = [(row.get("id", ""), row.get("cvss", "")) for row in rows if row.get("type", "cve") == "cve"]
    for name, score in listed or _VULNERS_LINE.findall(script.get("output", "")):
        if is_id(name, "cve"):
            yield finding(
                "nmap", f"vulners:{name}", f"{name} by the version of the service",
                severity=severity_of_score(score or None), cves=[name], target=target,
                evidence=f"script vulners, CVSS {score}" if score else "script vulners", description=_BY_VERSION,
                remediation=_BY_VERSION_REMEDY,
            )  # fmt: skip


def _quoted(script: Element, target: str) -> Iterator[Finding]:
    """Yield the CVEs that the script vulscan finds by the name of a service in its databases; other ids are left."""
    lines = dict(_VULSCAN_LINE.findall(script.get("output", "")))
    for name, text in ((name, text) for name, text in lines.items() if is_id(name, "cve")):
        yield finding(
            "nmap", f"vulscan:{name}", f"{name} by the name of the service", cves=[name], target=target,
            evidence="script vulscan", description=f"{text.strip()}\n\n{_BY_VERSION}", remediation=_BY_VERSION_REMEDY,
        )  # fmt: skip


def _scripts(scope: Element, target: str) -> Iterator[Finding]:
    for script in [*scope.findall("script"), *scope.findall("hostscript/script")]:
        if script.get("id") == "vulners":
            yield from _listed(script, target)
        if script.get("id") == "vulscan":
            yield from _quoted(script, target)
        for table in script.iter("table"):
            state = next((item.text or "" for item in table.findall("elem") if item.get("key") == "state"), "")
            if state.strip() in _VULNERABLE:
                yield _vulnerability(table, script.get("id", ""), target)


def parse_nmap(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each open port, and for each vulnerability that a script confirms."""
    for host in report.elements(["host"]):
        name = _address(host)
        yield from _scripts(host, name)
        for port in host.findall("ports/port"):
            state = port.find("state")
            if state is not None and state.get("state") == "open":
                yield _port(port, name)
                yield from _scripts(port, f"{name}, port {port.get('portid', '')}/{port.get('protocol', '')}")


def _tags(text: str) -> dict[str, str]:
    """Split the ``key=value|key=value`` of an OpenVAS test."""
    return {key.strip(): value for key, mark, value in (part.partition("=") for part in text.split("|")) if mark}


def output_of_test(title: str, summary: str, result: str) -> str:
    """Return what a test said, without credentials that it guessed, and nothing if that is its summary again."""
    if _GUESSED.search(f"{title} {summary} {result}"):
        return f"The output of the test is left out, because it may hold credentials: {REDACTED}"
    said = "\n".join(line.strip() for line in result.strip().splitlines())
    return "" if said == "\n".join(line.strip() for line in summary.strip().splitlines()) else said


def _about(description: str, impact: str) -> str:
    return "\n\n".join(part for part in (description, impact and f"Impact: {impact}") if part.strip())


def parse_openvas_xml(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each result; false positives are left."""
    for result in report.elements(["result"]):
        test = result.find("nvt")
        threat = text_at(result, "threat")
        title = text_at(test, "name") or text_at(result, "name")
        if threat.lower() == "false positive":
            yield Skipped(Reason("tool_log.false_positive"), title)
            continue
        tags = _tags(text_at(test, "tags"))
        host = result.find("host")
        address = (host.text or "").strip() if host is not None else ""
        references = [(item.get("type", ""), item.get("id", "")) for item in result.findall("nvt/refs/ref")]
        summary = tags.get("summary", "")
        yield finding(
            "openvas", test.get("oid", "") if test is not None else "", title,
            severity=severity_of(threat, text_at(result, "severity")),
            cves=[*(name for kind, name in references if kind.startswith("cve")), text_at(test, "cve")],
            cwes=[name for _, name in references],
            target=f"{address}, port {text_at(result, 'port')}",
            evidence=output_of_test(title, summary, text_at(result, "description")),
            description=_about(f"{summary}\n\n{tags.get('insight', '')}", tags.get("impact", "")),
            remediation=tags.get("solution", "") or text_at(test, "solution"),
            references=[name for kind, name in references if not kind.startswith("cve")],
        )  # fmt: skip


def parse_openvas_csv(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each row; false positives are left."""
    for row in report.rows():
        if isinstance(row, Skipped):
            yield row
            continue
        title, threat = row["nvt name"], row.get("severity", "")
        if threat.lower() == "false positive":
            yield Skipped(Reason("tool_log.false_positive"), title)
            continue
        host = " ".join(filter(None, [row.get("hostname", ""), f"({row['ip']})" if row.get("hostname") else row["ip"]]))
        port = "/".join(filter(None, [row.get("port", ""), row.get("port protocol", "")])) or "general"
        references = [row.get(key, "") for key in ("bids", "certs", "other references")]
        summary = row.get("summary", "")
        yield finding(
            "openvas", row["nvt oid"], title,
            severity=severity_of(threat, row.get("cvss")),
            cves=[row.get("cves", ""), title], cwes=references,
            target=f"{host}, port {port}",
            evidence=output_of_test(title, summary, row.get("specific result", "")),
            description=_about(f"{summary}\n\n{row.get('vulnerability insight', '')}", row.get("impact", "")),
            remediation=row.get("solution", ""),
            references=[part for text in references for part in text.split(",")],
        )  # fmt: skip
