"""Entries of NVD JSON 2.0: feeds and the API's pages.

Source: NVD, "CVE API 2.0" and its JSON schema (csrc.nist.gov/schema/nvd/api/2.0/cve_api_json_2.0.schema).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from secft.dataset.sources.cve.entry import (
    Entry,
    content_digest,
    english_under,
    references,
    text_of_fields,
    withdrawn,
)
from secft.dataset.sources.cve.scores import preferred, read_score
from secft.dataset.sources.cve.version_ranges import cpe_parts, cpe_versions
from secft.dataset.sources.reading.json_values import mapping, mappings, string
from secft.reasons import Reason
from secft.records import Document
from secft.security.identifiers import is_id, leading_cwes

LICENSE = "public domain (NVD, NIST); CVE descriptions: CVE Terms of Use"
RANK = 1
_METRICS = {"cvssMetricV40": "4.0", "cvssMetricV31": "3.1", "cvssMetricV30": "3.0", "cvssMetricV2": "2.0"}
_MAX_NODES = 10_000


def is_nvd(record: dict[str, Any]) -> bool:
    """Tell whether an object is an entry of NVD JSON 2.0, with its ``cve`` around it or not."""
    inner = mapping(record, "cve") or record
    return is_id(string(inner, "id"), "cve") and "descriptions" in inner


def _primary_first(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(items, key=lambda item: string(item, "type") != "Primary")


def _scores(cve: dict[str, Any]) -> list[dict[str, Any]]:
    metrics = mapping(cve, "metrics")
    return preferred(
        read_score(
            mapping(item, "cvssData"),
            version,
            string(item, "source"),
            string(item, "type") == "Primary",
            string(item, "baseSeverity"),
        )
        for key, version in _METRICS.items()
        for item in mappings(metrics, key)
    )


def _matches(cve: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the vulnerable CPE matches of all configurations, at most as many as any real entry has."""
    nodes = [node for group in mappings(cve, "configurations") for node in mappings(group, "nodes")]
    for node in nodes[:_MAX_NODES]:
        if node.get("negate") is not True:
            yield from (match for match in mappings(node, "cpeMatch") if match.get("vulnerable") is True)


def _affected(cve: dict[str, Any]) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], dict[str, None]] = {}
    for match in _matches(cve):
        parts = cpe_parts(string(match, "criteria"))
        if len(parts) < 7 or parts[0] != "cpe":
            continue
        vendor, product, version, update = parts[3:7]
        versions = found.setdefault((vendor.replace("_", " "), product.replace("_", " ")), {})
        versions[cpe_versions(match, version, update)] = None
    return [{"vendor": vendor, "product": product, "versions": list(said)} for (vendor, product), said in found.items()]


def _known_exploited(cve: dict[str, Any]) -> dict[str, str]:
    if not string(cve, "cisaExploitAdd"):
        return {}
    return {
        "added": string(cve, "cisaExploitAdd"),
        "due": string(cve, "cisaActionDue"),
        "action": string(cve, "cisaRequiredAction"),
    }


def _fields(cve: dict[str, Any], description: str) -> dict[str, Any]:
    scores = _scores(cve)
    weaknesses = [
        text for item in _primary_first(mappings(cve, "weaknesses")) for text in english_under(item, "description")
    ]
    return {
        "description": description,
        "title": "",
        "cvss": scores[0] if scores else {},
        "scores": scores,
        "cwes": leading_cwes(weaknesses),
        "affected": _affected(cve),
        "references": references(mappings(cve, "references")),
        "solutions": [text for text in [string(cve, "evaluatorSolution")] if text],
        "workarounds": [],
        "status": string(cve, "vulnStatus"),
        "published": string(cve, "published"),
        "modified": string(cve, "lastModified"),
        "known_exploited": _known_exploited(cve),
        "format": "nvd",
        "cves": [string(cve, "id")],
        "parent": "",
    }


def nvd_entry(record: dict[str, Any], path: str, fetched: str = "") -> Entry:
    """Return what an NVD entry says.

    Args:
        record: for which is_nvd holds.
        path: file that it stands in.
        fetched: when it was asked for, where it came from the API.
    """
    cve = mapping(record, "cve") or record
    identifier, texts = string(cve, "id"), english_under(cve, "descriptions")
    rank = (RANK, string(cve, "lastModified"), content_digest(cve))
    description = texts[0] if texts else ""
    reason = Reason("cve.rejected") if string(cve, "vulnStatus") == "Rejected" else withdrawn(description)
    if reason:
        return Entry(identifier, rank, None, reason, description[:200])
    if not description:
        return Entry(identifier, rank, None, Reason("cve.no_description"))
    fields = _fields(cve, description)
    document = Document(
        id=identifier,
        kind="vulnerability",
        title=string(cve, "cisaVulnerabilityName") or identifier,
        text=text_of_fields(fields),
        fields=fields,
        source="cve",
        source_version="NVD JSON 2.0",
        license=LICENSE,
        url=f"https://nvd.nist.gov/vuln/detail/{identifier}",
        path=path,
        fetched=fetched,
    )
    return Entry(identifier, rank, document)
