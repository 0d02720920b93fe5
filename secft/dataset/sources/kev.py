"""CISA's Known Exploited Vulnerabilities: what is exploited, what to do about it, and until when.

Fields of a document (kind ``vulnerability``): ``cve``, ``cves`` and ``parent`` (all the same CVE: what other sources
say about it belongs to the same family), ``vendor``, ``product``, ``description``, ``required_action``,
``date_added``, ``due_date``, ``known_ransomware_use`` (``Known`` or ``Unknown``), ``cwes``, ``notes`` (prose) and
``references`` (addresses out of the notes).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secft.config.schemas.source import SourceConfig
from secft.config.setting import setting
from secft.dataset.sources.reading.input_files import path_problems, read_json_input
from secft.dataset.sources.reading.json_values import mappings, string, strings
from secft.dataset.sources.source import Reader, ReadLog, Source
from secft.dataset.text import sentences, squeeze
from secft.errors import InputError, Problem
from secft.reasons import Reason
from secft.records import Document
from secft.security.identifiers import is_id, only

EXPECTED = "CISA's catalogue of Known Exploited Vulnerabilities (JSON with a list `vulnerabilities`)"
LICENSE = "CC0-1.0"
HOME = "https://www.cisa.gov/known-exploited-vulnerabilities-catalog"
_NEEDED = (
    "vendorProject",
    "product",
    "vulnerabilityName",
    "dateAdded",
    "shortDescription",
    "requiredAction",
    "dueDate",
)
_URL = re.compile(r"https?://[^\s;,]+(?:,[^\s;,]+)*")
_HOLE = "\N{OBJECT REPLACEMENT CHARACTER}"
"""Stands for an address while sentences are told apart."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass
class KevSource(SourceConfig):
    """CISA's Known Exploited Vulnerabilities."""

    name: str = "kev"
    path: str = setting(about="known_exploited_vulnerabilities.json, plain or gzipped.", file=True)


def _notes(entry: dict[str, Any]) -> tuple[str, list[str]]:
    """Return the sentences of the notes that point to no address, and the addresses."""
    notes = string(entry, "notes")
    addresses = list(dict.fromkeys(address.rstrip(".)") for address in _URL.findall(notes)))
    whole = [item for item in sentences(squeeze(_URL.sub(_HOLE, notes))) if _HOLE not in item]
    return " ".join(item for item in whole if item != "N/A"), addresses


def _fields(entry: dict[str, Any], cve: str) -> dict[str, Any]:
    notes, references = _notes(entry)
    return {
        "cve": cve,
        "cves": [cve],
        "parent": cve,
        "vendor": string(entry, "vendorProject"),
        "product": string(entry, "product"),
        "description": squeeze(string(entry, "shortDescription")),
        "required_action": squeeze(string(entry, "requiredAction")),
        "date_added": string(entry, "dateAdded"),
        "due_date": string(entry, "dueDate"),
        "known_ransomware_use": string(entry, "knownRansomwareCampaignUse") or "Unknown",
        "cwes": only("cwe", strings(entry, "cwes")),
        "notes": notes,
        "references": references,
    }


def _text(fields: dict[str, Any]) -> str:
    ransomware = "Known to be used in ransomware campaigns." if fields["known_ransomware_use"] == "Known" else ""
    vendor, product = fields["vendor"], fields["product"]
    affected = product if product.casefold().startswith(vendor.casefold()) else f"{vendor} {product}"
    parts = [
        fields["description"],
        f"Affected: {affected} ({fields['cve']}).",
        f"Exploited in the wild: added to the catalogue on {fields['date_added']}. {ransomware}".strip(),
        f"Required action, due on {fields['due_date']}: {fields['required_action']}",
        fields["notes"],
    ]
    return "\n\n".join(part for part in parts if part)


def _fault(entry: dict[str, Any], seen: set[str]) -> tuple[Reason | None, str]:
    """Return why an entry becomes no document, and what about this one; None and an empty string if it is good."""
    cve = string(entry, "cveID")
    if not is_id(cve, "cve"):
        return Reason("kev.no_cve"), ""
    missing = [key for key in _NEEDED if not string(entry, key)]
    if missing:
        return Reason("kev.missing_value"), ", ".join(missing)
    if not all(_DAY.fullmatch(string(entry, key)) for key in ("dateAdded", "dueDate")):
        return Reason("kev.date"), ""
    return (Reason("record.repeated_id") if cve in seen else None), ""


def _read(config: KevSource, log: ReadLog) -> Iterator[Document]:
    """Yield the catalogue's entries.

    Raises:
        InputError: the file is not the catalogue, or it holds nothing.
    """
    catalogue = read_json_input(Path(config.path), EXPECTED)
    if not isinstance(catalogue, dict) or not mappings(catalogue, "vulnerabilities"):
        raise InputError(f"{config.path}: has no list of vulnerabilities; expected {EXPECTED}.")
    version = string(catalogue, "catalogVersion") or string(catalogue, "dateReleased")[:10] or "unknown"
    seen: set[str] = set()
    for number, entry in enumerate(catalogue["vulnerabilities"], start=1):
        if not isinstance(entry, dict):
            log.refuse(f"entry {number}", Reason("record.not_object"))
            continue
        cve = string(entry, "cveID")
        reason, detail = _fault(entry, seen)
        if reason:
            log.refuse(f"KEV:{cve}" if is_id(cve, "cve") else f"entry {number}", reason, detail)
            continue
        seen.add(cve)
        fields = _fields(entry, cve)
        yield Document(
            id=f"KEV:{cve}",
            kind="vulnerability",
            title=squeeze(string(entry, "vulnerabilityName")),
            text=_text(fields),
            fields=fields,
            source="kev",
            source_version=version,
            license=LICENSE,
            url=f"{HOME}?search_api_fulltext={cve}",
            path=config.path,
        )


def _external_files(config: KevSource) -> dict[str, Path]:
    return {"catalogue": Path(config.path)}


def _problems(config: KevSource, key: str) -> list[Problem]:
    return path_problems(config.path, f"{key}.path")


READER = Reader(read=_read, external_files=_external_files, problems=_problems)
SOURCE = Source(KevSource, kinds=("vulnerability",), version=1, reader=lambda: READER, home=HOME)
