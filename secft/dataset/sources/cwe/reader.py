"""MITRE's Common Weakness Enumeration: the XML catalogue, as a file or out of the package cwe2.

Fields of a document (kind ``weakness``): ``description``, ``extended_description``, ``consequences``
[{scopes, impacts, note}], ``mitigations`` [{phases, strategy, description, effectiveness}],
``detection_methods`` [{method, description, effectiveness}], ``demonstrative_examples`` [{intro, body}] (prose only,
no code), ``observed_examples`` [{cve, description}], ``relations`` [{nature, id}], ``parent`` (an id or empty),
``abstraction``, ``status``, ``likelihood``, ``platforms`` and ``alternate_terms`` [{term, description}].
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from secft.dataset.sources.cwe import CweSource
from secft.dataset.sources.cwe.catalogue import (
    EXPECTED,
    CweCatalogue,
    child,
    grandchildren,
    open_catalogue,
    prose,
    text_of,
    texts_of,
    weaknesses,
)
from secft.dataset.sources.reading.input_files import missing_package, package_file, package_problems, path_problems
from secft.dataset.sources.source import Reader, ReadLog
from secft.errors import InputError, Problem
from secft.reasons import Reason
from secft.records import Document

LICENSE = "CWE Terms of Use (royalty-free use with attribution; Copyright The MITRE Corporation)"
_PACKAGE, _PATTERN = "cwe2", "database_v*/cwec_v*.xml"
_RETIRED = ("Deprecated", "Obsolete")
_ALLOWED_RELATIONS = ("ChildOf", "ParentOf", "PeerOf", "CanPrecede", "CanFollow", "CanAlsoBe", "Requires", "StartsWith")


def _path(config: CweSource) -> Path:
    found = Path(config.path) if config.path else package_file(_PACKAGE, _PATTERN)
    if found is None:
        raise missing_package(_PACKAGE, "The CWE catalogue")
    return found


def _external_files(config: CweSource) -> dict[str, Path]:
    return {"catalogue": _path(config)}


def _problems(config: CweSource, key: str) -> list[Problem]:
    if config.path is not None:
        return path_problems(config.path, f"{key}.path")
    return package_problems(_PACKAGE, _PATTERN, f"{key}.path")


def _relations(weakness: Element) -> list[dict[str, str]]:
    found = {
        (item.get("Nature", ""), f"CWE-{item.get('CWE_ID', '')}"): None
        for item in grandchildren(weakness, "Related_Weaknesses", "Related_Weakness")
        if item.get("Nature") in _ALLOWED_RELATIONS and item.get("CWE_ID", "").isdigit()
    }
    return [{"nature": nature, "id": identifier} for nature, identifier in found]


def _platforms(weakness: Element) -> list[str]:
    items = [item.get("Name") or item.get("Class") or "" for item in (child(weakness, "Applicable_Platforms") or [])]
    return [name for name in dict.fromkeys(items) if name and not name.startswith("Not ")]


def _fields(weakness: Element) -> dict[str, Any]:
    relations = _relations(weakness)
    return {
        "description": prose(child(weakness, "Description")),
        "extended_description": prose(child(weakness, "Extended_Description")),
        "consequences": [
            {"scopes": texts_of(item, "Scope"), "impacts": texts_of(item, "Impact"), "note": text_of(item, "Note")}
            for item in grandchildren(weakness, "Common_Consequences", "Consequence")
        ],
        "mitigations": [
            {
                "phases": texts_of(item, "Phase"),
                "strategy": text_of(item, "Strategy"),
                "description": prose(child(item, "Description")),
                "effectiveness": text_of(item, "Effectiveness"),
            }
            for item in grandchildren(weakness, "Potential_Mitigations", "Mitigation")
        ],
        "detection_methods": [
            {
                "method": text_of(item, "Method"),
                "description": prose(child(item, "Description")),
                "effectiveness": text_of(item, "Effectiveness"),
            }
            for item in grandchildren(weakness, "Detection_Methods", "Detection_Method")
        ],
        "demonstrative_examples": [
            {"intro": text_of(item, "Intro_Text"), "body": " ".join(texts_of(item, "Body_Text"))}
            for item in grandchildren(weakness, "Demonstrative_Examples", "Demonstrative_Example")
        ],
        "observed_examples": [
            {"cve": text_of(item, "Reference"), "description": text_of(item, "Description")}
            for item in grandchildren(weakness, "Observed_Examples", "Observed_Example")
        ],
        "relations": relations,
        "parent": next((item["id"] for item in relations if item["nature"] == "ChildOf"), ""),
        "abstraction": weakness.get("Abstraction", ""),
        "status": weakness.get("Status", ""),
        "likelihood": text_of(weakness, "Likelihood_Of_Exploit"),
        "platforms": _platforms(weakness),
        "alternate_terms": [
            {"term": text_of(item, "Term"), "description": text_of(item, "Description")}
            for item in grandchildren(weakness, "Alternate_Terms", "Alternate_Term")
        ],
    }


def _text(fields: dict[str, Any]) -> str:
    parts = [fields["description"], fields["extended_description"]]
    parts += [item["note"] for item in fields["consequences"]]
    parts += [item["description"] for item in fields["mitigations"] + fields["detection_methods"]]
    return "\n\n".join(part for part in parts if part)


def _document(weakness: Element, number: str, catalogue: CweCatalogue) -> Document:
    fields = _fields(weakness)
    return Document(
        id=f"CWE-{number}",
        kind="weakness",
        title=" ".join(weakness.get("Name", "").split()),
        text=_text(fields),
        fields=fields,
        source="cwe",
        source_version=catalogue.version,
        license=LICENSE,
        url=f"https://cwe.mitre.org/data/definitions/{number}.html",
    )


def _read(config: CweSource, log: ReadLog) -> Iterator[Document]:
    """Yield the weaknesses that are in use.

    Raises:
        InputError: the file is not a complete CWE catalogue.
        MissingExtraError: no path is given and the package cwe2 is not installed.
    """
    catalogue = open_catalogue(_path(config))
    found = 0
    for weakness in weaknesses(catalogue):
        found += 1
        number, status = weakness.get("ID", ""), weakness.get("Status", "")
        if not number.isascii() or not number.isdigit():
            log.refuse(f"Weakness {number!r}", Reason("record.no_id"))
        elif status in _RETIRED:
            log.refuse(f"CWE-{number}", Reason("record.status", status))
        elif text_of(child(weakness, "Mapping_Notes"), "Usage").startswith("Prohibited"):
            log.refuse(f"CWE-{number}", Reason("cwe.mapping_prohibited"))
        elif not text_of(weakness, "Description"):
            log.refuse(f"CWE-{number}", Reason("record.no_description"))
        else:
            yield _document(weakness, number, catalogue)
    if not found:
        raise InputError(f"{catalogue.path}: contains no weakness; expected {EXPECTED}.")


READER = Reader(read=_read, external_files=_external_files, problems=_problems)
