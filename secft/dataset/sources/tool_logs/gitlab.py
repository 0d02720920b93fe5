"""Security reports of GitLab (JSON, schemas 14 and 15): of code, packages, images, secrets, web and API scans.

The extract of the code is never read: reports of secrets have the secret in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from secft.dataset.sources.reading.json_values import mapping, mappings, string
from secft.dataset.sources.tool_logs.finding import Finding, Skipped, finding
from secft.dataset.sources.tool_logs.packages import installed
from secft.dataset.sources.tool_logs.redaction import REDACTED, place, without_payloads
from secft.dataset.sources.tool_logs.report import Report
from secft.reasons import Reason
from secft.security.severity import severity_of

_ABOUT = ("scan", "remediations", "dependency_files")


def is_gitlab(report: Report) -> bool:
    """Recognise a report with a schema's version and vulnerabilities that have identifiers or a location."""
    record = report.record()
    first = next(iter(mappings(record, "vulnerabilities")), {"location": None})
    versioned = isinstance(record.get("version"), str) and not record.keys().isdisjoint(_ABOUT)
    return versioned and isinstance(record.get("vulnerabilities"), list) and not first.keys().isdisjoint(
        ("location", "identifiers")
    )  # fmt: skip


def _where(location: dict[str, Any]) -> tuple[str, bool]:
    """Return where something is, and whether parts of an address were left out."""
    image = string(location, "image") or string(location, "docker_image")
    if string(location, "hostname") or string(location, "path"):
        return place(string(location, "hostname") + string(location, "path"))
    file, line = string(location, "file"), location.get("start_line")
    package = string(mapping(mapping(location, "dependency"), "package"), "name")
    where = f"{file}:{line}" if file and isinstance(line, int) else file or image
    return ", ".join(filter(None, [where, f"package {package}" if package else ""])), False


def _rule(identifiers: list[dict[str, Any]], item: dict[str, Any]) -> str:
    """Return the scanner's own name of the kind of finding, which stands first unless it is a class."""
    own = [one for one in identifiers if string(one, "type").lower() not in ("cwe", "owasp")] or identifiers
    return string(own[0], "value") or string(own[0], "name") if own else string(item, "category")


def _finding(item: dict[str, Any], kind: str, tool: str, fixes: dict[str, str]) -> Finding:
    location, identifiers = mapping(item, "location"), mappings(item, "identifiers")
    where, cut = _where(location)
    dependency = mapping(location, "dependency")
    package = string(mapping(dependency, "package"), "name")
    secretive = "secret" in f"{kind} {string(item, 'category')}"
    said, hidden = without_payloads("" if secretive else string(item, "message"))
    title = string(item, "name") or said or string(item, "description")
    commit = string(mapping(location, "commit"), "sha")[:12]
    lines = [
        installed(package, string(dependency, "version")) if package else "",
        f"{string(location, 'method')} parameter {string(location, 'param')}" if string(location, "param") else "",
        f"in {string(location, 'class')} {string(location, 'method')}".strip() if string(location, "class") else "",
        REDACTED if secretive else said if said != title else "",
        f"commit {commit}" if commit.strip("0") else "",
    ]
    classes = [string(one, "value") for one in identifiers if string(one, "type").lower() == "cwe"]
    return finding(
        tool, _rule(identifiers, item), title,
        severity=severity_of(item.get("severity"), None),
        cwes=[*classes, *(string(one, "name") for one in identifiers)],
        cves=[text for one in identifiers for text in (string(one, "value"), string(one, "name"))],
        target=where, evidence="\n".join(filter(None, lines)), description=string(item, "description"),
        remediation=string(item, "solution") or fixes.get(string(item, "id"), ""),
        references=[string(one, "url") for one in (*mappings(item, "links"), *identifiers)],
        payload_omitted=cut or hidden or "evidence" in item,
    )  # fmt: skip


def parse_gitlab(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each vulnerability; those that are marked as likely false are left."""
    record = report.record()
    scan = mapping(record, "scan")
    fixes = {string(fixed, "id"): string(one, "summary") for one in mappings(record, "remediations")
             for fixed in mappings(one, "fixes")}  # fmt: skip
    for item in mappings(record, "vulnerabilities"):
        named = [mapping(scan, "scanner"), mapping(item, "scanner")]
        tool = next((string(one, "id") or string(one, "name") for one in named if one), "")
        slug = re.sub(r"[^a-z0-9]+", "-", tool.lower()).strip("-")[:40] or "gitlab"
        if any("false-positive" in string(flag, "type") for flag in mappings(item, "flags")):
            yield Skipped(Reason("tool_log.false_positive"), string(item, "name"))
        else:
            yield _finding(item, string(scan, "type"), slug, fixes)
