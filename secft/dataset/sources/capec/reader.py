"""MITRE's CAPEC attack patterns and their mitigations: a STIX 2.1 bundle.

Fields of a document (kind ``attack_pattern``): ``description``, ``extended_description``, ``prerequisites`` [text],
``consequences`` [{scope, impacts}], ``mitigations`` [{id, description}], ``indicators`` [text] (of an attack, for
detection), ``likelihood``, ``severity``, ``skills`` [{level, description}], ``resources`` [text], ``domains``,
``alternate_terms``, ``abstraction`` (Meta, Standard, Detailed), ``status``, ``relations`` [{nature, id}], ``parent``
(an id or empty), ``cwes`` and ``techniques`` (of ATT&CK).

What defenders do not need is left out: the step-by-step execution flow and the example instances.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from secft.dataset.sources.capec import CapecSource
from secft.dataset.sources.capec.bundle import EXPECTED, Bundle, external_ids, read_bundle
from secft.dataset.sources.capec.text import plain_text
from secft.dataset.sources.reading.input_files import path_problems
from secft.dataset.sources.reading.json_values import mapping, string, strings
from secft.dataset.sources.source import Reader, ReadLog
from secft.errors import InputError, Problem
from secft.reasons import Reason
from secft.records import Document
from secft.security.identifiers import is_id, only

LICENSE = "CAPEC Terms of Use (royalty-free use with attribution; Copyright The MITRE Corporation)"
HOME = "https://capec.mitre.org/"
_RETIRED = ("Deprecated", "Obsolete")
_NATURES = {"child_of": "ChildOf", "parent_of": "ParentOf", "peer_of": "PeerOf",
            "can_precede": "CanPrecede", "can_follow": "CanFollow"}  # fmt: skip


def _texts(record: dict[str, Any], key: str) -> list[str]:
    return [text for text in map(plain_text, strings(record, key)) if text]


def _levels(record: dict[str, Any], key: str) -> dict[str, str]:
    found = mapping(record, key)
    return {level: plain_text(string(found, level)) for level in sorted(found, key=str)}


def _consequences(record: dict[str, Any]) -> list[dict[str, Any]]:
    found = mapping(record, "x_capec_consequences")
    return [
        {"scope": scope.replace("_", " "), "impacts": list(dict.fromkeys(_texts(found, scope)))}
        for scope in sorted(found)
    ]


def _mitigations(record: dict[str, Any], bundle: Bundle) -> list[dict[str, str]]:
    found = {
        plain_text(string(course, "description")): string(course, "name")
        for course in bundle.mitigations(string(record, "id"))
    }
    return [{"id": name, "description": description} for description, name in found.items() if description]


def _relations(record: dict[str, Any], bundle: Bundle) -> list[dict[str, str]]:
    return [
        {"nature": nature, "id": bundle.names[ref]}
        for key, nature in _NATURES.items()
        for ref in sorted(set(strings(record, f"x_capec_{key}_refs")), key=bundle.order)
        if ref in bundle.names
    ]


def _fields(record: dict[str, Any], bundle: Bundle) -> dict[str, Any]:
    relations = _relations(record, bundle)
    skills = _levels(record, "x_capec_skills_required")
    techniques = [name for name in external_ids(record, "ATTACK") if is_id(name, "technique")]
    return {
        "description": plain_text(string(record, "description")),
        "extended_description": plain_text(string(record, "x_capec_extended_description")),
        "prerequisites": _texts(record, "x_capec_prerequisites"),
        "consequences": _consequences(record),
        "mitigations": _mitigations(record, bundle),
        "indicators": _texts(record, "x_capec_indicators"),
        "likelihood": string(record, "x_capec_likelihood_of_attack"),
        "severity": string(record, "x_capec_typical_severity"),
        "skills": [{"level": level, "description": text} for level, text in skills.items()],
        "resources": _texts(record, "x_capec_resources_required"),
        "domains": list(dict.fromkeys(strings(record, "x_capec_domains"))),
        "alternate_terms": _texts(record, "x_capec_alternate_terms"),
        "abstraction": string(record, "x_capec_abstraction"),
        "status": string(record, "x_capec_status"),
        "relations": relations,
        "parent": next((item["id"] for item in relations if item["nature"] == "ChildOf"), ""),
        "cwes": only("cwe", external_ids(record, "cwe")),
        "techniques": list(dict.fromkeys(techniques)),
    }


def _listed(head: str, items: list[str]) -> str:
    return "\n".join([head, *(f"- {item}" for item in items)]) if items else ""


def _text(fields: dict[str, Any]) -> str:
    consequences = [f"{item['scope']}: {', '.join(item['impacts'])}" for item in fields["consequences"]]
    parts = [
        fields["description"],
        fields["extended_description"],
        _listed("Prerequisites:", fields["prerequisites"]),
        _listed("Consequences:", consequences),
        _listed("Mitigations:", [item["description"] for item in fields["mitigations"]]),
        _listed("Indicators:", fields["indicators"]),
    ]
    return "\n\n".join(part for part in parts if part)


def _document(record: dict[str, Any], name: str, bundle: Bundle, config: CapecSource) -> Document:
    fields = _fields(record, bundle)
    return Document(
        id=name,
        kind="attack_pattern",
        title=" ".join(string(record, "name").split()),
        text=_text(fields),
        fields=fields,
        source="capec",
        source_version=bundle.version,
        license=LICENSE,
        url=f"{HOME}data/definitions/{name.removeprefix('CAPEC-')}.html",
        path=config.path,
    )


def _fault(record: dict[str, Any], name: str) -> Reason | None:
    """Return why a pattern becomes no document, or None."""
    status = string(record, "x_capec_status")
    if not name:
        return Reason("record.no_id")
    if status in _RETIRED:
        return Reason("record.status", status)
    if record.get("revoked") is True:
        return Reason("record.revoked")
    if not string(record, "name") or not plain_text(string(record, "description")):
        return Reason("capec.incomplete")
    return None


def _read(config: CapecSource, log: ReadLog) -> Iterator[Document]:
    """Yield the attack patterns that are in use.

    Raises:
        InputError: the file is not a STIX bundle with attack patterns of CAPEC.
    """
    bundle = read_bundle(Path(config.path))
    seen: set[str] = set()
    for record in bundle.patterns:
        name = bundle.names.get(string(record, "id"), "") or next(iter(bundle.own_ids(record)), "")
        reason = _fault(record, name) or (Reason("record.repeated_id") if name in seen else None)
        if reason:
            log.refuse(name or string(record, "id") or "attack-pattern", reason)
            continue
        seen.add(name)
        yield _document(record, name, bundle, config)
    if not any(bundle.own_ids(record) for record in bundle.patterns):
        raise InputError(f"{config.path}: no attack-pattern has an id of CAPEC; expected {EXPECTED}.")


def _external_files(config: CapecSource) -> dict[str, Path]:
    return {"bundle": Path(config.path)}


def _problems(config: CapecSource, key: str) -> list[Problem]:
    return path_problems(config.path, f"{key}.path")


READER = Reader(read=_read, external_files=_external_files, problems=_problems)
