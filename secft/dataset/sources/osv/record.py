"""A record of OSV as the fields, the title and the text of a document."""

from __future__ import annotations

import datetime
import re
from typing import Any

from secft.dataset.sources.osv.details import read_details
from secft.dataset.sources.reading.json_values import mapping, mappings, string, strings
from secft.dataset.text import squeeze
from secft.security.identifiers import only

MAX_VERSIONS = 200
"""Most versions that are listed of a package without ranges."""
MAX_SHOWN = 20
"""Most packages that the text tells about."""

_DAY = re.compile(r"(?!0001)\d{4}-\d{2}-\d{2}")


def _day(record: dict[str, Any], key: str) -> str:
    """Return a date as YYYY-MM-DD; Go's zero date counts as none."""
    value = record.get(key)
    if isinstance(value, datetime.date):
        return value.isoformat()[:10]
    found = _DAY.match(value) if isinstance(value, str) else None
    return found[0] if found else ""


def _ranges(affected: dict[str, Any]) -> list[dict[str, str]]:
    """Pair the events of version ranges: each ``introduced`` with the ``fixed`` or ``last_affected`` after it."""
    found: list[dict[str, str]] = []
    for span in mappings(affected, "ranges"):
        if string(span, "type") not in ("SEMVER", "ECOSYSTEM"):
            continue
        for event in mappings(span, "events"):
            if string(event, "introduced"):
                found.append({"introduced": string(event, "introduced"), "fixed": "", "last_affected": ""})
                continue
            for key in ("fixed", "last_affected"):
                if string(event, key) and found and not found[-1]["fixed"]:
                    found[-1][key] = string(event, key)
    return found


def _commits(affected: dict[str, Any]) -> list[str]:
    spans = [span for span in mappings(affected, "ranges") if span.get("type") == "GIT"]
    fixed = [string(event, "fixed") for span in spans for event in mappings(span, "events")]
    return [commit for commit in dict.fromkeys(fixed) if commit]


def _affected(record: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for item in mappings(record, "affected"):
        package = mapping(item, "package")
        ranges = _ranges(item)
        found.append(
            {
                "ecosystem": string(package, "ecosystem"),
                "package": string(package, "name"),
                "ranges": ranges,
                "versions": [] if ranges else strings(item, "versions")[:MAX_VERSIONS],
                "patched": strings(item, "patched"),
                "unaffected": strings(item, "unaffected"),
                "commits": _commits(item),
            }
        )
    return found


def _severity(record: dict[str, Any]) -> list[dict[str, str]]:
    found = [{"type": string(item, "type"), "score": string(item, "score")} for item in mappings(record, "severity")]
    return [item for item in found if item["score"]]


def fields_of(record: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a document, see secft.dataset.sources.osv.reader.

    Raises:
        InputError: the details are too long.
    """
    specific = mapping(record, "database_specific")
    details, omitted = read_details(string(record, "details"))
    aliases = list(dict.fromkeys(strings(record, "aliases")))
    cves = only("cve", [string(record, "id"), *aliases])
    severity = _severity(record)
    vectors = sorted(item["score"] for item in severity if item["type"].startswith("CVSS_V"))
    affected = _affected(record)
    return {
        "summary": squeeze(string(record, "summary")).replace("`", ""),
        "details": details,
        "aliases": aliases,
        "cves": cves,
        "parent": next(iter([*cves, *sorted(aliases)]), ""),
        "related": strings(record, "related"),
        "affected": affected,
        "packages": [name for name in dict.fromkeys(item["package"] for item in affected) if name],
        "severity": severity,
        "cvss": vectors[-1] if vectors else "",
        "severity_label": string(specific, "severity").lower(),
        "cwes": only("cwe", strings(specific, "cwe_ids") + strings(specific, "cwes")),
        "categories": strings(specific, "categories"),
        "informational": string(specific, "informational"),
        "references": [
            {"type": string(item, "type"), "url": string(item, "url")} for item in mappings(record, "references")
        ],
        "published": _day(record, "published"),
        "modified": _day(record, "modified"),
        "omitted_sections": omitted,
    }


def title_of(record: dict[str, Any], fields: dict[str, Any]) -> str:
    """Return the summary, else which package it is about, and the best known id."""
    if fields["summary"]:
        return str(fields["summary"])
    name = next(iter(fields["cves"]), string(record, "id"))
    return f"Vulnerability in {fields['packages'][0]} ({name})" if fields["packages"] else name


def _span(span: dict[str, str]) -> str:
    start = "" if span["introduced"] == "0" else f"from {span['introduced']} "
    if span["fixed"]:
        return f"{start}before {span['fixed']}"
    if span["last_affected"]:
        return f"{start}up to and including {span['last_affected']}"
    return f"{start}on" if start else "all versions"


def _package_line(item: dict[str, Any]) -> str:
    parts = [", ".join(map(_span, item["ranges"]))]
    if item["versions"]:
        parts.append(f"versions {', '.join(item['versions'][:MAX_SHOWN])}")
    if item["patched"]:
        parts.append(f"patched in {' or '.join(item['patched'])}")
    if item["unaffected"]:
        parts.append(f"not affected {' or '.join(item['unaffected'])}")
    name = f"{item['package']} ({item['ecosystem']})" if item["ecosystem"] else item["package"]
    return f"- {name}: {'; '.join(part for part in parts if part) or 'no fixed version is known'}"


def document_text(fields: dict[str, Any]) -> str:
    """Return the whole text: summary, details, what is affected, and where it is fixed."""
    lines = list(dict.fromkeys(_package_line(item) for item in fields["affected"] if item["package"]))
    more = [f"- and {len(lines) - MAX_SHOWN} more"] if len(lines) > MAX_SHOWN else []
    summary, details = fields["summary"], fields["details"]
    parts = [
        "" if squeeze(details).replace("`", "").startswith(summary) else summary,
        details,
        "\n".join(["Affected packages:", *lines[:MAX_SHOWN], *more]) if lines else "",
        f"Severity: {', '.join(part for part in (fields['severity_label'], fields['cvss']) if part)}."
        if fields["severity_label"] or fields["cvss"]
        else "",
        f"Also known as {', '.join(fields['aliases'])}." if fields["aliases"] else "",
        f"Weaknesses: {', '.join(fields['cwes'])}." if fields["cwes"] else "",
    ]
    return "\n\n".join(part for part in parts if part)
