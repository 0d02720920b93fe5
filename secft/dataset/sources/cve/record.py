"""CVE JSON 5 records, as in the repository cvelistV5.

Source: CVE JSON record format 5.1 (github.com/CVEProject/cve-schema).
"""

from __future__ import annotations

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
from secft.dataset.sources.cve.version_ranges import affects, record_versions
from secft.dataset.sources.reading.json_values import mapping, mappings, string
from secft.reasons import Reason
from secft.records import Document
from secft.security.identifiers import is_id, leading_cwes

LICENSE = "CVE Terms of Use (Copyright The MITRE Corporation)"
RANK = 0
_STATES = {"rejected": Reason("cve.rejected"), "reserved": Reason("cve.reserved")}
_METRICS = {"cvssV4_0": "4.0", "cvssV3_1": "3.1", "cvssV3_0": "3.0", "cvssV2_0": "2.0"}


def is_record(record: dict[str, Any]) -> bool:
    """Tell whether an object is a CVE JSON 5 record."""
    identifier = string(mapping(record, "cveMetadata"), "cveId")
    return string(record, "dataType") == "CVE_RECORD" and is_id(identifier, "cve")


def _containers(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the container of the CNA, then those of others (ADP) who added something."""
    containers = mapping(record, "containers")
    return [mapping(containers, "cna"), *mappings(containers, "adp")]


def _scores(containers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return preferred(
        read_score(
            mapping(metric, key), version, string(mapping(container, "providerMetadata"), "shortName"), place == 0
        )
        for place, container in enumerate(containers)
        for metric in mappings(container, "metrics")
        for key, version in _METRICS.items()
    )


def _affected(container: dict[str, Any]) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], dict[str, None]] = {}
    for item in mappings(container, "affected"):
        vendor, product = string(item, "vendor"), string(item, "product") or string(item, "packageName")
        name = ("" if vendor.lower() in ("n/a", "unknown") else vendor, "" if product.lower() == "n/a" else product)
        if any(name) and affects(item):
            found.setdefault(name, {}).update(dict.fromkeys(record_versions(item)))
    return [{"vendor": vendor, "product": product, "versions": list(said)} for (vendor, product), said in found.items()]


def _fields(record: dict[str, Any], description: str) -> dict[str, Any]:
    meta, containers = mapping(record, "cveMetadata"), _containers(record)
    cna, scores = containers[0], _scores(containers)
    return {
        "description": description,
        "title": " ".join(string(cna, "title").split()),
        "cvss": scores[0] if scores else {},
        "scores": scores,
        "cwes": leading_cwes(
            string(text, "cweId") or string(text, "description")
            for container in containers
            for problem in mappings(container, "problemTypes")
            for text in mappings(problem, "descriptions")
        ),
        "affected": _affected(cna) or [item for extra in containers[1:] for item in _affected(extra)],
        "references": references(item for container in containers for item in mappings(container, "references")),
        "solutions": english_under(cna, "solutions"),
        "workarounds": english_under(cna, "workarounds"),
        "status": string(meta, "state"),
        "published": string(meta, "datePublished"),
        "modified": string(meta, "dateUpdated"),
        "known_exploited": {},
        "format": "cve5",
        "cves": [string(meta, "cveId")],
        "parent": "",
    }


def record_entry(record: dict[str, Any], path: str) -> Entry:
    """Return what a CVE JSON 5 record says.

    Args:
        record: for which is_record holds.
        path: file that it stands in.
    """
    meta, cna = mapping(record, "cveMetadata"), mapping(mapping(record, "containers"), "cna")
    identifier, state = string(meta, "cveId"), string(meta, "state").lower()
    rank = (RANK, string(meta, "dateUpdated"), content_digest(record))
    texts = english_under(cna, "descriptions")
    description = texts[0] if texts else ""
    reason = _STATES.get(state) or withdrawn(description)
    if reason:
        said = english_under(cna, "rejectedReasons") or texts
        return Entry(identifier, rank, None, reason, said[0][:200] if said else "")
    if not description:
        return Entry(identifier, rank, None, Reason("cve.no_description"))
    fields = _fields(record, description)
    document = Document(
        id=identifier,
        kind="vulnerability",
        title=fields["title"] or identifier,
        text=text_of_fields(fields),
        fields=fields,
        source="cve",
        source_version=f"CVE JSON {string(record, 'dataVersion')}".strip(),
        license=LICENSE,
        url=f"https://www.cve.org/CVERecord?id={identifier}",
        path=path,
    )
    return Entry(identifier, rank, document)
