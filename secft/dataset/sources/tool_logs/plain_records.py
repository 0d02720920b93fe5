"""Findings that are plain JSON objects of no particular tool: a title, a severity, and what else is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from secft.dataset.sources.tool_logs.finding import Finding, Skipped, finding
from secft.dataset.sources.tool_logs.redaction import place, without_payloads
from secft.dataset.sources.tool_logs.report import Report
from secft.security.severity import severity_of

_TITLES = ("title", "name", "vulnerability", "summary", "message", "msg", "check")
_SEVERITIES = ("severity", "risk", "level", "priority")
_RULES = ("rule", "rule_id", "ruleid", "id", "check_id", "plugin", "plugin_id", "type")
_TARGETS = ("target", "url", "uri", "host", "hostname", "ip", "file", "path", "asset", "image", "location")
_REMEDIES = ("remediation", "solution", "recommendation", "fix", "mitigation")
_LOG_LEVELS = {"debug", "trace", "info", "notice", "warn", "warning", "error", "err", "fatal", "panic"}
_LOG_KEYS = {"ts", "time", "timestamp", "@timestamp", "logger", "caller"}


def _lowered(record: dict[str, Any]) -> dict[str, Any]:
    return {str(key).lower(): value for key, value in record.items()}


def _first(record: dict[str, Any], names: tuple[str, ...]) -> str:
    values = (record.get(name) for name in names)
    return next((str(value) for value in values if isinstance(value, str | int | float) and str(value).strip()), "")


def _is_log_line(lowered: dict[str, Any]) -> bool:
    """Say whether an object is a line of a program's log: a level, a message and a time, and no place."""
    word = re.split(r"[^a-z]", str(lowered.get("level", "")).lower())[0]
    if set(lowered) & set(_SEVERITIES) != {"level"} or (word and word not in _LOG_LEVELS):
        return False
    return bool(lowered.keys() & _LOG_KEYS) or not (_first(lowered, _TARGETS) or _first(lowered, _RULES))


def is_plain(record: dict[str, Any]) -> bool:
    """Say whether an object states a finding: it has a title and a severity, and is no line of a program's log."""
    lowered = _lowered(record)
    return bool(_first(lowered, _TITLES) and _first(lowered, _SEVERITIES)) and not _is_log_line(lowered)


def _list(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else [str(value)] if value else []


def _finding(record: dict[str, Any]) -> Finding:
    title, hidden = without_payloads(_first(record, _TITLES))
    where = _first(record, _TARGETS)
    where, cut = place(where) if "://" in where or "?" in where else (where, False)
    evidence, omitted = without_payloads(_first(record, ("evidence", "proof", "match")))
    word = _first(record, _SEVERITIES)
    line = _first(record, ("line", "line_number"))
    tool = re.sub(r"[^a-z0-9]+", "-", _first(record, ("tool", "scanner", "source")).lower()).strip("-")[:40]
    classes = [value for key in ("cwe", "cwes", "cwe_id", "cve", "cves", "cve_id") for value in _list(record.get(key))]
    return finding(
        tool or "plain", _first(record, _RULES) or title, title,
        severity=severity_of(word, record.get("cvss", word)),
        cwes=[value for value in classes if not value.upper().startswith("CVE")], cves=[*classes, title],
        target=f"{where}:{line}" if line and where else where, evidence=evidence,
        description=_first(record, ("description", "details", "desc")),
        remediation=_first(record, _REMEDIES),
        references=[part for key in ("references", "reference", "links") for part in _list(record.get(key))],
        payload_omitted=hidden or cut or omitted,
    )  # fmt: skip


def parse_plain(report: Report) -> Iterator[Finding | Skipped]:
    """Yield the finding of an object that has a title and a severity."""
    yield _finding(_lowered(report.record()))
