"""Alerts of intrusion detection: Suricata (EVE JSON) and Wazuh (JSON); also as a search server exports them.

Packets, payloads and lines of logs are never read: they hold what was sent, and credentials.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from secft.dataset.sources.reading.json_values import mapping, mappings, number, string, strings
from secft.dataset.sources.tool_logs.finding import Finding, Skipped, finding
from secft.dataset.sources.tool_logs.packages import installed
from secft.dataset.sources.tool_logs.redaction import place, without_payloads
from secft.dataset.sources.tool_logs.report import Report
from secft.reasons import Reason
from secft.security.severity import UNKNOWN, severity_of

_PRIORITIES = {1: "high", 2: "medium", 3: "low", 4: "info"}
_WAZUH_LEVELS = ((15, "critical"), (12, "high"), (7, "medium"), (0, "low"))
"""From which level of a rule on; the classes of Wazuh's own dashboard."""


def _record(report: Report) -> dict[str, Any]:
    record = report.record()
    return mapping(record, "_source") or record


def is_suricata(report: Report) -> bool:
    """Recognise an event of any type."""
    record = _record(report)
    return "event_type" in record and not record.keys().isdisjoint(("src_ip", "flow_id", "alert", "stats"))


def is_wazuh(report: Report) -> bool:
    """Recognise an alert of a rule with a level."""
    record = _record(report)
    rule = mapping(record, "rule")
    return "level" in rule and "description" in rule and not record.keys().isdisjoint(("agent", "manager", "decoder"))


def parse_suricata(report: Report) -> Iterator[Finding | Skipped]:
    """Yield the finding of an alert; events of other types are left."""
    record = _record(report)
    alert, about = mapping(record, "alert"), mapping(mapping(record, "alert"), "metadata")
    if record.get("event_type") != "alert" or not string(alert, "signature"):
        yield Skipped(Reason("tool_log.no_finding"), f"event {string(record, 'event_type')}")
        return
    http = mapping(record, "http")
    path, cut = place(string(http, "url"))
    title, hidden = without_payloads(string(alert, "signature"))
    named = [name for key in ("cve", "mitre_technique_id", "mitre_tactic_id") for name in strings(about, key)]
    lines = [
        f"{string(record, 'proto')} from {string(record, 'src_ip')}:{record.get('src_port', '')}".strip(": "),
        f"application {string(record, 'app_proto')}" if string(record, "app_proto") else "",
        f"{string(http, 'http_method')} {string(http, 'hostname')}{path}".strip() if http else "",
        f"action {string(alert, 'action')}" if string(alert, "action") else "",
        ", ".join(named),
    ]
    priority = number(alert, "severity")
    yield finding(
        "suricata", str(alert.get("signature_id") or ""), title,
        severity=_PRIORITIES.get(int(priority), UNKNOWN) if priority in _PRIORITIES else UNKNOWN,
        cves=[name.replace("_", "-") for name in [*named, title]],
        target=f"{string(record, 'dest_ip')}:{record.get('dest_port', '')}".strip(":"),
        evidence="\n".join(filter(None, lines)), description=string(alert, "category"),
        payload_omitted=cut or hidden or not record.keys().isdisjoint(("payload", "payload_printable", "packet")),
    )  # fmt: skip


def parse_wazuh(report: Report) -> Iterator[Finding | Skipped]:
    """Yield the finding of an alert."""
    record = _record(report)
    rule, agent = mapping(record, "rule"), mapping(record, "agent")
    flaw = mapping(mapping(record, "data"), "vulnerability")
    package, attack = mapping(flaw, "package"), mapping(rule, "mitre")
    level = number(rule, "level")
    by_level = next((name for low, name in _WAZUH_LEVELS if level is not None and level >= low), UNKNOWN)
    stated = severity_of(flaw.get("severity"), None)
    title, hidden = without_payloads(string(flaw, "title") or string(rule, "description"))
    references = flaw.get("references")
    lines = [
        f"level {level:.0f}" if level is not None else "",
        f"groups {', '.join(strings(rule, 'groups'))}" if strings(rule, "groups") else "",
        f"ATT&CK {', '.join([*strings(attack, 'id'), *strings(attack, 'technique')])}" if attack else "",
        installed(string(package, "name"), string(package, "version")) if package else "",
    ]
    yield finding(
        "wazuh", string(rule, "id"), title,
        severity=stated if stated != UNKNOWN else by_level,
        cwes=[string(flaw, "cwe_reference")], cves=[string(flaw, "cve"), title],
        target=" ".join(filter(None, [string(agent, "name"), string(record, "location")])),
        evidence="\n".join(filter(None, lines)),
        description=string(flaw, "rationale") or string(rule, "description"),
        references=references if isinstance(references, list) else [references],
        payload_omitted=hidden or "full_log" in record or bool(mappings(record, "previous_output")),
    )  # fmt: skip
