"""Findings of Prowler: JSON and CSV of versions 2 to 4, and OCSF (JSON), which other tools write, too.

Source: OCSF 1.1 and later, classes "Detection Finding" and "Compliance Finding".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from secft.dataset.sources.reading.json_values import mapping, mappings, string, strings
from secft.dataset.sources.tool_logs.finding import Finding, Skipped, finding
from secft.dataset.sources.tool_logs.report import Report
from secft.reasons import Reason
from secft.security.severity import severity_of

COLUMNS = ("check_id", "status", "severity", "check_title")


def is_prowler(report: Report) -> bool:
    """Recognise a record of version 3."""
    return report.record().keys() >= {"CheckID", "CheckTitle", "Status"}


def is_prowler_2(report: Report) -> bool:
    """Recognise a record of version 2."""
    return report.record().keys() >= {"Control", "Control ID", "Status", "Message"}


def is_prowler_2_csv(report: Report) -> bool:
    """Recognise the table of version 2, whose columns were renamed in 2.4."""
    columns = set(report.header)
    return columns >= {"title_id", "title_text"} and not columns.isdisjoint({"check_result", "result"})


def is_ocsf(report: Report) -> bool:
    """Recognise a finding of OCSF."""
    record = report.record()
    stated = "class_uid" in record or "class_name" in record
    return stated and bool(mapping(record, "metadata")) and ("finding_info" in record or "finding" in record)


def _judged(status: str, muted: bool, rule: str) -> Skipped | None:
    """Return why a check is no finding, or None."""
    if muted or status in ("MUTED", "SUPPRESSED"):
        return Skipped(Reason("tool_log.suppressed"), rule)
    return Skipped(Reason("tool_log.passed_check"), rule) if status in ("PASS", "INFO", "MANUAL", "PASSED") else None


def _description(text: str, risk: str) -> str:
    return "\n\n".join(filter(None, [text, f"Risk: {risk}" if risk else ""]))


def _row(cells: dict[str, str]) -> Finding | Skipped:
    rule = cells["check_id"]
    where = [cells.get(key, "") for key in ("provider", "region")]
    resource = cells.get("resource_arn") or cells.get("resource_uid") or cells.get("resource_id", "")
    return _judged(cells["status"].upper(), cells.get("muted", "").lower() == "true", rule) or finding(
        "prowler", rule, cells["check_title"],
        severity=severity_of(cells["severity"], None),
        target=" ".join(filter(None, [*where, resource])), evidence=cells.get("status_extended", ""),
        description=_description(cells.get("description", ""), cells.get("risk", "")),
        remediation=cells.get("remediation_recommendation_text", ""),
        references=[cells.get("remediation_recommendation_url", ""), cells.get("related_url", "")],
    )  # fmt: skip


def parse_prowler_csv(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each failed check of a resource."""
    for row in report.rows():
        yield row if isinstance(row, Skipped) else _row(row)


def _first(cells: Mapping[str, str], *names: str) -> str:
    return next((cells[name].strip() for name in names if cells.get(name, "").strip()), "")


def _row_2(cells: Mapping[str, str]) -> Finding | Skipped:
    """Return the finding of a record of version 2, whose titles begin with the check, as in ``[check12] Ensure``."""
    title = _first(cells, "title_text", "Control")
    named = _CHECK.match(title)
    check, title = (named[1], named[2]) if named else (_first(cells, "title_id", "Control ID"), title)
    place = [_first(cells, *names) for names in (
        ("account_num", "Account Number"), ("region", "Region"), ("check_resource_id", "Resource ID"))]  # fmt: skip
    status = _first(cells, "check_result", "result", "Status").upper()
    said = _first(cells, "check_result_extended", "notes", "Message")
    return _judged(status, status == "WARNING", check) or finding(
        "prowler", check, title,
        severity=severity_of(_first(cells, "check_severity", "Severity"), None),
        target=" ".join(filter(None, place)), evidence=said,
        description=_description("", _first(cells, "check_risk", "Risk")),
        remediation=_first(cells, "check_remediation", "Remediation"),
        references=[_first(cells, "check_doc", "Doc link")],
    )  # fmt: skip


_CHECK = re.compile(r"\[((?:check|extra)_?\w+)\]\s*(.+)", re.DOTALL)


def parse_prowler_2_csv(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each failed check; a warning is a check that was put on a list of exceptions."""
    for row in report.rows():
        yield row if isinstance(row, Skipped) else _row_2(row)


def parse_prowler_2_json(report: Report) -> Iterator[Finding | Skipped]:
    """Yield the finding of a failed check; see parse_prowler_2_csv."""
    record = report.record()
    yield _row_2({key: string(record, key) for key in record})


def parse_prowler_json(report: Report) -> Iterator[Finding | Skipped]:
    """Yield the finding of a failed check of a resource."""
    record = report.record()
    advice = mapping(mapping(record, "Remediation"), "Recommendation")
    names = {"check_id": "CheckID", "check_title": "CheckTitle", "status": "Status", "severity": "Severity",
             "provider": "Provider", "region": "Region", "resource_arn": "ResourceArn", "resource_id": "ResourceId",
             "status_extended": "StatusExtended", "description": "Description", "risk": "Risk",
             "related_url": "RelatedUrl"}  # fmt: skip
    cells = {column: string(record, name) for column, name in names.items()}
    yield _row({**cells, "remediation_recommendation_text": string(advice, "Text"),
                "remediation_recommendation_url": string(advice, "Url")})  # fmt: skip


def parse_ocsf(report: Report) -> Iterator[Finding | Skipped]:
    """Yield the finding of a record: a failed check, or a detection without a status."""
    record = report.record()
    about, metadata = mapping(record, "finding_info") or mapping(record, "finding"), mapping(record, "metadata")
    rule = string(metadata, "event_code") or string(mapping(about, "analytic"), "uid") or string(about, "uid")
    tool = re.sub(r"[^a-z0-9]+", "-", string(mapping(metadata, "product"), "name").lower()).strip("-")[:40]
    status = string(record, "status_code") or string(record, "status")
    left = _judged(status.upper(), string(record, "status") == "Suppressed", rule)
    if left:
        yield left
        return
    cloud, resources = mapping(record, "cloud"), mappings(record, "resources")
    resource = next((string(one, "uid") or string(one, "name") for one in resources), "")
    remedy = mapping(record, "remediation") or mapping(about, "remediation")
    flaws = [mapping(one, "cve") for one in mappings(record, "vulnerabilities")]
    yield finding(
        tool or "ocsf", rule, string(about, "title"),
        severity=severity_of(record.get("severity"), None),
        cves=[string(flaw, "uid") for flaw in flaws],
        target=" ".join(filter(None, [string(cloud, "provider"), string(cloud, "region"), resource])),
        evidence=string(record, "status_detail") or string(record, "message"),
        description=_description(string(about, "desc"), string(record, "risk_details")),
        remediation=string(remedy, "desc"),
        references=[*strings(remedy, "references"), *strings(remedy, "kb_articles"),
                    string(mapping(record, "unmapped"), "related_url")],
    )  # fmt: skip
