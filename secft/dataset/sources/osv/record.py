"""A record of OSV as the fields, the title and the text of a document."""

from __future__ import annotations

import datetime
import re
from typing import Any

from secft.dataset.sources.osv.details import read_details
from secft.dataset.sources.osv.ranges import fixing_commits, intervals_of
from secft.dataset.sources.reading.json_values import mapping, mappings, string, strings
from secft.dataset.text import squeeze
from secft.security.identifiers import only
from secft.security.severity import UNKNOWN, severity_of_word

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


def _affected(record: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for item in mappings(record, "affected"):
        package = mapping(item, "package")
        ranges = intervals_of(item)
        found.append(
            {
                "ecosystem": string(package, "ecosystem"),
                "package": string(package, "name"),
                "ranges": ranges,
                "versions": [] if ranges else strings(item, "versions")[:MAX_VERSIONS],
                "patched": strings(item, "patched"),
                "unaffected": strings(item, "unaffected"),
                "commits": fixing_commits(item),
            }
        )
    return found


def _severity(record: dict[str, Any]) -> list[dict[str, str]]:
    """Return the severities of a record, or, where it has none, those of its packages, each once."""
    packages = mappings(record, "affected")
    vectors = [string(mapping(item, "database_specific"), "cvss") for item in packages]
    stated = [
        mappings(record, "severity"),
        [one for item in packages for one in mappings(item, "severity")],
        [{"type": f"CVSS_V{vector[5:6]}", "score": vector} for vector in vectors if vector.startswith("CVSS:")],
    ]
    found = [[{"type": string(one, "type"), "score": string(one, "score")} for one in level] for level in stated]
    usable = next((level for level in found if any(one["score"] for one in level)), [])
    return [one for number, one in enumerate(usable) if one["score"] and one not in usable[:number]]


def _vector(severity: list[dict[str, str]]) -> str:
    """Return the vector of the newest version of CVSS; none where packages differ in it."""
    vectors = sorted((item["type"], item["score"]) for item in severity if item["type"].startswith("CVSS_V"))
    newest = [score for version, score in vectors if version == vectors[-1][0]]
    return newest[0] if len(newest) == 1 else ""


def _label(record: dict[str, Any], severity: list[dict[str, str]]) -> str:
    """Return the word of the database, or of a distribution."""
    own = string(mapping(record, "database_specific"), "severity").lower()
    words = {item["score"].lower() for item in severity if severity_of_word(item["score"]) != UNKNOWN}
    return own or (words.pop() if len(words) == 1 else "")


def _cwes(record: dict[str, Any]) -> list[str]:
    holders = [record, *mappings(record, "affected")]
    about = [mapping(holder, "database_specific") for holder in holders]
    named = [name for one in about for key in ("cwe_ids", "cwes") for name in strings(one, key)]
    return only("cwe", [*named, *(string(item, "cweId") for one in about for item in mappings(one, "cwes"))])


def fields_of(record: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a document, see secft.dataset.sources.osv.reader.

    Raises:
        InputError: the details are too long.
    """
    specific = mapping(record, "database_specific")
    details, omitted = read_details(string(record, "details"))
    aliases = list(dict.fromkeys(strings(record, "aliases")))
    upstream = strings(record, "upstream")
    cves = only("cve", [string(record, "id"), *aliases, *upstream])
    severity = _severity(record)
    affected = _affected(record)
    return {
        "summary": squeeze(string(record, "summary")).replace("`", ""),
        "details": details,
        "aliases": aliases,
        "cves": cves,
        "parent": next(iter([*cves, *sorted(aliases), *upstream]), ""),
        "related": strings(record, "related"),
        "affected": affected,
        "packages": [name for name in dict.fromkeys(item["package"] for item in affected) if name],
        "severity": severity,
        "cvss": _vector(severity),
        "severity_label": _label(record, severity),
        "cwes": _cwes(record),
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
    if span["introduced"] == span["last_affected"]:
        return f"version {span['introduced']}"
    start = "" if span["introduced"] == "0" else f"from {span['introduced']} "
    if span["fixed"] or span.get("limit"):
        return f"{start}before {span['fixed'] or span['limit']}"
    if span["last_affected"]:
        return f"{start}up to and including {span['last_affected']}"
    return f"{start}on" if start else "all versions"


def _package(item: dict[str, Any]) -> tuple[str, str]:
    """Return a package's name, and what is said of its versions."""
    parts = [", ".join(map(_span, item["ranges"]))]
    if item["versions"]:
        parts.append(f"versions {', '.join(item['versions'][:MAX_SHOWN])}")
    if item["patched"]:
        parts.append(f"patched in {' or '.join(item['patched'])}")
    if item["unaffected"]:
        parts.append(f"not affected {' or '.join(item['unaffected'])}")
    if item["commits"] and not any(parts):
        parts.append(f"fixed by commit {', '.join(item['commits'][:MAX_SHOWN])}")
    name = f"{item['package']} ({item['ecosystem']})" if item["ecosystem"] else item["package"]
    return name, "; ".join(part for part in parts if part)


def _package_lines(affected: list[dict[str, Any]]) -> list[str]:
    """Return a line for each package: some databases give a package an entry for each range."""
    said: dict[str, dict[str, None]] = {}
    for name, text in (_package(item) for item in affected if item["package"]):
        said.setdefault(name, {}).update({text: None} if text else {})
    return [f"- {name}: {', '.join(texts) or 'no fixed version is known'}" for name, texts in said.items()]


def document_text(fields: dict[str, Any]) -> str:
    """Return the whole text: summary, details, what is affected, and where it is fixed."""
    lines = _package_lines(fields["affected"])
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
