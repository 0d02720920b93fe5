"""Findings of scanners for leaked secrets: gitleaks (versions 2 to 8), trufflehog (versions 2 and 3) and trufflehog3.

A report of these tools consists of real secrets. Of each one at most four characters are kept; the line around it, the
diff, the commit message and further data of the account are never read, and where a part that is read (a path, a
link) holds the secret too, it is redacted there.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from typing import Any

from secft.dataset.sources.reading.json_values import mapping, string, strings
from secft.dataset.sources.tool_logs.finding import Finding, Skipped, finding
from secft.dataset.sources.tool_logs.redaction import REDACTED, secret
from secft.dataset.sources.tool_logs.report import Report
from secft.security.severity import severity_of_word

_WHY = (
    "A credential stands in a place that others can read. Whoever has read it can use it until it is revoked; "
    "removing it from the newest version does not help, because the history keeps it."
)
_REMEDY = (
    "Revoke or rotate the credential first, then look for its use in logs, remove it from the history, and load it "
    "from a secret store or the environment from now on."
)
_CWE = "CWE-798"
_COMMIT = 12
"""Characters of a commit's id that identify it."""


def _without(text: str, secrets: Sequence[str]) -> str:
    for value in sorted((value for value in secrets if len(value) > 3), key=len, reverse=True):
        text = text.replace(value, REDACTED)
    return text


def _leak(  # facts of one record
    tool: str, rule: str, title: str, target: str, notes: list[str], shown: list[str], secrets: list[str],
    severity: str = "unknown",
) -> Finding:  # fmt: skip
    """Build a finding; of each of ``shown`` the first characters stay, and ``secrets`` are redacted everywhere."""
    traces = dict.fromkeys(f"secret {secret(value)}" for value in shown if value.strip())
    lines = _without("\n".join(note for note in notes if note), secrets)
    return finding(
        tool, _without(rule, secrets), f"Leaked secret: {_without(title, secrets)}",
        severity=severity, cwes=[_CWE], target=_without(target, secrets),
        evidence="\n".join(filter(None, [*traces, lines])),
        description=_WHY, remediation=_REMEDY,
    )  # fmt: skip


def _at(path: Any, line: Any) -> str:
    return f"{path or ''}:{line}" if isinstance(line, int) and line else str(path or "")


def _commit(value: Any) -> str:
    return f"commit {value[:_COMMIT]}" if isinstance(value, str) and value else ""


def _gitleaks(record: dict[str, Any]) -> Finding:
    if "RuleID" in record:
        secrets = [string(record, "Secret"), string(record, "Match"), string(record, "Line")]
        rule, title = string(record, "RuleID"), string(record, "Description") or string(record, "RuleID")
        target, commit = _at(record.get("File"), record.get("StartLine")), record.get("Commit")
    else:
        secrets = [string(record, "offender"), string(record, "line")]
        rule = title = string(record, "rule")
        target, commit = _at(record.get("file"), record.get("lineNumber")), record.get("commit")
    return _leak("gitleaks", rule, title, target, [_commit(commit)], secrets[:1], secrets)


def parse_gitleaks(report: Report) -> Iterator[Finding | Skipped]:
    """Yield the finding of a leak."""
    yield _gitleaks(report.record())


def _decoded(value: str) -> str:
    """Return what a base64 text stands for, or an empty string; older trufflehog writes ``Raw`` so."""
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""


def _trufflehog_new(record: dict[str, Any]) -> Finding:
    written = [string(record, key) for key in ("Raw", "RawV2", "Redacted")]
    # Base64 is the older way of writing; then the secret itself is what it stands for.
    secrets = [*filter(None, map(_decoded, written[:2])), *written]
    data = mapping(mapping(record, "SourceMetadata"), "Data")
    place = next((value for value in data.values() if isinstance(value, dict)), {})
    file = next((string(place, key) for key in ("file", "path", "key", "link") if string(place, key)), "")
    repository = string(place, "repository") or string(place, "bucket") or string(place, "image")
    target = " ".join(filter(None, [repository, _at(file, place.get("line"))]))
    verified = "verified as working" if record.get("Verified") is True else "not verified"
    detector = string(record, "DetectorName")
    title = f"{detector} ({verified})"
    return _leak("trufflehog", detector, title, target, [_commit(place.get("commit"))], secrets[:1], secrets)


def _trufflehog_old(record: dict[str, Any]) -> Finding:
    reason = string(record, "reason")
    notes = [_commit(record.get("commitHash")), f"branch {string(record, 'branch')}"]
    found = strings(record, "stringsFound")
    return _leak("trufflehog", reason, reason, string(record, "path"), notes, found, found)


def _trufflehog3(record: dict[str, Any]) -> Finding:
    rule = mapping(record, "rule")
    line = string(record, "line")
    target = f"{string(record, 'path')}:{line}" if line else _at(record.get("path"), record.get("line"))
    context = mapping(record, "context")
    secrets = [string(record, "secret"), *(string(context, key) for key in context)]
    notes = [_commit(record.get("commit")), f"branch {string(record, 'branch')}" if string(record, "branch") else ""]
    title = string(rule, "message") or string(rule, "id")
    return _leak("trufflehog3", string(rule, "id"), title, target, notes, secrets[:1], secrets,
                 severity_of_word(rule.get("severity")))  # fmt: skip


def parse_trufflehog(report: Report) -> Iterator[Finding | Skipped]:
    """Yield the finding of a leak."""
    record = report.record()
    if "DetectorName" in record:
        yield _trufflehog_new(record)
    else:
        yield _trufflehog_old(record) if "stringsFound" in record else _trufflehog3(record)
