"""Reports of web scanners: Nikto (XML, JSON, CSV), Wapiti (XML, JSON) and sqlmap (results as CSV, its log)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

from secft.dataset.sources.reading.json_values import mapping, mappings, string, strings
from secft.dataset.sources.reading.xml import text_at
from secft.dataset.sources.tool_logs.finding import Finding, Skipped, finding
from secft.dataset.sources.tool_logs.redaction import parameter_names, place, without_payloads
from secft.dataset.sources.tool_logs.report import Report
from secft.reasons import Reason

_NIKTO_COLUMNS = ["host", "ip", "port", "reference", "method", "uri", "message"]
_WAPITI_LEVELS = {"0": "info", "1": "low", "2": "medium", "3": "high", "4": "critical"}
_SENT = re.compile(r"(?is)\b(?:evil (?:url|request)|payload)\b.*")
_TECHNIQUES = {
    "B": "boolean-based blind", "E": "error-based", "U": "UNION query", "S": "stacked queries", "T": "time-based blind",
    "Q": "inline query",
}  # fmt: skip
_SQL_INJECTION = "Input of a parameter reaches the text of an SQL statement: whoever sends it can change the statement."
_SQL_REMEDY = "Bind values as parameters of prepared statements, and give the database account only what it needs."


def _nikto(base: str, rule: str, method: str, uri: str, message: str, references: list[str]) -> Finding:
    text, hidden = without_payloads(message.removeprefix("CDATA[").removesuffix("]"))
    where, cut = place(uri)
    return finding(
        "nikto", rule, text,
        cves=[message, *references], cwes=[message],
        target=place(base)[0], evidence=f"{method} {where}".strip(),
        references=references, payload_omitted=hidden or cut,
    )  # fmt: skip


def parse_nikto_xml(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each item of each scanned host."""
    for scan in report.elements(["scandetails"]):
        base = scan.get("sitename") or f"{scan.get('targethostname', '')}:{scan.get('targetport', '')}"
        for item in scan.iter("item"):
            known = item.get("osvdbid", "0")
            references = [f"OSVDB-{known}" if known not in ("", "0") else "", text_at(item, "references")]
            rule, method = item.get("id", ""), item.get("method", "")
            yield _nikto(base, rule, method, text_at(item, "uri"), text_at(item, "description"), references)


