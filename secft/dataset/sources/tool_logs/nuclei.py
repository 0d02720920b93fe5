"""Findings of nuclei: records of new (``template-id``), old (``templateID``) and first versions (flat).

Requests, responses, curl commands and the values that a template tried (``meta``) are never read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from secft.dataset.sources.reading.json_values import mapping, string
from secft.dataset.sources.tool_logs.finding import Finding, Skipped, finding
from secft.dataset.sources.tool_logs.redaction import place, secret, without_payloads
from secft.dataset.sources.tool_logs.report import Report
from secft.reasons import Reason
from secft.security.severity import severity_of_word

_ABOUT_SECRETS = {
    "token", "tokens", "keys", "key", "secret", "secrets", "credential", "credentials", "creds", "default-login",
    "password", "passwords", "passwd", "passphrase", "pwd", "apikey",
}  # fmt: skip
_WORD = re.compile(r"[a-z]+")
_SHOWN = 20


def _list(value: Any) -> list[str]:
    """Return strings of a list, or of one text with commas or line breaks, as the versions of nuclei differ."""
    if isinstance(value, str):
        return [part.strip(" -") for part in value.replace(",", "\n").splitlines() if part.strip(" -")]
    return [str(item) for item in value if isinstance(item, str | int)] if isinstance(value, list) else []


def _any(record: dict[str, Any], *keys: str) -> Any:
    return next((record[key] for key in keys if record.get(key)), None)


def _evidence(record: dict[str, Any], tags: list[str]) -> tuple[str, bool]:
    results = _list_of_results(_any(record, "extracted-results", "extracted_results"))
    # A bare password has no form of its own: what the template looks for tells what was extracted.
    about = " ".join([_template(record), string(mapping(record, "info"), "name"), _matcher(record)]).lower()
    hide = bool(_ABOUT_SECRETS & {*tags, *_WORD.findall(about)})
    shown = [(secret(text), True) if hide else without_payloads(text) for text in results[:_SHOWN]]
    matcher = _matcher(record)
    lines = [f"matched: {matcher}" if matcher else "", *(f"extracted: {text[:200]}" for text, _ in shown)]
    return "\n".join(line for line in lines if line), any(cut for _, cut in shown)


def _template(record: dict[str, Any]) -> str:
    return str(_any(record, "template-id", "templateID", "template") or "")


def _matcher(record: dict[str, Any]) -> str:
    return str(_any(record, "matcher-name", "matcher_name", "extractor-name") or "")


def _list_of_results(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _finding(record: dict[str, Any]) -> Finding:
    info = mapping(record, "info") or record
    classes = mapping(info, "classification")
    tags = _list(info.get("tags"))
    rule = _template(record)
    where, cut = place(str(_any(record, "matched-at", "matched", "url", "host", "ip") or ""))
    evidence, hidden = _evidence(record, tags)
    impact = string(info, "impact")
    return finding(
        "nuclei",
        rule,
        string(info, "name"),
        severity=severity_of_word(info.get("severity")),
        cwes=_list(classes.get("cwe-id")),
        cves=[*_list(classes.get("cve-id")), rule],
        target=where,
        evidence=evidence,
        description="\n\n".join(filter(None, [string(info, "description"), impact and f"Impact: {impact}"])),
        remediation=string(info, "remediation"),
        references=_list(info.get("reference")),
        payload_omitted=cut
        or hidden
        or any(record.get(key) for key in ("request", "response", "curl-command", "meta")),
    )


def parse_nuclei(report: Report) -> Iterator[Finding | Skipped]:
    """Yield the finding of a match; a record that says that nothing matched is left."""
    record = report.record()
    if record.get("matcher-status") is False:
        yield Skipped(Reason("tool_log.passed_check"), _template(record))
    else:
        yield _finding(record)