def parse_nikto_json(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each vulnerability of a scanned host."""
    host = report.record()
    base = f"{host.get('host') or host.get('ip') or ''}:{host.get('port') or ''}".strip(":")
    for item in mappings(host, "vulnerabilities"):
        known = str(item.get("OSVDB") or "0")
        references = [f"OSVDB-{known}" if known != "0" else "", string(item, "references")]
        rule, method = str(item.get("id") or ""), string(item, "method")
        yield _nikto(base, rule, method, string(item, "url"), string(item, "msg"), references)


def parse_nikto_csv(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each row with a message; Nikto's CSV has no rule ids, so the reference stands for it."""
    for row in report.rows(_NIKTO_COLUMNS):
        if isinstance(row, Skipped):
            yield row
        elif row["message"].strip() and row["uri"].strip():
            reference = row["reference"].strip()
            base = f"{row['host'] or row['ip']}:{row['port']}".strip(":")
            yield _nikto(base, reference, row["method"], row["uri"], row["message"], [reference])
        else:
            yield Skipped(Reason("tool_log.about_host"))


def _wapiti(name: str, about: dict[str, Any], entry: dict[str, str], base: str) -> Finding:
    info, hidden = without_payloads(_SENT.sub("", entry["info"]))
    where, cut = place(entry["path"])
    parameter = entry["parameter"]
    names = ", ".join(parameter_names(parameter))
    lines = [f"{entry['method']} {where}".strip(), f"parameters: {names}" if names else "", info]
    references = [*about["titles"], *about["urls"]]
    return finding(
        "wapiti", name, name,
        severity=_WAPITI_LEVELS.get(entry["level"], "unknown"),
        cwes=references, cves=[*references, info],
        target=place(base)[0], evidence="\n".join(filter(None, lines)),
        description=about["description"], remediation=about["solution"], references=about["urls"],
        payload_omitted=hidden or cut or "=" in parameter or info != entry["info"],
    )  # fmt: skip


def _wapiti_kind(kind: Element, base: str) -> Iterator[Finding]:
    about = {
        "description": text_at(kind, "description"),
        "solution": text_at(kind, "solution"),
        "titles": [text_at(item, "title") for item in kind.findall("references/reference")],
        "urls": [text_at(item, "url") for item in kind.findall("references/reference")],
    }
    for entry in kind.findall("entries/entry"):
        parts = {name: text_at(entry, name) for name in ("method", "path", "level", "parameter", "info")}
        yield _wapiti(kind.get("name", ""), about, parts, base)


def parse_wapiti_xml(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each entry of each kind of vulnerability, anomaly and further information."""
    base = ""
    for element in report.elements(["info", "vulnerability", "anomaly", "additional"]):
        if element.tag == "info":
            base = element.text or "" if element.get("name") == "target" else base
        else:
            yield from _wapiti_kind(element, base)


def parse_wapiti_json(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each entry of each kind of vulnerability, anomaly and further information."""
    base = string(mapping(report.value, "infos"), "target")
    classes = mapping(report.value, "classifications")
    for group in ("vulnerabilities", "anomalies", "additionals"):
        for name in mapping(report.value, group):
            known = mapping(classes, name)
            references = {key: value for key, value in mapping(known, "ref").items() if isinstance(value, str)}
            about = {
                "description": string(known, "desc"),
                "solution": string(known, "sol"),
                "titles": list(references),
                "urls": [*references.values(), *strings(known, "wstg")],
            }
            for entry in mappings(mapping(report.value, group), name):
                parts = {key: str(entry.get(key) or "") for key in ("method", "path", "parameter", "info")}
                yield _wapiti(name, about, {**parts, "level": str(entry.get("level", ""))}, base)


def _sqlmap(url: str, where: str, parameter: str, techniques: list[str]) -> Finding:
    name = ", ".join(parameter_names(parameter))
    return finding(
        "sqlmap", "sql-injection", f"SQL injection in the {where} parameter {name}",
        cwes=["CWE-89"], target=place(url)[0],
        evidence=f"parameter {name} ({where}); techniques that worked: {', '.join(techniques) or 'not stated'}",
        description=_SQL_INJECTION, remediation=_SQL_REMEDY, payload_omitted=True,
    )  # fmt: skip


def parse_sqlmap_csv(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each row with a parameter; a target without one was tested in vain."""
    for row in report.rows():
        if isinstance(row, Skipped):
            yield row
        elif row["parameter"].strip():
            letters = row.get("technique(s)", "")
            techniques = [_TECHNIQUES[letter] for letter in letters if letter in _TECHNIQUES]
            yield _sqlmap(row["target url"], row["place"], row["parameter"], techniques)
        else:
            yield Skipped(Reason("tool_log.passed_check"), place(row["target url"])[0])


def parse_sqlmap_log(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each parameter of an injection point; payloads and dumped tables are not read."""
    url = re.search(r"(?i)\burl[^'\n]{0,80}'(https?://[^'\s]{1,2000})'", report.text)
    blocks = re.split(r"(?m)^Parameter: ", report.text)[1:]
    for block in blocks:
        named = re.match(r"(.{1,500}?) \(([^()\n]{1,80})\)\s*$", block.partition("\n")[0])
        if not named:
            yield Skipped(Reason("tool_log.no_parameter"))
            continue
        points = block.partition("\n---")[0]
        techniques = list(dict.fromkeys(re.findall(r"(?m)^\s+Type: ([\w -]{1,80})$", points)))
        yield _sqlmap(url.group(1) if url else "", named.group(2), named.group(1), techniques)
